// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/math.hpp"
#include "detect/helper.hpp"

using namespace tributary;
using namespace tributary::detect;

TEST_CASE("ewma: white noise at the default limit stays quiet, a spike of 10 sigma does not pass") {
    for (const uint64_t seed : {1, 2, 3}) {
        Probe probe("ewma", {});
        base::math::Random random(seed);
        int false_alarms = 0, missed = 0;
        for (int i = 1; i <= 100'000; i++) {
            const bool spike = i % 1000 == 0;
            const double value = 20 + 0.5 * random.normal() + (spike ? (i % 2000 == 0 ? 5 : -5) : 0);
            const auto finding = probe(value);
            if (!sane(finding)) FAIL("insane");
            if (spike) {
                // 10 sigma and its own noise of one sigma
                if (std::abs(value - 20) >= 0.5 * 9.5) missed += finding.score < 0.5;
            } else {
                false_alarms += finding.score >= 0.5;
            }
        }
        CHECK(false_alarms == 0);
        CHECK(missed == 0);
    }
}

TEST_CASE("ewma: the limit maps to 0.5 and what it finds says what was normal") {
    Probe probe("ewma", options({{"span", int64_t{9}}, {"limit", 4.0}, {"warmup", int64_t{2}}}));
    CHECK(probe(9.0).score == 0);
    CHECK_FALSE(probe(11.0).expected.has_value());
    // Mean 10, deviation 1 so far.
    auto copy = probe;
    CHECK(Probe(copy)(14.0).score == 0.5);
    CHECK(Probe(copy)(14.0).kind == "deviation");
    CHECK(Probe(copy)(6.0).score == 0.5);
    CHECK(Probe(copy)(13.9).score < 0.5);
    CHECK(Probe(copy)(12.0).score == 0.25);
    CHECK(Probe(copy)(18.0).score == 0.75);
    CHECK(copy(18.0).expected == 10.0);
    // A spike of a thousand sigmas moves the mean as little as one of three: by a third of that, being the third
    // reading.
    auto blinded = probe;
    blinded(1010.0);
    CHECK(*blinded(10.0).expected == doctest::Approx(11));
}

TEST_CASE("ewma: hysteresis") {
    Probe probe(
        "ewma",
        options({{"span", int64_t{1'000'000}}, {"limit", 4.0}, {"hysteresis", 2.0}, {"warmup", int64_t{1000}}}));
    for (int i = 0; i < 1000; i++) probe(i % 2 == 0 ? 1 : -1);
    CHECK(probe.alarms(4.2));
    CHECK(probe.alarms(2.5));
    CHECK(probe.alarms(3.5));
    CHECK_FALSE(probe.alarms(1.5));
    CHECK_FALSE(probe.alarms(3.5));
}

TEST_CASE("ewma: a constant signal does not alarm on dust, but on a step, and learns it") {
    for (const double level : {20.0, -1e6, 1e-3, 101'325.0}) {
        CAPTURE(level);
        Probe probe("ewma", {});
        for (int i = 0; i < 1000; i++) CHECK_FALSE(probe.alarms(level * (1 + (i % 7) * 1e-12)));
        CHECK_FALSE(probe.alarms(level * 1.004));
        int until_normal = 0;
        while (probe.alarms(level * 2) && until_normal < 10'000) until_normal++;
        CHECK(until_normal > 10);
        CHECK(until_normal < 500);
        for (int i = 0; i < 1000; i++) probe(level * 2);
        CHECK(*probe(level * 2).expected == doctest::Approx(level * 2));
    }
    Probe zero("ewma", {});
    for (int i = 0; i < 1000; i++) CHECK_FALSE(zero.alarms(0));
    CHECK(zero.alarms(1));
    int until_normal = 0;
    while (zero.alarms(1000) && until_normal < 10'000) until_normal++;
    CHECK(until_normal < 1000);
}

TEST_CASE("ewma: a restart from the copied bytes is bit-exact") {
    Probe straight("ewma", options({{"span", int64_t{20}}}));
    base::math::Random random(5);
    for (int i = 0; i < 20'000; i++) {
        const double value = 100 * random.normal() + (i % 500 == 0 ? 5000 : 0);
        Probe restarted("ewma", options({{"span", int64_t{20}}}));
        restarted.bytes = straight.bytes;
        const auto a = straight.at(i, value), b = restarted.at(i, value);
        CHECK(std::memcmp(&a.score, &b.score, sizeof a.score) == 0);
        CHECK(a.kind == b.kind);
        CHECK(a.expected == b.expected);
        CHECK(straight.bytes == restarted.bytes);
    }
}

TEST_CASE("ewma: strange numbers give sane scores") {
    const auto given = {
        model::OptionMap{},
        options({{"min_sigma", 0.0}, {"min_relative", 0.0}, {"warmup", int64_t{2}}, {"span", int64_t{5}}}),
        options({{"limit", 0.1}, {"hysteresis", 0.0}, {"warmup", int64_t{2}}})};
    for (const auto& each : given) {
        Probe probe("ewma", each);
        base::math::Random random(6);
        for (int i = 0; i < 20'000; i++) {
            const double value = kStrange[random.below(std::size(kStrange))];
            CAPTURE(value);
            CHECK(sane(probe.at(static_cast<int64_t>(random.next()), value)));
        }
    }
}
