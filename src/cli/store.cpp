// SPDX-License-Identifier: Apache-2.0
#include <memory>

#include "cli/commands.hpp"
#include "gateway/store_commands.hpp"
#include "model/log.hpp"

namespace tributary::cli {

void add_store(CLI::App& app, int& exit_code) {
    auto* store = app.add_subcommand("store", "Look into the store, check it, mend it, copy it, send it, empty it");
    store->require_subcommand(1);
    auto options = std::make_shared<gateway::StoreOptions>();
    options->config_path = kDefaultConfig;
    const auto add = [&, options](const char* name, const char* help, int (*run)(const gateway::StoreOptions&),
                                  bool json) {
        auto* command = store->add_subcommand(name, help);
        command->add_option("-c,--config", options->config_path, "Configuration file that names the store")
            ->capture_default_str();
        command->add_option("--store", options->path, "The store's file, instead of the configuration's");
        if (json) command->add_flag("--json", options->json, "Print JSON");
        command->callback([options, run, &exit_code] { exit_code = run(*options); });
        return command;
    };
    add("ls", "Logs, cursors, sizes and damaged files beside it", gateway::store_ls, true);
    add("verify", "Check every block, index and small table; exit code 1 = damaged", gateway::store_verify, true);
    auto* repair =
        add("repair", "Take what is sound into a fresh file; not while a gateway runs", gateway::store_repair, true);
    repair->add_option("--to", options->to, "Write what is sound here and leave the damaged file as it is");
    std::vector<std::string> logs;
    logs.reserve(std::size(model::kLogs));
    for (const auto log : model::kLogs) logs.emplace_back(model::log_name(log));
    auto* dump = add("export", "Print the records of one log", gateway::store_export, false);
    dump->add_option("--log", options->log, "One of the store's logs, as `store ls` names them")
        ->check(CLI::IsMember(logs))
        ->capture_default_str();
    dump->add_option("--from", options->from, "First record: its number, or a time like 2026-05-01T12:00:00Z");
    dump->add_option("--to", options->until, "Last record, likewise");
    dump->add_option("--format", options->format, "jsonl (intake: what `replay` reads) or csv")
        ->check(CLI::IsMember({"jsonl", "csv"}))
        ->capture_default_str();
    dump->add_option("-o,--output", options->output, "Write here instead of to standard output");
    auto* backup =
        add("backup", "Copy the store of this moment into one file, and check the copy", gateway::store_backup, true);
    backup->add_option("file", options->to, "The copy; must not exist")->required();
    auto* ship = store->add_subcommand(
        "ship", "Send to Kafka what is left in the store of a box that is gone, from this machine, with the same ids");
    ship->add_option("file", options->path, "The box's store.db; its cursors advance, so work on a copy if in doubt")
        ->required();
    ship->add_option("-c,--config", options->config_path, "The box's configuration file")->capture_default_str();
    ship->add_option("--brokers", options->brokers, "Kafka, instead of the configuration's");
    ship->add_flag("--final", options->close_all,
                   "The box will not come back: send windows and events that were open, too, as they are");
    ship->callback([options, &exit_code] { exit_code = gateway::store_ship(*options); });
    auto* wipe =
        add("wipe", "Delete the store and all history in it; not while a gateway runs", gateway::store_wipe, true);
    wipe->add_flag("--yes", options->yes, "Yes, it is meant");
    wipe->add_flag("--damaged", options->damaged_too, "Delete the damaged files that were set aside, too");
}

void add_wipe(CLI::App& app, int& exit_code) {
    auto* command = app.add_subcommand(
        "wipe",
        "Take this box out of service: delete the store, and end the session that the MQTT broker keeps for it");
    auto options = std::make_shared<gateway::StoreOptions>();
    options->config_path = kDefaultConfig;
    command->add_option("-c,--config", options->config_path, "Configuration file")->capture_default_str();
    command->add_flag("--yes", options->yes, "Yes, it is meant");
    command->add_flag("--json", options->json, "Print JSON");
    command->callback([options, &exit_code] { exit_code = gateway::decommission(*options); });
}

}  // namespace tributary::cli
