// SPDX-License-Identifier: Apache-2.0
// What an error of Kafka asks for: of the replicator (Trouble), and of a person (what_to_do). The names of the errors
// are those of Kafka's protocol; which of them pass by themselves is librdkafka's knowledge, not ours. Pure; any
// thread. What it does not do: decide about health or retries (pump).
#pragma once

#include <string>

#include "kafka/client.hpp"

namespace tributary::kafka {

enum class Trouble {
    stamp,   // the broker does not take the record's timestamp (or that of a neighbour in its batch)
    record,  // this record will never be taken
    topic,   // nothing for this topic will be taken for now
    passing  // it may go when it is tried again
};
Trouble trouble_of(rd_kafka_resp_err_t error);

// One sentence for whoever looks after the brokers; "" = there is nothing to do but wait.
std::string what_to_do(rd_kafka_resp_err_t error, const std::string& topic);

// The same behind the error's own words: "Broker: Topic authorization failed: let this user ...".
std::string in_plain_words(rd_kafka_resp_err_t error, const std::string& topic);

}  // namespace tributary::kafka
