// SPDX-License-Identifier: Apache-2.0
// `tributary dead ls | show | retry | purge`: letters that could not be decoded (log `dead`) and records Kafka will
// never take (log `refused`). Reads the store beside a running gateway or without one; what has to be written the
// gateway writes while it runs, asked through its control socket. The caller's thread. For users: docs/dead.md.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace tributary::gateway {

struct DeadOptions {
    std::string config_path, path, socket;  // path, socket "" = the configuration's
    bool json = false;
    std::string log;                   // dead, refused; "" = both, and of a bare number: dead
    uint64_t limit = 50;               // of ls; 0 = all
    std::vector<std::string> letters;  // "12", "refused/3"
    bool all = false;
    bool hex = false;     // of show
    std::string brokers;  // of retry; "" = the configuration's
};

// Each gives the exit code: 0, 1 (failed, or some of it), 2 (command line or configuration), 3 (newer store).
int dead_ls(const DeadOptions& options);
int dead_show(const DeadOptions& options);
int dead_retry(const DeadOptions& options);
int dead_purge(const DeadOptions& options);

}  // namespace tributary::gateway
