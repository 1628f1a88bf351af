// SPDX-License-Identifier: Apache-2.0
// What a window knows of its readings: count, sum (Neumaier), min, max, mean and spread (Welford), first and last by
// (event time, arrival). Trivially copyable; + - * / and sqrt on doubles only, so every machine gives the same bits.
#pragma once

#include <cstdint>

#include "base/bytes.hpp"
#include "model/output.hpp"
#include "model/reading.hpp"

namespace tributary::stream {

struct Aggregate {
    int64_t start_ns = 0;
    uint64_t count = 0;
    double sum = 0, compensation = 0;
    double min = 0, max = 0, mean = 0, m2 = 0;
    double first = 0, last = 0;
    int64_t first_ns = 0, last_ns = 0;
    model::TimeMark mark = model::TimeMark::device;

    void add(int64_t event_ns, double value, model::TimeMark reading_mark);
    // Fills the figures of a window; what left the range of a double is cut to its ends.
    void fill(model::Window& window) const;

    void save(std::string& out) const;
    bool load(base::ByteReader& in);
};

}  // namespace tributary::stream
