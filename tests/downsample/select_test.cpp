// SPDX-License-Identifier: Apache-2.0
// The selections by themselves; that they equal tsdownsample's is shown by tests/system/test_tsdownsample.py.
#include "downsample/select.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <set>

#include "base/math.hpp"

using namespace tributary;
using namespace tributary::downsample;

namespace {
std::vector<double> ramp(size_t count) {
    std::vector<double> out;
    for (size_t i = 0; i < count; i++) out.push_back(static_cast<double>(i));
    return out;
}
}  // namespace

TEST_CASE("m4: columns by count and by x") {
    const auto y = ramp(100);
    CHECK(select_m4({}, y, 12) == std::vector<size_t>{0, 0, 33, 33, 34, 34, 66, 66, 67, 67, 99, 99});
    CHECK(select_m4(y, y, 12) == select_m4({}, y, 12));
    CHECK(select_m4({}, y, 100).size() == 100);
    auto gap = ramp(100);
    for (size_t i = 51; i < 100; i++) gap[i] += 50;
    CHECK(select_m4(gap, y, 20).size() == 16);  // one column is empty
}

TEST_CASE("lttb: so many as asked for, first and last, each once, in order") {
    base::math::Random random(3);
    for (const size_t n_out : {3, 4, 7, 50, 99, 100, 101}) {
        std::vector<double> y;
        for (int i = 0; i < 100; i++) y.push_back(random.normal());
        for (const auto& picks : {select_lttb({}, y, n_out), select_minmaxlttb({}, y, n_out)}) {
            CHECK(picks.size() == std::min<size_t>(n_out, 100));
            CHECK(picks.front() == 0);
            CHECK(picks.back() == 99);
            CHECK(std::is_sorted(picks.begin(), picks.end()));
        }
    }
    CHECK(select_lttb({}, ramp(10), 4) == std::vector<size_t>{0, 1, 5, 9});
    CHECK(select_lttb({}, {}, 4).empty());
}

TEST_CASE("m4: a column of a chart keeps its extremes") {
    base::math::Random random(4);
    std::vector<double> x, y;
    for (int i = 0; i < 5000; i++) x.push_back(i), y.push_back(random.normal());
    const auto picks = select_m4(x, y, 400);
    const std::set<size_t> kept(picks.begin(), picks.end());
    for (size_t begin = 0; begin < 5000; begin += 50) {
        // 100 columns of 49.99: their inner 48 points are surely in one.
        const auto least =
            std::min_element(y.begin() + static_cast<ptrdiff_t>(begin), y.begin() + static_cast<ptrdiff_t>(begin) + 49);
        bool lower = false;
        for (size_t i = begin; i < begin + 50; i++) lower |= kept.contains(i) && y[i] <= *least;
        CHECK(lower);
    }
}
