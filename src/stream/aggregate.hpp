// SPDX-License-Identifier: Apache-2.0
// What every window knows of its readings: count, sum, squares, min, max, first and last by (event time,
// arrival). Mergeable: the aggregates of the parts of a time give that of the whole, and since sums have twice the
// digits of what is put out, to the bit. Trivially copyable; + - * / and sqrt on doubles only, so every machine gives
// the same bits.
#pragma once

#include <cstdint>

#include "base/bytes.hpp"
#include "model/output.hpp"
#include "model/reading.hpp"
#include "stream/precise.hpp"

namespace tributary::stream {

struct Aggregate {
    uint64_t count = 0;    // readings
    uint64_t numbers = 0;  // those with a number; texts only count
    PreciseSum sum;
    PreciseSum squares;  // of the distances from center
    double center = 0;   // the first value that came: near the others, so that squares do not cancel
    double min = 0, max = 0, first = 0, last = 0;
    int64_t first_ns = 0, last_ns = 0;
    model::TimeMark mark = model::TimeMark::device;  // the least trustworthy

    void add(int64_t event_ns, double value, model::TimeMark reading_mark);
    void add_text(model::TimeMark reading_mark);
    void merge(const Aggregate& other);  // whose readings arrived later where times are equal
    // Fills the figures of a window; what left the range of a double is cut to its ends.
    void fill(model::Window& window) const;

    void save(std::string& out) const;
    bool load(base::ByteReader& in);

    PreciseSum distances() const;  // sum of the values' distances from center
};

}  // namespace tributary::stream
