// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include "base/math.hpp"
#include "detect/helper.hpp"

using namespace tributary;
using namespace tributary::detect;

namespace {
constexpr int64_t kSecond = 1'000'000'000;
}

TEST_CASE("threshold: alarms at and beyond the limits and never inside") {
    Probe probe("threshold", options({{"high", 80.0}, {"low", int64_t{-5}}}));
    base::math::Random random(1);
    for (int i = 0; i < 100'000; i++) {
        const double value = -40 + 160 * random.uniform();
        const auto finding = probe(value);
        CAPTURE(value);
        CHECK(sane(finding));
        CHECK((finding.score >= 0.5) == (value >= 80 || value <= -5));
        if (value >= 80) CHECK(finding.kind == "high");
        if (value <= -5) CHECK(finding.kind == "low");
        CHECK(finding.expected == (value > 37.5 ? 80 : -5));
    }
    CHECK(probe(80).score == 0.5);
    CHECK(probe(-5).score == 0.5);
    CHECK(probe(std::nextafter(80.0, 0.0)).score < 0.5);
}

TEST_CASE("threshold: the score grows with the distance") {
    for (const auto& given :
         {options({{"high", 10.0}}), options({{"high", 10.0}, {"low", -1e308}}), options({{"high", 0.0}})}) {
        Probe probe("threshold", given);
        double previous = 0;
        for (double value = -30; value < 1e300; value = value < 60 ? value + 0.25 : value * 10) {
            const double score = probe(value).score;
            CHECK(score >= previous);
            CHECK(score <= 1);
            previous = score;
        }
        CHECK(probe(1e308).score > 0.49);
    }
    Probe probe("threshold", options({{"high", 10.0}}));
    CHECK(probe(20).score == 0.75);
    CHECK(probe(1e300).score > 0.999);
}

TEST_CASE("threshold: hysteresis stops the chatter") {
    Probe probe("threshold", options({{"high", 80.0}, {"hysteresis", 2.0}}));
    int edges = 0;
    bool before = false;
    base::math::Random random(2);
    for (int i = 0; i < 10'000; i++) {
        const bool now = probe.alarms(79.1 + 1.8 * random.uniform());
        edges += now != before;
        before = now;
    }
    CHECK(edges == 1);
    CHECK(probe(78.0).score == 0.5);
    CHECK(probe(78.0).kind == "high");
    CHECK_FALSE(probe.alarms(77.9));
    CHECK_FALSE(probe.alarms(79.9));
    Probe low("threshold", options({{"low", 10.0}, {"hysteresis", 1.0}}));
    CHECK(low.alarms(10));
    CHECK(low.alarms(11));
    CHECK_FALSE(low.alarms(11.5));
}

TEST_CASE("threshold: dwell counts event time, and time out of order does no harm") {
    Probe probe("threshold", options({{"high", 80.0}, {"low", 0.0}, {"dwell", std::string("10s")}}));
    CHECK(probe.at(0, 81).score < 0.5);
    CHECK(probe.at(5 * kSecond, 90).score < 0.5);
    CHECK(probe.at(-3 * kSecond, 85).score < 0.5);  // late: neither starts anew nor turns back
    CHECK(probe.at(10 * kSecond - 1, 81).score < 0.5);
    CHECK(probe.at(10 * kSecond, 81).score > 0.5);
    CHECK(probe.at(4 * kSecond, 82).score > 0.5);
    CHECK(probe.at(11 * kSecond, -1).score < 0.5);  // the other side waits for itself
    CHECK(probe.at(20 * kSecond, -1).score < 0.5);
    CHECK(probe.at(21 * kSecond, -1).kind == "low");
    CHECK(probe.at(22 * kSecond, 5).score < 0.5);
    CHECK(probe.at(23 * kSecond, 99).score < 0.5);
    CHECK(probe.at(24 * kSecond, 5).score < 0.5);  // a short visit is forgotten
    CHECK(probe.at(34 * kSecond, 99).score < 0.5);
    Probe ends("threshold", options({{"high", 1.0}, {"dwell", std::string("1s")}}));
    CHECK(ends.at(INT64_MIN, 2).score < 0.5);
    CHECK(ends.at(INT64_MAX, 2).score > 0.5);
}

TEST_CASE("threshold: strange numbers give sane scores") {
    for (const double high : kStrange)
        for (const double low : kStrange) {
            if (!(low < high)) continue;
            Probe probe("threshold", options({{"high", high}, {"low", low}}));
            for (const double value : kStrange) {
                CAPTURE(high);
                CAPTURE(low);
                CAPTURE(value);
                const auto finding = probe(value);
                CHECK(sane(finding));
                CHECK((finding.score >= 0.5) == (value >= high || value <= low));
            }
        }
}
