// SPDX-License-Identifier: Apache-2.0
#include <memory>

#include "board/commands.hpp"
#include "cli/commands.hpp"

namespace tributary::cli {

void add_profile(CLI::App& app, int& exit_code) {
    auto* profile = app.add_subcommand("profile", "Fit the gateway to the box: memory, queues, store, flash");
    profile->require_subcommand(1);
    auto options = std::make_shared<board::ProfileOptions>();
    options->boards = TRIBUTARY_DATA_DIR "/boards";
    const auto add = [&, options](const char* name, const char* help, int (*run)(const board::ProfileOptions&)) {
        auto* command = profile->add_subcommand(name, help);
        command->add_option("--boards", options->boards, "Folder of the board descriptions")->capture_default_str();
        command->add_option("--root", options->root, "Root folder of an image, instead of this machine");
        command->callback([options, run, &exit_code] { exit_code = run(*options); });
        return command;
    };
    const auto board = [options](CLI::App* command) {
        command->add_option("board", options->id, "A board; default: the one that is found");
    };
    add("detect", "Say which board this is, and by what it was recognised", board::profile_detect)
        ->add_flag("--json", options->json, "Print JSON");
    auto* show = add("show", "Print facts and budgets of a board", board::profile_show);
    board(show);
    show->add_flag("--json", options->json, "Print the board's description as it is");
    auto* apply =
        add("apply", "Write the board's budget into drop-ins of configuration and unit", board::profile_apply);
    board(apply);
    apply->add_flag("--dry-run", options->dry_run, "Print the drop-ins and write nothing");
}

}  // namespace tributary::cli
