// SPDX-License-Identifier: Apache-2.0
#include "gateway/replay.hpp"

#include <fstream>
#include <iostream>

#include "codec/message_line.hpp"
#include "gateway/replay_line.hpp"

namespace tributary::gateway {
namespace {

class JsonInput {
  public:
    explicit JsonInput(Line& line) : line_(line) {}

    base::Result<> run(std::istream& in, const std::string& name) {
        std::string text;
        for (uint64_t number = 1; std::getline(in, text); number++) {
            if (text.find_first_not_of(" \t\r") == std::string::npos) continue;
            if (const auto parsed = codec::parse_message_line(text, parsed_); !parsed)
                return input_error(name, number, parsed.error().message);
            if (const std::string problem = take(); !problem.empty()) return input_error(name, number, problem);
        }
        if (in.bad()) return base::Error{"TRB-REPLAY-001", base::format("{}: cannot be read", name)};
        return {};
    }

  private:
    // Without an arrival: the newest event time so far, this message's included.
    std::string take() {
        if (parsed_.arrival_ns)
            newest_ns_ = std::max(newest_ns_, *parsed_.arrival_ns);
        else if (const auto* message = std::get_if<model::Message>(&parsed_.body))
            newest_ns_ = std::max(newest_ns_, line_.device_time(*message).value_or(newest_ns_));
        const int64_t arrival_ns = parsed_.arrival_ns.value_or(newest_ns_);
        if (const auto* config = std::get_if<model::ConfigRecord>(&parsed_.body))
            return line_.reconfigure(arrival_ns, *config);
        line_.take(arrival_ns, parsed_.body);
        return {};
    }

    Line& line_;
    codec::MessageLine parsed_;
    int64_t newest_ns_ = 0;
};

bool is_csv(const std::string& path) { return path.ends_with(".csv") || path.ends_with(".CSV"); }

}  // namespace

base::Result<> replay(const config::Settings& settings, const ReplayOptions& options, std::ostream& out) {
    Printer printer(settings, out);
    uint64_t seq = 0;
    std::optional<Line> line;
    std::optional<JsonInput> messages;
    for (const auto& path : options.inputs) {
        if (is_csv(path)) {
            if (auto done = replay_csv(settings, options, printer, seq, path); !done) return done;
            continue;
        }
        if (!line) messages.emplace(line.emplace(settings, printer, seq));
        std::ifstream file;
        if (path != "-") {
            file.open(path, std::ios::binary);
            if (!file) return base::Error{"TRB-REPLAY-001", base::format("{}: cannot be opened", path)};
        }
        if (auto done = messages->run(path == "-" ? std::cin : file, path == "-" ? "standard input" : path); !done)
            return done;
    }
    if (line && options.flush) line->flush();
    out.flush();
    if (!out) return base::Error{"TRB-REPLAY-002", "The output cannot be written."};
    return {};
}

int replay(const ReplayOptions& options) {
    auto loaded = config::load(options.config_path);
    if (loaded.ok()) {
        auto more = engine::validate(*loaded.settings);
        std::move(more.begin(), more.end(), std::back_inserter(loaded.diagnostics));
    }
    bool broken = !loaded.ok();
    for (const auto& found : loaded.diagnostics) {
        std::cerr << config::render(found) << '\n';
        broken |= found.level == config::Diagnostic::Level::error;
    }
    if (broken) return 2;
    std::ofstream file;
    if (!options.output.empty()) file.open(options.output, std::ios::binary | std::ios::trunc);
    if (!file) {
        std::cerr << "TRB-REPLAY-002: " << options.output << ": cannot be written\n";
        return 1;
    }
    const auto done = replay(*loaded.settings, options, options.output.empty() ? std::cout : file);
    if (!done) std::cerr << done.error().text() << '\n';
    return done ? 0 : 1;
}

}  // namespace tributary::gateway
