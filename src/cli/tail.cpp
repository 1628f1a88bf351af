// SPDX-License-Identifier: Apache-2.0
#include "gateway/tail.hpp"

#include <memory>

#include "cli/commands.hpp"

namespace tributary::cli {

void add_tail(CLI::App& app, int& exit_code) {
    auto* command = app.add_subcommand("tail", "Show what stands in Kafka, and what comes");
    auto options = std::make_shared<gateway::TailCommand>();
    options->config_path = kDefaultConfig;
    command->add_option("-c,--config", options->config_path, "Configuration file")->capture_default_str();
    command->add_option("topics", options->topics,
                        "readings, windows, events, ... or full names; default: all of the prefix");
    command->add_option("--brokers", options->brokers, "Other brokers than the configured ones");
    command->add_option("-k,--key", options->key, "Only records whose key (series) fits, with * and ?");
    command->add_option("--gateway", options->gateway, "Only records of this gateway");
    auto* since =
        command->add_option("--since", options->since, "From this age or time on: 10min, 2026-05-01T06:00:00Z");
    command->add_option("-n,--last", options->last, "Begin with so many of each partition")
        ->excludes(since)
        ->check(CLI::NonNegativeNumber);
    command->add_option("--count", options->count, "End after so many records");
    command->add_flag("!--no-follow", options->follow, "End where the topics end now");
    command->add_flag("--json", options->json, "One JSON object a line");
    command->callback([options, &exit_code] { exit_code = gateway::tail(*options); });
}

}  // namespace tributary::cli
