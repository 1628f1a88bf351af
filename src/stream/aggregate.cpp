// SPDX-License-Identifier: Apache-2.0
#include "stream/aggregate.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace tributary::stream {
namespace {

double finite(double value) {
    constexpr double kMost = std::numeric_limits<double>::max();
    if (value != value) return 0;
    return std::clamp(value, -kMost, kMost);
}

}  // namespace

void Aggregate::add(int64_t event_ns, double value, model::TimeMark reading_mark) {
    if (count == 0) {
        min = max = first = last = value;
        first_ns = last_ns = event_ns;
    }
    count++;
    const double total = sum + value;
    // Neumaier: the low bits lost in the addition are those of the smaller operand.
    compensation += std::fabs(sum) >= std::fabs(value) ? (sum - total) + value : (value - total) + sum;
    sum = total;
    const double delta = value - mean;
    mean += delta / static_cast<double>(count);
    m2 += delta * (value - mean);
    min = std::min(min, value);
    max = std::max(max, value);
    if (event_ns < first_ns) first = value, first_ns = event_ns;
    if (event_ns >= last_ns) last = value, last_ns = event_ns;
    mark = std::max(mark, reading_mark);
}

void Aggregate::fill(model::Window& window) const {
    window.count = count;
    window.sum = finite(std::isfinite(sum) ? sum + compensation : sum);
    window.min = min, window.max = max;
    window.mean = finite(mean);
    window.stddev = finite(std::sqrt(m2 / static_cast<double>(count)));
    window.first = first, window.last = last;
    window.mark = mark;
}

void Aggregate::save(std::string& out) const {
    base::put_signed(out, start_ns);
    base::put_varint(out, count);
    for (const double x : {sum, compensation, min, max, mean, m2, first, last}) base::put_double(out, x);
    base::put_signed(out, first_ns);
    base::put_signed(out, last_ns);
    out.push_back(static_cast<char>(mark));
}

bool Aggregate::load(base::ByteReader& in) {
    start_ns = in.signed_varint();
    count = in.varint();
    for (double* x : {&sum, &compensation, &min, &max, &mean, &m2, &first, &last}) *x = in.number();
    first_ns = in.signed_varint();
    last_ns = in.signed_varint();
    const uint8_t byte = in.byte();
    mark = static_cast<model::TimeMark>(byte);
    return in.ok() && count > 0 && byte <= static_cast<uint8_t>(model::TimeMark::unsynced);
}

}  // namespace tributary::stream
