// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include "detect/helper.hpp"

using namespace tributary;
using namespace tributary::detect;

namespace {
constexpr int64_t kSecond = 1'000'000'000;
}

TEST_CASE("spikes: a shower alarms, single ones and a step do not") {
    Probe probe("spikes", options({{"count", int64_t{5}}, {"within", std::string("10min")}}));
    base::math::Random random(1);
    int64_t second = 0;
    const auto run = [&](int seconds, int every, double height, int lasts) {
        int alarms = 0;
        for (int i = 1; i <= seconds; i++) {
            const bool spike = every > 0 && i % every < lasts && i >= every;
            const auto finding = probe.at(++second * kSecond, 20 + 0.5 * random.normal() + (spike ? height : 0));
            if (!sane(finding)) FAIL("insane");
            alarms += finding.score >= 0.5;
        }
        return alarms;
    };
    CHECK(run(20'000, 0, 0, 0) == 0);
    CHECK(run(20'000, 200, 10, 1) == 0);  // three in ten minutes
    CHECK(run(700, 0, 0, 0) == 0);
    CHECK(run(2'000, 60, 10, 1) > 1000);
    CHECK(run(700, 0, 0, 0) > 0);
    CHECK(run(700, 0, 0, 0) == 0);
    CHECK(run(2'000, 60, -10, 3) > 1000);  // each of three readings
    run(700, 0, 0, 0);
    CHECK(run(2'000, 5'000, 10, 1) == 0);
    Probe step("spikes", {});
    int alarms = 0;
    for (int i = 0; i < 5000; i++) alarms += step.at(i * kSecond, i < 1000 ? 20 : 40).score >= 0.5;
    CHECK(alarms == 0);
}

TEST_CASE("spikes: how many there are is the score, the mean what was expected") {
    Probe probe("spikes", options({{"count", int64_t{2}}, {"within", std::string("100s")}, {"size", 5.0}}));
    for (int i = 0; i < 100; i++) CHECK(probe.at(i * kSecond, 20).score == 0);
    CHECK(probe.at(100 * kSecond, 25).score == 0.25);
    CHECK(probe.at(101 * kSecond, 23).score == 0.25);
    CHECK(probe.at(102 * kSecond, 26).score == 0.25);  // the same one
    CHECK(probe.at(103 * kSecond, 20).score == 0.25);
    const auto second = probe.at(104 * kSecond, 14);
    CHECK(second.score == 0.5);
    CHECK(second.kind == "spikes");
    CHECK(*second.expected == doctest::Approx(20).epsilon(0.05));
    CHECK(probe.at(105 * kSecond, 20).score == 0.5);
    CHECK(probe.at(200 * kSecond, 20).score == 0.5);
    CHECK(probe.at(201 * kSecond, 20).score == 0.25);
    CHECK(probe.at(205 * kSecond, 20).score == 0);
    CHECK(probe.at(150 * kSecond, 20).score == 0);  // late: the time does not go back
}

TEST_CASE("spikes: constants, strange numbers, restarts") {
    for (const double level : {0.0, 1e300, -5.0})
        check_quiet_on_constant("spikes", options({{"count", int64_t{1}}}), level);
    check_strange("spikes", options({{"count", int64_t{32}}, {"min_sigma", 0.0}, {"min_relative", 0.0}}));
    check_strange("spikes", options({{"count", int64_t{1}}, {"size", 1e150}}));
    base::math::Random random(5);
    check_restart("spikes", {}, 5000, [&](int i) {
        return std::pair(i * kSecond - static_cast<int64_t>(random.below(3)) * kSecond,
                         random.normal() + (i % 50 == 0 ? 20 : 0));
    });
}
