// SPDX-License-Identifier: Apache-2.0
#include "gateway/replay.hpp"

#include <iostream>
#include <memory>

#include "cli/commands.hpp"
#include "gateway/replay_send.hpp"
#include "model/log.hpp"

namespace tributary::cli {
namespace {

struct Options : gateway::ReplayOptions {
    gateway::ReplaySendOptions again;
    bool send = false;
};

int run(Options& options) {
    if (!options.send) return gateway::replay(options);
    if (options.inputs.size() != 1) {
        std::cerr << "tributary replay --send: one store at a time\n";
        return 2;
    }
    options.again.config_path = options.config_path;
    options.again.path = options.inputs.front();
    options.again.json = options.json;
    return gateway::replay_send(options.again);
}

}  // namespace

void add_replay(CLI::App& app, int& exit_code) {
    auto* command = app.add_subcommand(
        "replay", "Run the engine over recorded messages or CSV, without brokers; or send a store's history once more");
    auto options = std::make_shared<Options>();
    options->config_path = kDefaultConfig;
    command->add_option("-c,--config", options->config_path, "Configuration file")->capture_default_str();
    command
        ->add_option("inputs", options->inputs,
                     "JSON lines of messages, *.csv, the *.db of a store, or - for standard input")
        ->required();
    auto* output =
        command->add_option("-o,--output", options->output, "Write records here instead of to standard output");
    auto* scores = command->add_option("--scores", options->scores, "Folder for the anomaly scores of each CSV");
    auto* compare =
        command->add_option("--compare", options->compare,
                            "Running configuration: print which alarms come, go and move instead of records");
    command->add_flag("--json", options->json, "Of a comparison, and of --send: print JSON");
    auto* no_flush =
        command->add_flag("!--no-flush", options->flush, "Leave windows and events open at the end of input");
    auto* send =
        command
            ->add_flag("--send", options->send,
                       "Send what Kafka got of this store to Kafka once more, with the same ids and the header "
                       "tb-replay; nothing is run through the engine")
            ->excludes(output)
            ->excludes(scores)
            ->excludes(compare)
            ->excludes(no_flush);
    std::vector<std::string> logs;
    for (const auto log : model::kLogs)
        if (log != model::Log::refused) logs.emplace_back(model::log_name(log));
    command->add_option("--from", options->again.from, "First record: a time like 2026-05-01T12:00:00Z, or its number")
        ->needs(send);
    command->add_option("--to", options->again.until, "Last record, likewise")->needs(send);
    command->add_option("--log", options->again.logs, "Only this log, as `store ls` names it; may be given again")
        ->check(CLI::IsMember(logs))
        ->allow_extra_args(false)  // what follows is the store
        ->needs(send);
    command->add_option("--brokers", options->again.brokers, "Kafka, instead of the configuration's")->needs(send);
    command->add_flag("--dry-run", options->again.dry_run, "Only count")->needs(send);
    command->callback([options, &exit_code] { exit_code = run(*options); });
}

}  // namespace tributary::cli
