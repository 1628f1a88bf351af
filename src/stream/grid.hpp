// SPDX-License-Identifier: Apache-2.0
// Where windows of a fixed length begin: at multiples of the size since 1970 UTC plus an offset, or by the clock on the
// wall of a time zone. Cells follow one another without gap or overlap. Immutable; any thread.
//
// In a zone: sizes up to an hour follow the offset in force (a cell that a change of the clocks cuts ends there).
// Longer ones begin at local midnight + offset + k * size, so a day has 23 or 25 hours when the clocks change and a
// shift that begins at 06:00 begins at 06:00; whole weeks begin on Monday. A local time that is named twice means the
// first.
#pragma once

#include <cstdint>
#include <optional>

#include "base/zone.hpp"

namespace tributary::stream {

class Grid {
  public:
    Grid(int64_t size_ns, int64_t offset_ns, std::optional<base::Zone> zone)
        : size_ns_(size_ns), offset_ns_(offset_ns), zone_(zone) {}

    struct Cell {
        int64_t start_ns, end_ns;  // start inclusive, end exclusive
    };
    Cell at(int64_t time_ns) const;

    // Nothing when a zone can have such cells; else why not, for people.
    static const char* problem(int64_t size_ns);

  private:
    Cell by_offset(int64_t time_ns) const;
    Cell by_calendar(int64_t time_ns) const;
    int64_t boundary(int64_t index) const;

    int64_t size_ns_, offset_ns_;
    std::optional<base::Zone> zone_;
};

}  // namespace tributary::stream
