// SPDX-License-Identifier: Apache-2.0
// What a topic's own configuration would do to data that comes days late: delete it, refuse it, stamp it anew. Asked by
// probe() only. What it does not do: change a topic.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "kafka/producer.hpp"
#include "kafka/replicator.hpp"

namespace tributary::kafka {

using TopicConfig = std::map<std::string, std::string>;  // names as in Kafka's documentation of topic configurations

// Warnings, each with the command that mends it. Pure. outage_ns: how late a record can be.
std::vector<Finding> judge_topic(const std::string& topic, const TopicConfig& config, int64_t outage_ns);

// The configurations of these topics, all that exist; or one finding that says why not.
std::vector<Finding> check_rules(Producer& client, const std::vector<std::string>& topics, int64_t outage_ns,
                                 int timeout_ms);

}  // namespace tributary::kafka
