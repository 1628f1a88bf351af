// SPDX-License-Identifier: Apache-2.0
// `tributary tail`: what stands in Kafka, line by line, for people and scripts. Reads nothing but the configuration and
// Kafka; the gateway need not run, and is not asked. The caller's thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace tributary::gateway {

struct TailCommand {
    std::string config_path, brokers;
    std::vector<std::string> topics;  // full names, or what follows the prefix: "events"
    std::string key, gateway, since;  // key: with * and ?
    int64_t last = -1;                // of each partition; -1: only what comes
    uint64_t count = 0;               // ends after so many; 0: goes on
    bool follow = true, json = false;
};

int tail(const TailCommand& command);  // exit code

}  // namespace tributary::gateway
