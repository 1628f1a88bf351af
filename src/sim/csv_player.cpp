// SPDX-License-Identifier: Apache-2.0
#include "sim/csv_player.hpp"

#include <cmath>
#include <filesystem>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/text.hpp"

namespace tributary::sim {

std::vector<std::string> split_csv(std::string_view line) {
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    std::vector<std::string> cells(1);
    bool quoted = false;
    for (size_t i = 0; i < line.size(); i++) {
        const char c = line[i];
        if (quoted && c == '"' && i + 1 < line.size() && line[i + 1] == '"') {
            cells.back().push_back(line[++i]);
        } else if (c == '"') {
            quoted = !quoted;
        } else if (c == ',' && !quoted) {
            cells.emplace_back();
        } else {
            cells.back().push_back(c);
        }
    }
    return cells;
}

std::optional<int64_t> csv_time_ms(std::string_view cell) {
    if (const auto number = base::parse_number(cell)) {
        const double ms = std::abs(*number) < 1e11 ? *number * 1000 : *number;
        if (std::abs(ms) > 9e15) return std::nullopt;
        return static_cast<int64_t>(std::floor(ms + 0.5));
    }
    if (const auto ns = base::parse_time_ns(cell)) return base::ns_to_ms(*ns);
    return std::nullopt;
}

base::Result<std::unique_ptr<CsvPlayer>> CsvPlayer::open(const std::string& path, const std::string& prefix) {
    std::unique_ptr<CsvPlayer> player(new CsvPlayer);
    player->file_.open(path);
    std::string line;
    if (!player->file_ || !std::getline(player->file_, line))
        return base::Error{"TRB-SIM-002", base::format("cannot read {}: give a CSV file with a header line", path)};
    if (line.starts_with("\xef\xbb\xbf")) line.erase(0, 3);
    auto cells = split_csv(line);
    if (cells.size() < 2)
        return base::Error{"TRB-SIM-002",
                           base::format("{} has no second column: the first is the time, the others are series", path)};
    const bool headless = csv_time_ms(cells[0]).has_value();
    const std::string stem = std::filesystem::path(path).stem().string();
    player->topics_.emplace_back();
    for (size_t i = 1; i < cells.size(); i++)
        player->topics_.push_back(base::format("{}{}{}/{}", prefix, prefix.empty() ? "" : "/", stem,
                                               headless ? base::format("column{}", i) : cells[i]));
    if (headless) {
        player->time_ms_ = *csv_time_ms(cells[0]);
        player->row_ = std::move(cells);
        player->at_ = 1;
    }
    return player;
}

bool CsvPlayer::read_row() {
    std::string line;
    while (std::getline(file_, line)) {
        if (line.empty() || line == "\r") continue;
        row_ = split_csv(line);
        at_ = 1;
        if (const auto time_ms = csv_time_ms(row_[0])) {
            time_ms_ = *time_ms;
            return true;
        }
        skipped_rows_++;
    }
    return false;
}

bool CsvPlayer::next(SimMessage& message) {
    for (;;) {
        while (at_ < row_.size() && at_ < topics_.size()) {
            const std::string& cell = row_[at_];
            const auto value = base::parse_number(cell);
            const size_t column = at_++;
            if (!value) {
                if (!cell.empty() && cell != "NaN" && cell != "nan") skipped_cells_++;
                continue;
            }
            message = {time_ms_, topics_[column], payload_json(time_ms_, *value)};
            return true;
        }
        if (!read_row()) return false;
    }
}

}  // namespace tributary::sim
