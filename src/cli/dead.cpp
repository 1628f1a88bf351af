// SPDX-License-Identifier: Apache-2.0
#include "gateway/dead_commands.hpp"

#include <memory>

#include "cli/commands.hpp"

namespace tributary::cli {

void add_dead(CLI::App& app, int& exit_code) {
    auto* dead = app.add_subcommand("dead", "Look after what could not be decoded, and what Kafka refused for good");
    dead->require_subcommand(1);
    auto options = std::make_shared<gateway::DeadOptions>();
    options->config_path = kDefaultConfig;
    const auto add = [&, options](const char* name, const char* help, int (*run)(const gateway::DeadOptions&)) {
        auto* command = dead->add_subcommand(name, help);
        command->add_option("-c,--config", options->config_path, "Configuration file that names the store")
            ->capture_default_str();
        command->add_option("--store", options->path, "The store's file, instead of the configuration's");
        command->add_option("--log", options->log, "Only of this log; without a log a bare number is of dead")
            ->check(CLI::IsMember({"dead", "refused"}));
        command->add_flag("--json", options->json, "Print JSON");
        command->callback([options, run, &exit_code] { exit_code = run(*options); });
        return command;
    };
    const auto letters = [&](CLI::App* command) {
        return command->add_option("letters", options->letters, "12, dead/12, refused/3: as `dead ls` names them");
    };
    const auto written = [&](CLI::App* command) {
        auto* named = letters(command);
        command->add_flag("--all", options->all, "All of them")->excludes(named);
        command->add_option("--socket", options->socket, "Control socket of the running gateway");
    };
    auto* ls = add("ls", "The letters that are kept, newest last", gateway::dead_ls);
    ls->add_option("-n,--limit", options->limit, "At most so many, the newest; 0 = all")->capture_default_str();
    auto* show = add("show", "One in full: payload, reason, what to do", gateway::dead_show);
    letters(show)->required();
    show->add_flag("--hex", options->hex, "The payload byte by byte");
    auto* retry = add("retry",
                      "Dead: take the message in again, under the present configuration, with a new id. Refused: send "
                      "the record again, with its id",
                      gateway::dead_retry);
    written(retry);
    retry->add_option("--brokers", options->brokers, "Kafka for refused records, instead of the configuration's");
    written(add("purge", "Delete letters that nobody needs any more", gateway::dead_purge));
}

}  // namespace tributary::cli
