// SPDX-License-Identifier: Apache-2.0
#include <iostream>
#include <memory>

#include "cli/commands.hpp"
#include "engine/engine.hpp"
#include "record/json.hpp"

namespace tributary::cli {

void add_version(CLI::App& app, int&) {
    auto* command = app.add_subcommand("version", "Print the versions of program and engine");
    auto json = std::make_shared<bool>(false);
    command->add_flag("--json", *json, "Print JSON");
    command->callback([json] {
        std::string out;
        if (*json)
            record::JsonObject(out).text("version", TRIBUTARY_VERSION).text("engine", engine::kEngineVersion).end();
        else
            out = "tributary " TRIBUTARY_VERSION ", engine " + std::string(engine::kEngineVersion);
        std::cout << out << '\n';
    });
}

}  // namespace tributary::cli
