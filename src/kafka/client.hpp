// SPDX-License-Identifier: Apache-2.0
// The few things of librdkafka that more than one file of this room needs: owning handles, the producer's
// configuration (our promises first, then the user's properties), errors by what they mean for us.
// Owned by whoever holds the handle; no thread of its own. It does not connect and does not send.
#pragma once

#include <librdkafka/rdkafka.h>

#include <memory>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "config/settings.hpp"
#include "model/log.hpp"

namespace tributary::kafka {

struct Delete {
    void operator()(rd_kafka_t* p) const { rd_kafka_destroy(p); }
    void operator()(rd_kafka_conf_t* p) const { rd_kafka_conf_destroy(p); }
    void operator()(rd_kafka_queue_t* p) const { rd_kafka_queue_destroy(p); }
    void operator()(rd_kafka_topic_t* p) const { rd_kafka_topic_destroy(p); }
    void operator()(rd_kafka_event_t* p) const { rd_kafka_event_destroy(p); }
    void operator()(rd_kafka_headers_t* p) const { rd_kafka_headers_destroy(p); }
    void operator()(rd_kafka_NewTopic_t* p) const { rd_kafka_NewTopic_destroy(p); }
    void operator()(rd_kafka_AdminOptions_t* p) const { rd_kafka_AdminOptions_destroy(p); }
    void operator()(const struct rd_kafka_metadata* p) const { rd_kafka_metadata_destroy(p); }
    void operator()(rd_kafka_ConfigResource_t* p) const { rd_kafka_ConfigResource_destroy(p); }
    void operator()(rd_kafka_error_t* p) const { rd_kafka_error_destroy(p); }
    void operator()(rd_kafka_message_t* p) const { rd_kafka_message_destroy(p); }
    void operator()(rd_kafka_topic_partition_list_t* p) const { rd_kafka_topic_partition_list_destroy(p); }
    void operator()(rd_kafka_consumer_group_metadata_t* p) const { rd_kafka_consumer_group_metadata_destroy(p); }
};
template <class T>
using Owned = std::unique_ptr<T, Delete>;

// How a producer sends. `singly` makes every record its own batch, sent at once: the broker refuses whole batches, so
// this is how one bad record is told from its neighbours.
enum class Sending { batched, singly };

base::Result<Owned<rd_kafka_conf_t>> producer_conf(const config::Settings& settings, const std::string& brokers,
                                                   Sending sending);
// settings: whose login it uses, and they outlive it; null: none.
base::Result<Owned<rd_kafka_t>> make_producer(Owned<rd_kafka_conf_t> conf, const config::Settings* settings = nullptr);
base::Result<Owned<rd_kafka_t>> make_producer(const config::Settings& settings, const std::string& brokers,
                                              Sending sending);
// Reads what is committed. Without a group only single partitions can be read.
base::Result<Owned<rd_kafka_t>> make_consumer(const config::Settings& settings, const std::string& brokers,
                                              const std::string& group);

Owned<rd_kafka_topic_partition_list_t> one_partition(const std::string& topic, int32_t partition);

std::vector<std::string> topics_of(const config::Settings& settings);  // all that we send to

}  // namespace tributary::kafka
