// SPDX-License-Identifier: Apache-2.0
// One function per command: declares its options on the application and what it runs. Exit codes: 0 ok, 1 failed,
// 2 usage or configuration text, 3 store of a newer version. No logic lives here.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

namespace tributary::cli {

inline constexpr const char* kDefaultConfig = "/etc/tributary/tributary.toml";

void add_run(CLI::App& app, int& exit_code);
void add_check(CLI::App& app, int& exit_code);
void add_status(CLI::App& app, int& exit_code);
void add_version(CLI::App& app, int& exit_code);
void add_list(CLI::App& app, int& exit_code);
void add_replay(CLI::App& app, int& exit_code);
void add_simulate(CLI::App& app, int& exit_code);
void add_bench(CLI::App& app, int& exit_code);
void add_store(CLI::App& app, int& exit_code);
void add_dead(CLI::App& app, int& exit_code);
void add_tail(CLI::App& app, int& exit_code);
void add_wipe(CLI::App& app, int& exit_code);
void add_profile(CLI::App& app, int& exit_code);

// Every command and option as JSON: man page and completions are made from it (scripts/man.py).
std::string commands_json(const CLI::App& app);

}  // namespace tributary::cli
