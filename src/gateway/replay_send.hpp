// SPDX-License-Identifier: Apache-2.0
// `tributary replay STORE.db --send`: a range of a store's history to Kafka once more, with the ids it had and the
// header tb-replay. From the command's own process, beside a running gateway or without one; the store is read only,
// no cursor moves and nothing is counted. For users: docs/replay.md.
#pragma once

#include <string>
#include <vector>

namespace tributary::gateway {

struct ReplaySendOptions {
    std::string config_path, path;
    std::string from, until;        // as of `store export`
    std::vector<std::string> logs;  // none: all that goes to Kafka
    std::string brokers;            // "" = the configuration's
    bool dry_run = false, json = false;
};

// Exit code 0, 1 (failed, interrupted, or something of the range is gone), 2 (command line or configuration), 3 (newer
// store).
int replay_send(const ReplaySendOptions& options);

}  // namespace tributary::gateway
