// SPDX-License-Identifier: Apache-2.0
#include "downsample/select.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <numeric>

namespace tributary::downsample {
namespace {

std::vector<size_t> all_of(size_t count) {
    std::vector<size_t> indices(count);
    std::iota(indices.begin(), indices.end(), size_t{0});
    return indices;
}

// Calls each(begin, end) for the columns that hold a point. Edges by x belong to the column before them.
template <class Each>
void for_columns(std::span<const double> x, size_t count, size_t columns, Each each) {
    size_t begin = 0;
    const auto width = static_cast<double>(columns);
    const double points = static_cast<double>(count - 1) / width;
    const double step = x.empty() ? 0 : x.back() / width - x.front() / width;
    for (size_t i = 1; i <= columns && begin < count; i++) {
        size_t end = begin;
        if (x.empty()) {
            end = std::min(static_cast<size_t>(points * static_cast<double>(i)) + 1, count);
        } else {
            // In the steps and with the allowance for rounding of tsdownsample.
            const double half = step * (static_cast<double>(i) / 2);
            const double edge = x.front() + half + half + 1e-12;
            if (x[begin] >= edge) continue;
            // Of several points on the edge the first belongs here, as in tsdownsample.
            end = static_cast<size_t>(std::lower_bound(x.begin() + static_cast<ptrdiff_t>(begin), x.end() - 1, edge) -
                                      x.begin());
            if (x[end] <= edge) end++;
        }
        if (end > begin) each(begin, end);
        begin = end;
    }
}

Column column_of(std::span<const double> y) {
    Column column;
    for (const double value : y) column.add(value);
    return column;
}

std::vector<size_t> select_minmax(std::span<const double> x, std::span<const double> y, size_t n_out) {
    if (n_out >= y.size()) return all_of(y.size());
    std::vector<size_t> indices;
    indices.reserve(n_out);
    for_columns(x, y.size(), n_out / 2, [&](size_t begin, size_t end) {
        if (!x.empty() && end <= begin + 2) {
            for (size_t i = begin; i < end; i++) indices.push_back(i);
            return;
        }
        const auto picks = column_of(y.subspan(begin, end - begin)).picks();
        indices.push_back(begin + picks[1]);
        indices.push_back(begin + picks[2]);
    });
    return indices;
}

double mean(std::span<const double> values) {
    double sum = 0;
    for (const double value : values) sum += value;
    return sum / static_cast<double>(values.size());
}

}  // namespace

std::vector<size_t> select_m4(std::span<const double> x, std::span<const double> y, size_t n_out) {
    if (n_out >= y.size()) return all_of(y.size());
    std::vector<size_t> indices;
    indices.reserve(n_out);
    for_columns(x, y.size(), n_out / 4, [&](size_t begin, size_t end) {
        if (!x.empty() && end <= begin + 4) {
            for (size_t i = begin; i < end; i++) indices.push_back(i);
            return;
        }
        for (const size_t pick : column_of(y.subspan(begin, end - begin)).picks()) indices.push_back(begin + pick);
    });
    return indices;
}

std::vector<size_t> select_lttb(std::span<const double> x, std::span<const double> y, size_t n_out) {
    const size_t count = y.size();
    if (n_out >= count) return all_of(count);
    const auto at = [&](size_t i) { return x.empty() ? static_cast<double>(i) : x[i]; };
    const double every = static_cast<double>(count - 2) / static_cast<double>(n_out - 2);
    const auto bucket = [&](size_t i) { return static_cast<size_t>(every * static_cast<double>(i)) + 1; };

    std::vector<size_t> indices{0};
    indices.reserve(n_out);
    size_t chosen = 0;
    for (size_t i = 0; i + 2 < n_out; i++) {
        const size_t begin = bucket(i), end = bucket(i + 1), next_end = std::min(bucket(i + 2), count);
        const double mean_y = mean(y.subspan(end, next_end - end));
        const double mean_x = (at(end) + at(next_end - 1)) / 2;
        // Twice the area of the triangle (chosen, candidate, mean of the next bucket). Where candidates tie, the order
        // of the operations decides: with x and without it, it is that of tsdownsample.
        const double left = at(chosen) - mean_x, up = mean_y - y[chosen], from_x = at(chosen);
        const double constant = x.empty() ? left * y[chosen] : left * y[chosen] + up * from_x;
        // Compared as bits, where what overflowed is the largest: a candidate is always found.
        int64_t largest = -1;
        for (size_t j = begin; j < end; j++) {
            const double area =
                x.empty() ? left * y[j] - (from_x - at(j)) * up - constant : left * y[j] + up * x[j] - constant;
            const auto size = std::bit_cast<int64_t>(std::fabs(area));
            if (size > largest) largest = size, chosen = j;
        }
        indices.push_back(chosen);
    }
    indices.push_back(count - 1);
    return indices;
}

std::vector<size_t> select_minmaxlttb(std::span<const double> x, std::span<const double> y, size_t n_out,
                                      size_t ratio) {
    const size_t count = y.size();
    if (count / n_out <= ratio) return select_lttb(x, y, n_out);
    std::vector<size_t> candidates =
        select_minmax(x.empty() ? x : x.subspan(1, count - 2), y.subspan(1, count - 2), n_out * ratio);
    for (size_t& index : candidates) index++;
    candidates.insert(candidates.begin(), 0);
    candidates.push_back(count - 1);
    std::vector<double> xs, ys;
    for (const size_t index : candidates) {
        xs.push_back(x.empty() ? static_cast<double>(index) : x[index]);
        ys.push_back(y[index]);
    }
    std::vector<size_t> indices = select_lttb(xs, ys, n_out);
    for (size_t& index : indices) index = candidates[index];
    return indices;
}

}  // namespace tributary::downsample
