// SPDX-License-Identifier: Apache-2.0
// Are the brokers there, and our topics? One metadata request answers both, so it is also how the replicator learns
// that an outage is over. Used by the replicator's thread and by probe(). Asks for all topics instead of ours by name:
// asking by name would let a broker make them its own way (auto.create.topics.enable).
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "kafka/client.hpp"

namespace tributary::kafka {

struct TopicCheck {
    bool reached = false;
    std::string error;                 // why not
    std::vector<std::string> missing;  // of those asked for
    int brokers = 0;
    std::string partitions;  // of those asked for: no leader, too few replicas in sync; "" = all is well
};

// Blocks until a broker answers, at most timeout_ms; starts connecting when nothing is connected.
TopicCheck check_topics(rd_kafka_t* client, const std::vector<std::string>& names, int timeout_ms);

// The answer comes as an event on `queue`. validate_only: only whether it could be done.
void create_topics(rd_kafka_t* client, rd_kafka_queue_t* queue, const std::vector<std::string>& names,
                   const config::KafkaSettings& settings, bool validate_only);

struct Creation {
    std::vector<std::string> done;                              // made, or there already
    std::vector<std::pair<std::string, std::string>> failures;  // topic, why; topic "" = the whole request
};
Creation creation_result(rd_kafka_event_t* event);

// What a person has to do when a topic is missing.
std::string missing_topic_text(const std::string& topic, const config::KafkaSettings& settings, const std::string& why);

}  // namespace tributary::kafka
