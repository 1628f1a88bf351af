// SPDX-License-Identifier: Apache-2.0
// Which points of an array a chart needs: M4, LTTB and MinMaxLTTB as pure functions, the same indices as the Python
// package tsdownsample (tests/system/test_tsdownsample.py compares). x ascending, equal ones allowed; values finite.
// Any thread; no state. What it does not do: windows of a stream (m4.cpp, lttb.cpp, minmaxlttb.cpp).
//
// M4: U. Jugel, Z. Jerzak, G. Hackenbroich, V. Markl, "M4: a visualization-oriented time series data aggregation",
// PVLDB 7(10), 2014. LTTB: S. Steinarsson, "Downsampling time series for visual representation", University of Iceland,
// 2013. MinMaxLTTB: J. Van Der Donckt et al., "MinMaxLTTB: leveraging MinMax-preselection to scale LTTB", VIS 2023.
#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <vector>

namespace tributary::downsample {

// One pixel column of M4: first, least, greatest and last point, the earliest of equal ones.
struct Column {
    size_t count = 0, least_at = 0, greatest_at = 0;  // numbers of the points in the column, from 0
    double least = 0, greatest = 0;

    void add(double value) {
        if (count == 0 || value < least) least = value, least_at = count;
        if (count == 0 || value > greatest) greatest = value, greatest_at = count;
        count++;
    }
    // In order of time; numbers may repeat (a first point that is the least one too).
    std::array<size_t, 4> picks() const {
        const bool least_first = least_at < greatest_at;
        return {0, least_first ? least_at : greatest_at, least_first ? greatest_at : least_at, count - 1};
    }
};

// n_out: a multiple of 4, at least 8; columns of equal width in x, or of equal count when x is empty. At most n_out
// indices; with equal counts exactly n_out, in which numbers may repeat.
std::vector<size_t> select_m4(std::span<const double> x, std::span<const double> y, size_t n_out);
// n_out: at least 3. x empty: the index stands for it.
std::vector<size_t> select_lttb(std::span<const double> x, std::span<const double> y, size_t n_out);
// ratio: so many candidates (least and greatest of equal columns) for each point that is picked.
std::vector<size_t> select_minmaxlttb(std::span<const double> x, std::span<const double> y, size_t n_out,
                                      size_t ratio = 4);

}  // namespace tributary::downsample
