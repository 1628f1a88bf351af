// SPDX-License-Identifier: Apache-2.0
#include "stream/reorder.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <map>

#include "base/math.hpp"

using namespace tributary;
using stream::Held;
using stream::ReorderBuffer;

namespace {

Held at(int64_t event_ns, double value = 0) {
    Held held;
    held.event_ns = event_ns;
    held.value = value;
    return held;
}

std::vector<int64_t> times(const std::vector<Held>& readings) {
    std::vector<int64_t> out;
    for (const auto& reading : readings) out.push_back(reading.event_ns);
    return out;
}

}  // namespace

TEST_CASE("readings wait for the lateness and go on in order") {
    ReorderBuffer buffer(10, 100);
    std::vector<Held> out;
    for (const int64_t time : {20, 15, 24, 11, 30}) CHECK(buffer.add(0, at(time), out));
    CHECK(times(out) == std::vector<int64_t>{11, 15, 20});
    CHECK(!buffer.add(0, at(19), out));  // 20 has gone on
    CHECK(buffer.add(0, at(20), out));
    CHECK(times(out) == std::vector<int64_t>{11, 15, 20, 20});
    buffer.release(0, out);
    CHECK(times(out) == std::vector<int64_t>{11, 15, 20, 20, 24, 30});
    CHECK(buffer.held() == 0);
}

TEST_CASE("equal stamps keep their order of arrival, series do not disturb one another") {
    ReorderBuffer buffer(5, 100);
    std::vector<Held> out;
    for (int i = 0; i < 4; i++) buffer.add(0, at(7, i), out);
    buffer.add(1, at(1000), out);
    CHECK(out.empty());
    buffer.add(0, at(12), out);
    REQUIRE(out.size() == 4);
    for (int i = 0; i < 4; i++) CHECK(out[static_cast<size_t>(i)].value == i);
}

TEST_CASE("without lateness nothing waits") {
    ReorderBuffer buffer(0, 0);
    std::vector<Held> out;
    CHECK(buffer.add(0, at(5), out));
    CHECK(buffer.add(0, at(5), out));
    CHECK(!buffer.add(0, at(4), out));
    CHECK(buffer.add(0, at(6), out));
    CHECK(out.size() == 3);
    CHECK(buffer.held() == 0);
}

TEST_CASE("the pool is bounded: the oldest of the series goes on early and is counted") {
    ReorderBuffer buffer(1'000'000, 10);
    std::vector<Held> out;
    for (int64_t i = 0; i < 1000; i++) CHECK(buffer.add(static_cast<model::SeriesId>(i % 3), at(i), out));
    CHECK(buffer.held() == 10);
    CHECK(buffer.forced() == 990);
    CHECK(out.size() == 990);
}

TEST_CASE("random disorder within the lateness comes out sorted, also over saving and loading") {
    base::math::Random random(11);
    constexpr int64_t kLateness = 50;
    ReorderBuffer buffer(kLateness, 100'000);
    std::vector<Held> out;
    std::map<model::SeriesId, std::vector<int64_t>> got, expected;
    for (int i = 0; i < 20'000; i++) {
        const auto series = static_cast<model::SeriesId>(random.below(5));
        const int64_t time = i + static_cast<int64_t>(random.below(kLateness));
        out.clear();
        REQUIRE(buffer.add(series, at(time, i), out));
        expected[series].push_back(time);
        for (const auto& reading : out) got[series].push_back(reading.event_ns);
        if (i % 997 == 0) {
            std::string state;
            buffer.save(state);
            base::ByteReader in(state);
            REQUIRE(buffer.load(in));
            CHECK(in.at_end());
        }
    }
    for (model::SeriesId series = 0; series < 5; series++) {
        out.clear();
        buffer.release(series, out);
        for (const auto& reading : out) got[series].push_back(reading.event_ns);
        std::sort(expected[series].begin(), expected[series].end());
        CHECK(got[series] == expected[series]);
    }
}
