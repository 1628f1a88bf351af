// SPDX-License-Identifier: Apache-2.0
#include "stream/aggregate.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace tributary::stream {
namespace {

// Of the population: sqrt((n * squares - distances^2) / n^2), the difference taken in two doubles.
double deviation(const Aggregate& a) {
    if (a.min == a.max) return 0;
    const auto n = static_cast<double>(a.numbers);
    const PreciseSum distances = a.distances();
    PreciseSum difference;
    difference.add_product({n, 0}, a.squares);
    difference.add_product({-distances.high, -distances.low}, distances);
    const double spread = difference.value();
    // Squares out of range: half the range bounds the deviation.
    if (!std::isfinite(spread)) return a.max / 2 - a.min / 2;
    return spread > 0 ? std::sqrt(spread / (n * n)) : 0;
}

}  // namespace

void Aggregate::add(int64_t event_ns, double value, model::TimeMark reading_mark) {
    if (numbers == 0) {
        min = max = first = last = center = value;
        first_ns = last_ns = event_ns;
    }
    count++;
    numbers++;
    sum.add(value);
    PreciseSum distance{value, 0};
    distance.add(-center);
    squares.add_product(distance.high, distance.high);
    if (distance.low != 0) squares.add(2 * distance.high * distance.low);
    min = std::min(min, value);
    max = std::max(max, value);
    if (event_ns < first_ns) first = value, first_ns = event_ns;
    if (event_ns >= last_ns) last = value, last_ns = event_ns;
    mark = std::max(mark, reading_mark);
}

void Aggregate::add_text(model::TimeMark reading_mark) {
    count++;
    mark = std::max(mark, reading_mark);
}

void Aggregate::merge(const Aggregate& other) {
    if (numbers == 0 || (other.numbers != 0 && other.first_ns < first_ns)) {
        first = other.first, first_ns = other.first_ns;
    }
    if (numbers == 0 || (other.numbers != 0 && other.last_ns >= last_ns)) {
        last = other.last, last_ns = other.last_ns;
    }
    if (numbers == 0) {
        min = other.min, max = other.max, center = other.center;
    } else if (other.numbers != 0) {
        min = std::min(min, other.min), max = std::max(max, other.max);
    }
    count += other.count;
    numbers += other.numbers;
    sum.add(other.sum);
    squares.add(other.squares);
    mark = std::max(mark, other.mark);
    if (other.numbers == 0 || other.center == center) return;
    // About our center: sum (d + e)^2 = sum d^2 + 2 e sum d + n e^2, e from center to center.
    PreciseSum apart{other.center, 0};
    apart.add(-center);
    const PreciseSum d = other.distances(), twice{2 * d.high, 2 * d.low};
    squares.add_product(apart, twice);
    PreciseSum square;
    square.add_product(apart, apart);
    squares.add_product({static_cast<double>(other.numbers), 0}, square);
}

PreciseSum Aggregate::distances() const {
    PreciseSum out = sum;
    out.add_product(-static_cast<double>(numbers), center);
    return out;
}

void Aggregate::fill(model::Window& window) const {
    window.count = count;
    window.numbers = numbers;
    window.mark = mark;
    if (numbers == 0) return;
    window.sum = finite(sum.value());
    window.min = min, window.max = max;
    // A sum that left the range says nothing about the mean, which cannot leave min..max.
    const double mean = std::isfinite(sum.high) ? sum.value() / static_cast<double>(numbers) : min / 2 + max / 2;
    window.mean = std::clamp(mean, min, max);
    window.stddev = finite(deviation(*this));
    window.first = first, window.last = last;
}

void Aggregate::save(std::string& out) const {
    base::put_varint(out, count);
    base::put_varint(out, numbers);
    for (const double x : {sum.high, sum.low, squares.high, squares.low, center, min, max, first, last})
        base::put_double(out, x);
    base::put_signed(out, first_ns);
    base::put_signed(out, last_ns);
    out.push_back(static_cast<char>(mark));
}

bool Aggregate::load(base::ByteReader& in) {
    count = in.varint();
    numbers = in.varint();
    for (double* x : {&sum.high, &sum.low, &squares.high, &squares.low, &center, &min, &max, &first, &last})
        *x = in.number();
    first_ns = in.signed_varint();
    last_ns = in.signed_varint();
    const uint8_t byte = in.byte();
    mark = static_cast<model::TimeMark>(byte);
    return in.ok() && count > 0 && numbers <= count && byte <= static_cast<uint8_t>(model::TimeMark::unsynced);
}

}  // namespace tributary::stream
