// SPDX-License-Identifier: Apache-2.0
#include "gateway/replay.hpp"

#include <memory>

#include "cli/commands.hpp"

namespace tributary::cli {

void add_replay(CLI::App& app, int& exit_code) {
    auto* command = app.add_subcommand("replay", "Run the engine over recorded messages or CSV, without brokers");
    auto options = std::make_shared<gateway::ReplayOptions>();
    options->config_path = kDefaultConfig;
    command->add_option("-c,--config", options->config_path, "Configuration file")->capture_default_str();
    command
        ->add_option("inputs", options->inputs,
                     "JSON lines of messages, *.csv, the *.db of a store, or - for standard input")
        ->required();
    command->add_option("-o,--output", options->output, "Write records here instead of to standard output");
    command->add_option("--scores", options->scores, "Folder for the anomaly scores of each CSV");
    auto* compare =
        command->add_option("--compare", options->compare,
                            "Running configuration: print which alarms come, go and move instead of records");
    command->add_flag("--json", options->json, "Of a comparison: print JSON")->needs(compare);
    command->add_flag("!--no-flush", options->flush, "Leave windows and events open at the end of input");
    command->callback([options, &exit_code] { exit_code = gateway::replay(*options); });
}

}  // namespace tributary::cli
