// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <exception>
#include <iostream>

#include "cli/commands.hpp"

namespace {

int run(int argc, char** argv) {
    CLI::App app{"Tributary: MQTT sensor data, safe on local disk first, then thought about, then in Kafka",
                 "tributary"};
    int exit_code = 0;
    app.require_subcommand(0, 1);
    app.set_help_all_flag("--help-all", "Print the help of all commands");
    for (const auto add :
         {tributary::cli::add_run, tributary::cli::add_check, tributary::cli::add_status, tributary::cli::add_list,
          tributary::cli::add_replay, tributary::cli::add_simulate, tributary::cli::add_bench,
          tributary::cli::add_store, tributary::cli::add_profile, tributary::cli::add_dead, tributary::cli::add_tail,
          tributary::cli::add_wipe, tributary::cli::add_version})
        add(app, exit_code);
    try {
        app.parse(argc, argv);
        if (app.get_subcommands().empty()) std::cout << app.help();
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : 2;
    }
    std::cout.flush();
    return exit_code == 0 && !std::cout ? 1 : exit_code;
}

}  // namespace

int main(int argc, char** argv) {
    try {
        return run(argc, argv);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "tributary: %s\n", error.what());
        return 1;
    }
}
