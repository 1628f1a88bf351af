// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <iostream>
#include <memory>

#include "base/log.hpp"
#include "cli/commands.hpp"
#include "config/load.hpp"
#include "engine/engine.hpp"
#include "gateway/gateway.hpp"
#include "record/json.hpp"

namespace tributary::cli {
namespace {

struct CheckOptions {
    std::string config_path = kDefaultConfig;
    bool online = false, json = false;
};

std::string count(size_t n, std::string_view one) { return base::format("{} {}{}", n, one, n == 1 ? "" : "s"); }

std::string summary(const config::Settings& settings) {
    size_t windows = 0, detectors = 0;
    for (const auto& stream : settings.streams) windows += stream.windows.size(), detectors += stream.detectors.size();
    const std::string mirror =
        settings.mirror ? base::format(", a copy to {} ({})", settings.mirror->name, settings.mirror->brokers) : "";
    return base::format("configuration is fine: {}, {}, {}; {} -> {} -> Kafka {}{}",
                        count(settings.streams.size(), "stream"), count(windows, "window"),
                        count(detectors, "detector"), settings.mqtt.urls.front(), settings.store.path,
                        settings.kafka.brokers.empty() ? "(no brokers)" : settings.kafka.brokers, mirror);
}

void print_json(bool ok, const std::vector<config::Diagnostic>& diagnostics,
                const std::vector<kafka::Finding>& findings) {
    std::string out;
    record::JsonObject object(out);
    object.boolean("ok", ok);
    object.key("diagnostics") += config::render_json(diagnostics);
    auto& list = object.key("online");
    list += '[';
    for (const auto& finding : findings) {
        if (&finding != &findings.front()) list += ',';
        record::JsonObject one(list);
        one.boolean("ok", finding.ok);
        one.boolean("warning", finding.warning);
        one.text("text", finding.text).end();
    }
    list += ']';
    object.end();
    std::cout << out << '\n';
}

int check(const CheckOptions& options) {
    auto loaded = config::load(options.config_path);
    if (loaded.ok())
        for (auto& more : engine::validate(*loaded.settings)) loaded.diagnostics.push_back(std::move(more));
    const bool fine =
        loaded.ok() && std::none_of(loaded.diagnostics.begin(), loaded.diagnostics.end(),
                                    [](const auto& d) { return d.level == config::Diagnostic::Level::error; });
    std::vector<kafka::Finding> findings;
    if (fine && options.online) findings = gateway::probe(*loaded.settings);
    const bool reached = std::all_of(findings.begin(), findings.end(), [](const auto& f) { return f.ok; });
    if (options.json) {
        print_json(fine && reached, loaded.diagnostics, findings);
    } else {
        std::cerr << config::render(loaded.diagnostics);
        if (fine) std::cout << summary(*loaded.settings) << '\n';
        for (const auto& finding : findings)
            std::cout << (finding.warning ? "warning " : finding.ok ? "ok      " : "FAILED  ") << finding.text << '\n';
    }
    if (!fine) return 2;
    return reached ? 0 : 1;
}

}  // namespace

void add_check(CLI::App& app, int& exit_code) {
    auto* command = app.add_subcommand("check", "Read the configuration and say what is wrong with it");
    auto options = std::make_shared<CheckOptions>();
    command->add_option("-c,--config", options->config_path, "Configuration file")->capture_default_str();
    command->add_flag("--online", options->online, "Also try the MQTT broker, Kafka and the folder of the store");
    command->add_flag("--json", options->json, "Print JSON");
    command->callback([options, &exit_code] { exit_code = check(*options); });
}

}  // namespace tributary::cli
