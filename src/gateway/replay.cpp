// SPDX-License-Identifier: Apache-2.0
#include "gateway/replay.hpp"

#include <algorithm>
#include <fstream>
#include <iostream>

#include "codec/message_line.hpp"
#include "gateway/clock_history.hpp"
#include "gateway/poison.hpp"
#include "gateway/replay_line.hpp"
#include "store/store.hpp"

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

bool ends_with(const std::string& path, std::string_view lower, std::string_view upper) {
    return path.ends_with(lower) || path.ends_with(upper);
}

// The configuration, checked; nothing: what is wrong is on standard error.
std::optional<config::Settings> load(const std::string& path) {
    auto loaded = config::load(path);
    if (loaded.ok()) {
        auto more = engine::validate(*loaded.settings);
        std::move(more.begin(), more.end(), std::back_inserter(loaded.diagnostics));
    }
    bool broken = !loaded.ok();
    for (const auto& found : loaded.diagnostics) {
        std::cerr << config::render(found) << '\n';
        broken |= found.level == config::Diagnostic::Level::error;
    }
    if (broken) return std::nullopt;
    return std::move(*loaded.settings);
}

}  // namespace

base::Result<> replay_inputs(const config::Settings& settings, const ReplayOptions& options, Printer& printer) {
    uint64_t seq = 0;
    std::optional<Line> line;
    std::optional<JsonInput> messages;
    for (const auto& path : options.inputs) {
        if (ends_with(path, ".csv", ".CSV")) {
            if (auto done = replay_csv(settings, options, printer, seq, path); !done) return done;
            continue;
        }
        if (!line) messages.emplace(line.emplace(settings, printer, seq));
        if (ends_with(path, ".db", ".DB")) {
            if (auto done = replay_store(*line, path); !done) return done;
            continue;
        }
        std::ifstream file;
        if (path != "-") {
            file.open(path, std::ios::binary);
            if (!file) return base::Error{"TRB-REPLAY-001", base::format("{}: cannot be opened", path)};
        }
        if (auto done = messages->run(path == "-" ? std::cin : file, path == "-" ? "standard input" : path); !done)
            return done;
    }
    if (line && options.flush) line->flush();
    return {};
}

base::Result<> replay_store(Line& line, const std::string& path) {
    const auto unusable = [&](const base::Error& error) {
        return base::Error{"TRB-REPLAY-001", base::format("{}: {}", path, error.message)};
    };
    auto opened = store::Reader::open(path);
    if (!opened) return unusable(opened.error());
    store::Reader& reader = **opened;
    const auto meta = reader.meta();
    if (!meta) return unusable(meta.error());
    const auto text = meta->find("clocks");
    const ClockHistory clocks(text != meta->end() ? text->second : "");
    const auto poison = Poison::skips_of(*meta);
    for (uint64_t seq = 1;;) {
        const auto block = reader.block_at(model::Log::intake, seq);
        if (!block) {  // damaged: the store says where it goes on
            base::log::warning("{}: {}", path, block.error().message);
            const auto behind = reader.seq_behind(model::Log::intake, seq);
            if (!behind || *behind <= seq) return unusable(block.error());
            seq = *behind;
            continue;
        }
        if (!*block) return {};
        model::IntakeBlockReader records((**block).body, (**block).first_seq);
        for (model::IntakeRecord record; records.next(record);) {
            clocks.apply(record);
            if (std::holds_alternative<model::ConfigRecord>(record.body)) continue;
            if (std::binary_search(poison.begin(), poison.end(), record.seq)) line.skip_next();
            std::visit([&](const auto& body) { line.take(record.arrival_ns, body); }, record.body);
        }
        seq = (**block).end_seq();
    }
}

base::Result<> replay(const config::Settings& settings, const ReplayOptions& options, std::ostream& out) {
    Printer printer(settings, out);
    if (auto done = replay_inputs(settings, options, printer); !done) return done;
    out.flush();
    if (!out) return base::Error{"TRB-REPLAY-002", "The output cannot be written."};
    return {};
}

int replay(const ReplayOptions& options) {
    const auto settings = load(options.config_path);
    const auto running = options.compare.empty() ? settings : load(options.compare);
    if (!settings || !running) return 2;
    std::ofstream file;
    if (!options.output.empty()) file.open(options.output, std::ios::binary | std::ios::trunc);
    if (!file) {
        std::cerr << "TRB-REPLAY-002: " << options.output << ": cannot be written\n";
        return 1;
    }
    std::ostream& out = options.output.empty() ? std::cout : file;
    if (!options.compare.empty()) return replay_compare(*settings, *running, options, out);
    const auto done = replay(*settings, options, out);
    if (!done) std::cerr << done.error().text() << '\n';
    return done ? 0 : 1;
}

}  // namespace tributary::gateway
