// SPDX-License-Identifier: Apache-2.0
// `tributary replay`: the engine without brokers. Reads messages from files (JSON lines) or series from CSV, writes one
// JSON line per record Kafka would get. One thread; uses no store and no clock. For users: docs/replay.md.
#pragma once

#include <iosfwd>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "config/settings.hpp"

namespace tributary::gateway {

struct ReplayOptions {
    std::string config_path;
    std::vector<std::string> inputs;  // *.csv = CSV, else JSON lines; "-" = JSON lines on standard input
    std::string output;               // "" = standard output
    std::string scores;               // folder for scores per CSV; "" = none
    bool flush = true;                // close windows and events at the end
};

// Exit code 0, 1 (an input or output failed) or 2 (configuration text); says why on standard error.
int replay(const ReplayOptions& options);

// The same with a configuration already read. Error TRB-REPLAY-001 (input, names file:line) or -002 (output).
base::Result<> replay(const config::Settings& settings, const ReplayOptions& options, std::ostream& out);

}  // namespace tributary::gateway
