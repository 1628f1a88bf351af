// SPDX-License-Identifier: Apache-2.0
#include "sim/simulate.hpp"

#include <unistd.h>

#include <csignal>
#include <iostream>
#include <map>
#include <memory>

#include "base/clock.hpp"
#include "base/text.hpp"
#include "base/units.hpp"
#include "cli/commands.hpp"

namespace tributary::cli {
namespace {

std::atomic<bool> stopping{false};
static_assert(std::atomic<bool>::is_always_lock_free);  // the handler may only do what is safe in a signal

void stop_on_signals() {
    struct sigaction action {};
    action.sa_handler = [](int) { stopping = true; };
    sigaction(SIGINT, &action, nullptr);
    sigaction(SIGTERM, &action, nullptr);
}

std::string duration_ms(const std::string& text, int64_t& into) {
    const auto ns = base::parse_duration_ns(text);
    if (!ns) return ns.error().message;
    into = *ns / base::kNsPerMs;
    return into > 0 ? "" : "must be at least 1ms";
}

std::string time_ms(const std::string& text, int64_t& into) {
    const auto ns = base::parse_time_ns(text);
    if (ns) into = base::ns_to_ms(*ns);
    return ns ? "" : "is no time like 2026-05-01T12:00:00Z";
}

int run(const sim::SimulateOptions& options) {
    stop_on_signals();
    const auto code = sim::simulate(options, stopping, std::cout, std::cerr);
    if (code) return *code;
    std::cerr << code.error().text() << "\n";
    return 1;
}

}  // namespace

void add_simulate(CLI::App& app, int& exit_code) {
    auto* command = app.add_subcommand("simulate", "Publish an invented factory, or a CSV file, to an MQTT broker");
    auto options = std::make_shared<sim::SimulateOptions>();
    auto& publisher = options->publisher;
    auto& factory = options->factory;
    command->add_option("--url", publisher.url, "Broker; mqtts:// for TLS")->capture_default_str();
    command->add_option("--client-id", publisher.client_id, "Default: random");
    command->add_option("--user", publisher.user, "User name at the broker");
    command->add_option("--password-file", options->password_file, "File whose first line is the password");
    command->add_option("--ca", publisher.ca, "PEM file with the broker's authority; default: the system's");
    command->add_option("--mqtt-version", publisher.version, "MQTT version, 5 or 3.1.1")
        ->transform(CLI::Transformer(std::map<std::string, int>{{"3.1.1", 4}, {"4", 4}, {"5", 5}}))
        ->check(CLI::IsMember({4, 5}))
        ->default_str("5");
    command->add_option("--in-flight", publisher.in_flight, "Messages that may wait for their acknowledgement")
        ->check(CLI::Range(1, 65'535))
        ->capture_default_str();

    command->add_option("--prefix", factory.prefix, "First topic level or levels")->capture_default_str();
    command->add_option("--machines", factory.machines, "Machines of five sensors each")
        ->check(CLI::Range(1, 100'000))
        ->capture_default_str();
    command->add_option("--seed", factory.seed, "Same seed, same messages")->capture_default_str();
    command->add_option("--faults", factory.faults_per_hour, "Faults per hour in the whole factory; 0 = none")
        ->check(CLI::Range(0.0, 1e9))
        ->capture_default_str();
    const auto parsed = [command](const std::string& name, int64_t& into, auto parse, const std::string& help) {
        command->add_option_function<std::string>(
            name,
            [name, &into, parse](const std::string& text) {
                if (const std::string wrong = parse(text, into); !wrong.empty())
                    throw CLI::ValidationError(name, wrong);
            },
            help);
    };
    parsed("--interval", factory.interval_ms, duration_ms, "Between two readings of a sensor (default 1s)");
    parsed("--duration", factory.duration_ms, duration_ms, "Event time to simulate; default: without end, printing 1h");
    parsed("--start", factory.start_ms, time_ms, "First time stamp; default: so that it ends now, printing 2026-01-01");

    command->add_option("--csv", options->csv, "Play this file: first column time, the others series");
    command->add_option("--truth", options->truth, "Write the injected faults to this file, JSON lines");
    command->add_option("--speed", options->speed, "Event time to wall time; 0 = as fast as it goes")
        ->check(CLI::Range(0.0, 1e9))
        ->capture_default_str();
    command->add_flag("--print", options->print, "No broker: lines for `tributary replay` on standard output");
    command->add_flag("--json", options->json, "The summary as JSON");
    command->callback([options, &exit_code] {
        options->progress = ::isatty(STDERR_FILENO) == 1;
        exit_code = run(*options);
    });
}

}  // namespace tributary::cli
