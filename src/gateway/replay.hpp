// SPDX-License-Identifier: Apache-2.0
// `tributary replay`: the engine without brokers. Reads messages from files (JSON lines) or series from CSV, writes one
// JSON line per record Kafka would get; or says how the alarms of two configurations differ. One thread; uses no clock
// and of a store nothing but its intake log. For users: docs/replay.md.
#pragma once

#include <iosfwd>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "config/settings.hpp"

namespace tributary::gateway {

struct ReplayOptions {
    std::string config_path;
    std::vector<std::string> inputs;  // *.csv = CSV, *.db = a store, else JSON lines; "-" = standard input
    std::string compare;              // the other configuration, "" = none: print records
    bool json = false;                // of a comparison
    std::string output;               // "" = standard output
    std::string scores;               // folder for scores per CSV; "" = none
    bool flush = true;                // close windows and events at the end
};

// Exit code 0, 1 (an input or output failed) or 2 (configuration text); says why on standard error.
int replay(const ReplayOptions& options);

// The same with a configuration already read. Error TRB-REPLAY-001 (input, names file:line) or -002 (output).
base::Result<> replay(const config::Settings& settings, const ReplayOptions& options, std::ostream& out);

}  // namespace tributary::gateway
