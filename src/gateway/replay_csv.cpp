// SPDX-License-Identifier: Apache-2.0
#include <charconv>
#include <cmath>
#include <filesystem>
#include <fstream>

#include "base/files.hpp"
#include "base/text.hpp"
#include "codec/csv.hpp"
#include "gateway/replay_line.hpp"

namespace tributary::gateway {
namespace {

namespace fs = std::filesystem;

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

// As it stood in the file, in quotes where it needs them.
std::string csv_cell(const std::string& text) {
    if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
    std::string out = "\"";
    for (const char c : text) out.append(c == '"' ? 2 : 1, c);
    return out + '"';
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
        if (auto ready = open_scores(path); !ready) return ready;
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
        if (!scores_.is_open()) return {};
        scores_.close();
        if (scores_.fail()) return base::Error{"TRB-REPLAY-002", base::format("{}: not all scores were written", path)};
        return {};
    }

  private:
    base::Result<> open_scores(const std::string& path) {
        if (options_.scores.empty()) return {};
        const fs::path input = fs::absolute(path);
        const fs::path folder = fs::path(options_.scores) / input.parent_path().filename();
        if (auto made = base::make_folders(folder.string()); !made)
            return base::Error{"TRB-REPLAY-002", made.error().message};
        const std::string file = (folder / input.filename()).string();
        scores_.open(file, std::ios::binary | std::ios::trunc);
        if (!scores_) return base::Error{"TRB-REPLAY-002", base::format("{}: cannot be written", file)};
        scores_ << "timestamp,value,anomaly_score,alarm,score\n";
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
        const auto said = printer_.take_said();
        if (scores_.is_open())
            scores_ << csv_cell(row[0]) << ',' << csv_cell(row.size() > 1 ? row[1] : "") << ','
                    << base::number_text(said.onset) << ',' << (said.alarm ? 1 : 0) << ','
                    << base::number_text(said.score) << '\n';
    }

    const ReplayOptions& options_;
    Printer& printer_;
    Line line_;
    std::vector<std::string> topics_;
    std::vector<bool> wanted_;
    std::ofstream scores_;
};

}  // namespace

base::Result<> replay_csv(const config::Settings& settings, const ReplayOptions& options, Printer& printer,
                          uint64_t& seq, const std::string& path) {
    return CsvInput(settings, options, printer, seq).run(path);
}

}  // namespace tributary::gateway
