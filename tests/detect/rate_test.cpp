// SPDX-License-Identifier: Apache-2.0
#include "detect/helper.hpp"

using namespace tributary;
using namespace tributary::detect;

namespace {
constexpr int64_t kSecond = 1'000'000'000;
}

TEST_CASE("rate: rises and falls faster than the limit, and only then") {
    Probe probe("rate", options({{"rise", 2.0}, {"fall", int64_t{3}}}));
    CHECK(probe.at(0, 10).score == 0);
    CHECK_FALSE(probe.at(0, 10).expected);
    CHECK(probe.at(1 * kSecond, 11.5).score == doctest::Approx(0.375));
    const auto rising = probe.at(2 * kSecond, 13.5);
    CHECK(rising.score == 0.5);
    CHECK(rising.kind == "rise");
    CHECK(rising.expected == 13.5);
    CHECK(probe.at(3 * kSecond, 17.5).score == 0.75);
    CHECK(probe.at(3 * kSecond, 17.5).expected == 15.5);
    CHECK(probe.at(4 * kSecond, 14.6).score < 0.5);
    const auto falling = probe.at(5 * kSecond, 10.6);
    CHECK(falling.score > 0.5);
    CHECK(falling.kind == "fall");
    CHECK(falling.expected == doctest::Approx(11.6));
}

TEST_CASE("rate: hysteresis, a unit of its own, one side only") {
    Probe probe("rate", options({{"rise", 60.0}, {"per", std::string("1min")}, {"hysteresis", 0.5}}));
    CHECK_FALSE(probe.alarms(0));
    CHECK(probe.alarms(1));
    CHECK(probe.alarms(1.6));
    CHECK_FALSE(probe.alarms(2));
    CHECK_FALSE(probe.alarms(2.7));
    CHECK_FALSE(probe.alarms(-1e9));
}

TEST_CASE("rate: the base is as long as asked, noise on it averages out") {
    const auto given = options({{"rise", 0.5}, {"fall", 0.5}, {"over", std::string("10s")}});
    Probe probe("rate", given);
    base::math::Random random(3);
    int false_alarms = 0;
    for (int i = 0; i < 20'000; i++)  // 10 Hz, noise of 0.5: between neighbours it moves by 5 a second
        false_alarms += probe.at(i * kSecond / 10, 20 + 0.5 * random.normal()).score >= 0.5;
    CHECK(false_alarms == 0);
    int until = 0;
    for (; until < 1000; until++)
        if (probe.at((2000 * kSecond) + until * kSecond / 10, 20 + 0.08 * until).score >= 0.5) break;
    CHECK(until > 50);
    CHECK(until < 220);
    // What is slower than the base is compared reading by reading.
    Probe slow("rate", given);
    CHECK_FALSE(slow.at(0, 0).score >= 0.5);
    CHECK(slow.at(60 * kSecond, 30).score == 0.5);
    CHECK(slow.at(120 * kSecond, 50).score < 0.5);
}

TEST_CASE("rate: times that repeat or go back change nothing, a gap is a mean") {
    Probe probe("rate", options({{"rise", 1.0}, {"fall", 1.0}}));
    probe.at(10 * kSecond, 0);
    CHECK(probe.at(11 * kSecond, 5).kind == "rise");
    const auto held = probe.bytes;
    CHECK(probe.at(11 * kSecond, 1e9).score == probe.at(5 * kSecond, -1e9).score);
    CHECK(probe.at(11 * kSecond, 0).kind == "rise");
    CHECK(probe.bytes == held);
    CHECK_FALSE(probe.at(12 * kSecond, 5.1).score >= 0.5);
    CHECK_FALSE(probe.at(86'412 * kSecond, 80'000).score >= 0.5);  // over a day
    CHECK(probe.at(86'413 * kSecond, 80'002).score >= 0.5);
}

TEST_CASE("rate: constants, strange numbers, restarts") {
    for (const double level : {0.0, -1e300, 20.0})
        check_quiet_on_constant("rate", options({{"rise", 1e-9}, {"fall", 1e-9}}), level);
    check_strange("rate", options({{"rise", 1e-150}, {"fall", 1e150}, {"over", std::string("0s")}}));
    check_strange("rate", options({{"fall", 1.0}, {"over", std::string("1h")}}));
    base::math::Random random(5);
    check_restart("rate", options({{"rise", 2.0}, {"fall", 2.0}, {"over", std::string("3s")}}), 5000, [&](int i) {
        return std::pair(i * kSecond - static_cast<int64_t>(random.below(3)) * kSecond, 5 * random.normal());
    });
    CHECK(check({"rate", "rate", {}, {}}, "t").size() == 1);
    CHECK(check({"rate", "rate", options({{"rise", 0.0}}), {}}, "t").size() == 1);
}
