// SPDX-License-Identifier: Apache-2.0
#include "gateway/bench.hpp"

#include <memory>

#include "cli/commands.hpp"

namespace tributary::cli {

void add_bench(CLI::App& app, int& exit_code) {
    auto* command = app.add_subcommand("bench", "Measure what this box can do: disk, engine, records");
    auto options = std::make_shared<gateway::BenchOptions>();
    command->add_option("--dir", options->dir, "Folder on the disk to measure; a temporary folder is made in it")
        ->capture_default_str();
    command->add_option("--seconds", options->seconds, "About how long, in all")
        ->capture_default_str()
        ->check(CLI::Range(1, 600));
    command->add_flag("--json", options->json, "Print JSON");
    command->callback([options, &exit_code] { exit_code = gateway::bench(*options); });
}

}  // namespace tributary::cli
