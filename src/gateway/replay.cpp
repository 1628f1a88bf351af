// SPDX-License-Identifier: Apache-2.0
#include "gateway/replay.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <memory>
#include <optional>

#include "base/files.hpp"
#include "base/log.hpp"
#include "base/text.hpp"
#include "codec/csv.hpp"
#include "codec/message_line.hpp"
#include "config/load.hpp"
#include "engine/engine.hpp"
#include "record/record.hpp"

namespace tributary::gateway {
namespace {

namespace fs = std::filesystem;

base::Error input_error(const std::string& file, uint64_t line, std::string_view what) {
    return {"TRB-REPLAY-001", base::format("{}:{}: {}", file, line, what)};
}

// Counts the logs and prints, in the order of emission.
class Printer final : public engine::Sink {
  public:
    Printer(const config::Settings& settings, std::ostream& out)
        : source_{settings.gateway.id, settings.kafka.prefix, "replay", false}, out_(out) {}

    void emit(model::Output&& output) override {
        record::project(source_, output, ++seqs_[static_cast<size_t>(model::log_of(output))], record_);
        print();
    }
    void score(std::string_view /*series*/, int64_t /*event_ns*/, double score, bool alarm) override {
        score_ = std::max(score_, score);
        alarm_ |= alarm;
    }
    void reading(const engine::Projected& p, uint64_t seq, uint32_t n, bool several) {
        record::project(source_, p.series, p.reading, p.stream->unit, p.stream->labels, seq, n, several, record_);
        print();
    }
    void raw(const model::Message& message, uint64_t seq, int64_t arrival_ns) {
        record::project_raw(source_, message, seq, arrival_ns, true, record_);
        print();
    }

    // The greatest score since the last call, and whether an event is open.
    std::pair<double, bool> take_score() { return {std::exchange(score_, 0), std::exchange(alarm_, false)}; }

  private:
    void print() { out_ << record::to_json_line(source_, record_) << '\n'; }

    const record::Source source_;
    std::ostream& out_;
    record::KafkaRecord record_;
    std::array<uint64_t, 8> seqs_{};
    double score_ = 0;
    bool alarm_ = false;
};

// One engine, and beside it what kafka_loop does in the gateway: forwarded readings.
class Line {
  public:
    Line(const config::Settings& settings, Printer& printer, uint64_t& seq)
        : printer_(printer), seq_(seq), engine_(engine::make_engine()) {
        const std::string text = config::engine_text(settings);
        settings_ = std::make_shared<const config::Settings>(settings);
        projection_ = engine::make_projection(settings_);
        take(INT64_MIN, model::ConfigRecord{engine::kEngineVersion, text});
    }

    template <class Body>
    void take(int64_t arrival_ns, const Body& body) {
        model::IntakeRecord record;
        record.seq = ++seq_;
        record.arrival_ns = arrival_ns;
        record.body = body;
        if (const auto* message = record.message()) forward(*message, arrival_ns);
        if (const auto* clock = std::get_if<model::ClockRecord>(&record.body)) projection_->set_clock(clock->state);
        engine_->process(record, printer_, ledger_);
    }

    void flush() { engine_->flush(printer_, ledger_); }
    bool wanted(std::string_view topic) { return !projection_->streams_of(topic).empty(); }

    // A new configuration; empty = fine.
    std::string reconfigure(int64_t arrival_ns, const model::ConfigRecord& record) {
        auto loaded = config::parse_engine_text(record.text);
        if (loaded.ok()) loaded.diagnostics = engine::validate(*loaded.settings);
        for (const auto& found : loaded.diagnostics)
            if (found.level == config::Diagnostic::Level::error) return found.message;
        settings_ = std::make_shared<const config::Settings>(std::move(*loaded.settings));
        projection_ = engine::make_projection(settings_);
        take(arrival_ns, record);
        return {};
    }

    // The newest event time the message brings itself, if any.
    std::optional<int64_t> device_time(const model::Message& message) {
        std::optional<int64_t> newest;
        for (const uint32_t stream : projection_->streams_of(message.topic)) {
            projection_->readings(message, INT64_MAX, stream, projected_);
            for (const auto& p : projected_)
                if (p.reading.mark == model::TimeMark::device)
                    newest = std::max(newest.value_or(INT64_MIN), p.reading.event_ns);
        }
        return newest;
    }

  private:
    void forward(const model::Message& message, int64_t arrival_ns) {
        const auto& streams = projection_->streams_of(message.topic);
        uint32_t count = 0;
        for (const bool counting : {true, false}) {
            uint32_t n = 0;
            for (const uint32_t index : streams) {
                const auto& stream = settings_->streams[index];
                if (stream.forwards(config::kForwardRaw)) {
                    if (!counting) printer_.raw(message, seq_, arrival_ns);
                    n++;
                }
                if (!stream.forwards(config::kForwardAll) ||
                    !projection_->readings(message, arrival_ns, index, projected_))
                    continue;
                for (const auto& p : projected_) {
                    if (!counting) printer_.reading(p, seq_, n, count > 1);
                    n++;
                }
            }
            count = n;
        }
    }

