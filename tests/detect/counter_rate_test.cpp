// SPDX-License-Identifier: Apache-2.0
#include "detect/helper.hpp"

using namespace tributary;
using namespace tributary::detect;

namespace {
constexpr int64_t kSecond = 1'000'000'000;
}

TEST_CASE("counter-rate: too fast and too slow") {
    Probe probe("counter-rate", options({{"high", 120.0}, {"low", 30.0}}));
    double counter = 1e6;
    int64_t second = 0;
    const auto run = [&](double per_second, int seconds) {
        Finding last;
        for (int i = 0; i < seconds; i++) last = probe.at(++second * kSecond, counter += per_second);
        return last;
    };
    CHECK(run(1, 59).score == 0);  // no rate before a minute
    CHECK(run(1, 200).score < 0.5);
    const auto fast = run(3, 150);
    CHECK(fast.kind == "high");
    CHECK(fast.score > 0.5);
    CHECK(fast.expected.value() < counter);
    CHECK(run(1, 150).score < 0.5);
    const auto stopped = run(0, 150);
    CHECK(stopped.kind == "low");
    CHECK(stopped.expected.value() > counter);
    CHECK(run(1, 150).score < 0.5);
}

TEST_CASE("counter-rate: a reset counts from 0, a counter that wraps goes on") {
    Probe reset("counter-rate", options({{"high", 100.0}, {"low", 10.0}, {"over", std::string("0s")}}));
    Probe wraps("counter-rate",
                options({{"high", 100.0}, {"low", 10.0}, {"over", std::string("0s")}, {"wraps_at", 65'536.0}}));
    CHECK_FALSE(reset.at(0, 65'500).score >= 0.5);
    CHECK_FALSE(reset.at(60 * kSecond, 65'530).score >= 0.5);
    CHECK_FALSE(reset.at(120 * kSecond, 24).score >= 0.5);
    CHECK(reset.at(180 * kSecond, 29).kind == "low");
    CHECK_FALSE(reset.at(240 * kSecond, 59).score >= 0.5);
    CHECK(reset.at(300 * kSecond, 0).kind == "low");
    CHECK_FALSE(wraps.at(0, 65'500).score >= 0.5);
    CHECK_FALSE(wraps.at(60 * kSecond, 65'530).score >= 0.5);
    CHECK_FALSE(wraps.at(120 * kSecond, 24).score >= 0.5);
    CHECK(wraps.at(180 * kSecond, 20).kind == "high");  // not a wrap, or nearly a whole round
}

TEST_CASE("counter-rate: a small rate on a large counter, late and repeated stamps") {
    Probe probe("counter-rate", options({{"high", 90.0}}));
    for (int i = 0; i < 100'000; i++) {
        const auto finding = probe.at(i * kSecond, 1e15 + i);
        if (finding.score >= 0.5) FAIL("at ", i);
        if (i > 200) CHECK(finding.score == doctest::Approx(0.375).epsilon(0.01));
        if (i % 5 == 0) CHECK(probe.at((i - 3) * kSecond, 1e15 + i - 3).score == finding.score);
    }
}

TEST_CASE("counter-rate: constants, strange numbers, restarts") {
    for (const double level : {0.0, 1e300, -5.0})
        check_quiet_on_constant("counter-rate", options({{"high", 1.0}}), level);
    check_strange("counter-rate", options({{"high", 1e-150}, {"over", std::string("0s")}}));
    check_strange("counter-rate", options({{"high", 1e150}, {"low", 0.0}, {"wraps_at", 1e150}}));
    base::math::Random random(5);
    double counter = 0;
    check_restart("counter-rate", options({{"high", 100.0}, {"over", std::string("10s")}}), 5000, [&](int i) {
        counter = i % 700 == 0 ? 0 : counter + static_cast<double>(random.below(4));
        return std::pair(i * kSecond - static_cast<int64_t>(random.below(3)) * kSecond, counter);
    });
    CHECK(check({"counter-rate", "c", {}, {}}, "t").size() == 1);
    CHECK(check({"counter-rate", "c", options({{"high", 1.0}, {"low", 1.0}}), {}}, "t").size() == 1);
}
