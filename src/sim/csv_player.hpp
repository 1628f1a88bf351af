// SPDX-License-Identifier: Apache-2.0
// Plays a CSV file: first column time (RFC 3339 text, or epoch seconds or milliseconds), every other column a series
// with the topic <prefix>/<file stem>/<column>. Empty cells and NaN are left out, rows without a time and cells that
// are no numbers are counted. Reads as it goes: the file may be large. One thread.
#pragma once

#include <fstream>
#include <memory>
#include <optional>

#include "base/result.hpp"
#include "sim/source.hpp"

namespace tributary::sim {

class CsvPlayer final : public Source {
  public:
    // Fails when the file cannot be read or its first row has no second column.
    static base::Result<std::unique_ptr<CsvPlayer>> open(const std::string& path, const std::string& prefix);
    bool next(SimMessage& message) override;
    std::vector<Fault> take_faults(bool /*at_the_end*/) override { return {}; }
    uint64_t skipped_rows() const { return skipped_rows_; }
    uint64_t skipped_cells() const { return skipped_cells_; }

  private:
    CsvPlayer() = default;
    bool read_row();

    std::ifstream file_;
    std::vector<std::string> topics_;  // by column; the first is empty
    std::vector<std::string> row_;
    size_t at_ = 0;
    int64_t time_ms_ = 0;
    uint64_t skipped_rows_ = 0, skipped_cells_ = 0;
};

std::vector<std::string> split_csv(std::string_view line);  // RFC 4180 within one line
std::optional<int64_t> csv_time_ms(std::string_view cell);  // below 1e11 in size: seconds, else milliseconds

}  // namespace tributary::sim