    Printer& printer_;
    uint64_t& seq_;
    std::unique_ptr<engine::Engine> engine_;
    std::shared_ptr<const config::Settings> settings_;
    std::unique_ptr<engine::Projection> projection_;
    std::vector<engine::Projected> projected_;
    model::Ledger ledger_;
};

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

// A cell of a CSV has its time beside it and no topic of its own: the stream reads [time, value] and names the series
// after file and column. Everything behind the codec stays as configured.
config::Settings for_csv(config::Settings settings) {
    for (auto& stream : settings.streams) {
        stream.format = "json";
        stream.series.clear();
        stream.values = {{"", "/1"}};
        stream.time_pointer = "/0";
        stream.time_unit_ns = 1;
        stream.text = config::stream_text(stream);
    }
    return settings;
}

std::optional<int64_t> csv_time(std::string_view cell) {
    if (const auto time = base::parse_time_ns(cell)) return time;
    const auto number = base::parse_number(cell);
    constexpr double kFirstMs = 1e11;  // as seconds the year 5138, as milliseconds 1973
    if (!number || std::fabs(*number) > 4e15) return std::nullopt;
    const double ms = std::fabs(*number) < kFirstMs ? *number * 1000 : *number;
    return static_cast<int64_t>(std::floor(ms * 1000 + 0.5)) * base::kNsPerUs;
}

std::string quoted(std::string_view text) {
    std::string out = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\')
            out += {'\\', c};
        else if (static_cast<unsigned char>(c) < 0x20)
            out += base::format("\\u{:04x}", static_cast<int>(c));
        else
            out += c;
    }
    return out + '"';
}

std::string json_cell(std::string_view cell) {
    if (cell == "true" || cell == "false") return std::string(cell);
    double number = 0;
    const auto [end, status] = std::from_chars(cell.data(), cell.data() + cell.size(), number);
    if (status == std::errc::invalid_argument || end != cell.data() + cell.size()) return quoted(cell);
    // What is no finite number goes on as such, and the codec says so.
    return status == std::errc{} && std::isfinite(number) ? base::number_text(number) : "NaN";
}

class CsvInput {
  public:
    CsvInput(const config::Settings& settings, const ReplayOptions& options, Printer& printer, uint64_t& seq)
        : options_(options), printer_(printer), line_(for_csv(settings), printer, seq) {}

    base::Result<> run(const std::string& path) {
        const auto text = base::read_file(path);
        if (!text) return base::Error{"TRB-REPLAY-001", text.error().message};
        codec::CsvReader reader(*text);
        std::vector<std::string> header, row;
        if (!reader.next(header) || header.size() < 2)
            return input_error(path, 1, "a CSV begins with a header: a time and at least one more column");
        if (const auto ready = open_scores(path); !ready) return ready;
        const std::string stem = fs::path(path).stem().string();
        bool any = false;
        for (size_t i = 1; i < header.size(); i++) {
            topics_.push_back(stem + "/" + header[i]);
            wanted_.push_back(line_.wanted(topics_.back()));
            any |= wanted_.back();
        }
        if (!any) base::log::warning("{}: no stream's topics match \"{}\" or a sibling", path, topics_[0]);
        while (reader.next(row)) {
            const auto time = csv_time(row[0]);
            if (!time) return input_error(path, reader.line(), base::format("\"{}\" is not a time", row[0]));
            if (row.size() > header.size()) return input_error(path, reader.line(), "more cells than the header has");
            take_row(*time, row);
        }
        if (!reader.ok()) return input_error(path, reader.line(), "a quote has no end");
        if (options_.flush) line_.flush();
        scores_.close();
        if (scores_.fail()) return base::Error{"TRB-REPLAY-002", base::format("{}: not all was written", path)};
        return {};
    }

  private:
    base::Result<> open_scores(const std::string& path) {
        if (options_.scores.empty()) return {};
        const fs::path input = fs::absolute(path);
        const fs::path folder = fs::path(options_.scores) / input.parent_path().filename();
        if (auto made = base::make_folders(folder.string()); !made) return made;
        const std::string file = (folder / input.filename()).string();
        scores_.open(file, std::ios::binary | std::ios::trunc);
        if (!scores_) return base::Error{"TRB-REPLAY-002", base::format("{}: cannot be written", file)};
        scores_ << "timestamp,value,anomaly_score,alarm\n";
        return {};
    }

    void take_row(int64_t time_ns, const std::vector<std::string>& row) {
        for (size_t i = 1; i < row.size(); i++) {
            if (!wanted_[i - 1] || row[i].empty()) continue;
            const std::string payload = base::format("[{},{}]", time_ns, json_cell(row[i]));
            model::Message message;
            message.topic = topics_[i - 1], message.payload = payload;
            line_.take(time_ns, message);
        }
        const auto [score, alarm] = printer_.take_score();
        if (scores_.is_open())
            scores_ << row[0] << ',' << (row.size() > 1 ? row[1] : "") << ',' << base::number_text(score) << ','
                    << (alarm ? 1 : 0) << '\n';
    }

    const ReplayOptions& options_;
    Printer& printer_;
    Line line_;
    std::vector<std::string> topics_;
    std::vector<bool> wanted_;
    std::ofstream scores_;
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
            if (auto done = CsvInput(settings, options, printer, seq).run(path); !done) return done;
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
