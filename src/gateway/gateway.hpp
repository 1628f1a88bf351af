// SPDX-License-Identifier: Apache-2.0
// The running gateway: starts and stops the threads writer, engine_loop, kafka_loop and control around one store.
// run() belongs to the main thread and returns when the gateway has stopped.
#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"
#include "config/load.hpp"
#include "kafka/replicator.hpp"

namespace tributary::gateway {

struct RunOptions {
    std::string config_path;
    std::string socket;   // --socket; "" = from the configuration
    std::string version;  // of the program
};

// Until SIGTERM or SIGINT. Exit code 0, 1, 2 (configuration text) or 3 (store of a newer version).
int run(const RunOptions& options);

// Default control socket: $RUNTIME_DIRECTORY/control.sock, else /run/tributary/control.sock.
std::string default_socket();
// One request ("status", "status json", "metrics", "mute SERIES DURATION", "reload") to a running gateway, its answer.
base::Result<std::string> request(const std::string& socket, const std::string& line);

// `check --online`: both ends and the store folder, as findings for people.
std::vector<kafka::Finding> probe(const config::Settings& settings);

}  // namespace tributary::gateway
