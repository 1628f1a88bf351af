// SPDX-License-Identifier: Apache-2.0
#include <memory>

#include "cli/commands.hpp"
#include "gateway/gateway.hpp"

namespace tributary::cli {

void add_run(CLI::App& app, int& exit_code) {
    auto* command = app.add_subcommand("run", "Run the gateway until SIGTERM");
    auto options = std::make_shared<gateway::RunOptions>();
    options->config_path = kDefaultConfig;
    options->version = TRIBUTARY_VERSION;
    command->add_option("-c,--config", options->config_path, "Configuration file")->capture_default_str();
    command->add_option("--socket", options->socket, "Control socket, instead of the configured one");
    command->callback([options, &exit_code] { exit_code = gateway::run(*options); });
}

}  // namespace tributary::cli
