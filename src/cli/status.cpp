// SPDX-License-Identifier: Apache-2.0
#include <iostream>
#include <memory>

#include "cli/commands.hpp"
#include "config/load.hpp"
#include "gateway/gateway.hpp"
#include "record/json.hpp"

namespace tributary::cli {
namespace {

struct StatusOptions {
    std::string config_path = kDefaultConfig, socket;
    bool json = false, metrics = false, ledger = false;
};

// The configured socket, when there is a readable configuration; it need not be the gateway's own at this moment.
std::string socket_of(const StatusOptions& options) {
    if (!options.socket.empty()) return options.socket;
    const auto loaded = config::load(options.config_path);
    return loaded.ok() ? loaded.settings->gateway.control_socket : gateway::default_socket();
}

int status(const StatusOptions& options) {
    const auto socket = socket_of(options);
    const std::string what = options.metrics ? "metrics" : options.ledger ? "ledger" : "status";
    const auto answer = gateway::request(socket, options.json ? what + " json" : what);
    if (answer) {
        std::cout << *answer;
        if (!answer->ends_with('\n')) std::cout << '\n';
        return 0;
    }
    if (options.json) {
        std::string out;
        record::JsonObject object(out);
        object.boolean("running", false);
        object.text("socket", socket).text("code", answer.error().code).text("error", answer.error().message).end();
        std::cout << out << '\n';
    }
    std::cerr << answer.error().text() << "\ntry: systemctl status tributary\n";
    return 1;
}

}  // namespace

void add_status(CLI::App& app, int& exit_code) {
    auto* command = app.add_subcommand("status", "Ask the running gateway how it is");
    auto options = std::make_shared<StatusOptions>();
    command->add_option("-c,--config", options->config_path, "Configuration file that names the socket")
        ->capture_default_str();
    command->add_option("--socket", options->socket, "Control socket");
    auto* json = command->add_flag("--json", options->json, "Print JSON");
    auto* ledger = command->add_flag("--ledger", options->ledger,
                                     "Print what has become of every message, by stream, and of every record, by log");
    command->add_flag("--metrics", options->metrics, "Print the metrics in Prometheus' text format")
        ->excludes(json)
        ->excludes(ledger);
    command->callback([options, &exit_code] { exit_code = status(*options); });
}

}  // namespace tributary::cli
