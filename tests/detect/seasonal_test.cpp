// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include "base/zone.hpp"
#include "detect/helper.hpp"

using namespace tributary;
using namespace tributary::detect;

namespace {

constexpr int64_t kSecond = 1'000'000'000, kMinute = 60 * kSecond, kHour = 60 * kMinute, kDay = 24 * kHour;
constexpr int64_t kMonday = 1'767'571'200 * kSecond;  // 2026-01-05 00:00 UTC

// An office: busy from 8 to 18 on working days, by its own clock.
double load(int64_t local_ns) {
    const int64_t day = (local_ns - kMonday) / kDay % 7, hour = local_ns % kDay / kHour;
    return day < 5 && hour >= 8 && hour < 18 ? 100 : 20;
}

}  // namespace

TEST_CASE("seasonal: what is normal on Monday at ten is an alarm on Sunday at ten") {
    Probe probe("seasonal", {});
    base::math::Random random(1);
    int false_alarms = 0;
    int64_t now = kMonday;
    const auto value = [&](int64_t at) { return load(at) + 2 * random.normal(); };
    for (; now < kMonday + 4 * 7 * kDay; now += 10 * kMinute) {
        const auto finding = probe.at(now, value(now));
        if (!sane(finding)) FAIL("insane");
        if (now < kMonday + 7 * kDay) CHECK(finding.score == 0);  // it has seen nothing twice
        false_alarms += finding.score >= 0.5;
    }
    CHECK(false_alarms == 0);
    for (; now % kDay != 10 * kHour; now += 10 * kMinute) probe.at(now, value(now));
    CHECK(probe.at(now, 20).kind == "deviation");  // Monday
    CHECK(*probe.at(now + kMinute, 100).expected == doctest::Approx(100).epsilon(0.05));
    now += 10 * kMinute;
    for (; now < kMonday + (4 * 7 + 6) * kDay + 10 * kHour; now += 10 * kMinute) probe.at(now, value(now));
    CHECK(probe.at(now, 100).kind == "deviation");  // Sunday
    CHECK(*probe.at(now + kMinute, 20).expected == doctest::Approx(20).epsilon(0.1));
}

TEST_CASE("seasonal: the zone's clocks, also over their change") {
    const auto zone = base::Zone::find("Europe/Berlin");
    REQUIRE(zone.ok());
    int alarms[2] = {0, 0};
    for (const bool local : {true, false}) {
        Probe probe("seasonal", options({{"period", std::string("day")},
                                         {"zone", std::string(local ? "Europe/Berlin" : "")},
                                         {"learn", 0.2}}));
        base::math::Random random(1);
        // 2026-03-29 the clocks go forward; steps at 08:00 and 18:00 local time.
        for (int64_t now = kMonday; now < kMonday + 120 * kDay; now += 10 * kMinute) {
            const int64_t hour = (now + zone->at(now).offset_ns) % kDay / kHour;
            const auto finding = probe.at(now, (hour >= 8 && hour < 18 ? 100 : 20) + 2 * random.normal());
            if (now > kMonday + 80 * kDay) alarms[local ? 0 : 1] += finding.score >= 0.5;
        }
    }
    CHECK(alarms[0] == 0);
    CHECK(alarms[1] > 10);
}

TEST_CASE("seasonal: a slope within the slot is expected") {
    // By up to 2.6 within an hour; alone the mean of the hour would be off by 1.3.
    const auto normal = [](int64_t at) {
        return 15 + 10 * base::math::sin_turns(static_cast<double>(at % kDay) / static_cast<double>(kDay));
    };
    Probe probe("seasonal", options({{"period", std::string("day")}}));
    base::math::Random random(2);
    int alarms = 0, missed = 0;
    for (int64_t now = kMonday; now < kMonday + 20 * kDay; now += kMinute) {
        alarms += probe.at(now, normal(now) + 0.1 * random.normal()).score >= 0.5;
        if (now < kMonday + 3 * kDay || now % kHour != 30 * kMinute) continue;
        auto copy = probe;
        missed += copy.at(now, normal(now) - 1.3).score < 0.5;
    }
    CHECK(alarms == 0);
    CHECK(missed == 0);
}

TEST_CASE("seasonal: a gap of weeks, late readings") {
    Probe probe("seasonal", options({{"period", std::string("day")}}));
    for (int64_t now = kMonday; now < kMonday + 3 * kDay; now += 10 * kMinute) probe.at(now, load(now));
    int alarms = 0;
    for (int64_t now = kMonday + 70 * kDay; now < kMonday + 73 * kDay; now += 10 * kMinute) {
        alarms += probe.at(now, load(now)).score >= 0.5;
        alarms += probe.at(now - 5 * kHour, load(now - 5 * kHour)).score >= 0.5;
    }
    CHECK(alarms == 0);
}

TEST_CASE("seasonal: constants, strange numbers, restarts") {
    for (const double level : {0.0, 1e300, -5.0, 1e-200})
        check_quiet_on_constant("seasonal", options({{"period", std::string("day")}}), level);
    check_strange("seasonal", {});
    check_strange("seasonal", options({{"slots", int64_t{2}},
                                       {"zone", std::string("America/New_York")},
                                       {"warmup", std::string("0s")},
                                       {"min_sigma", 0.0},
                                       {"min_relative", 0.0}}));
    base::math::Random random(5);
    check_restart(
        "seasonal", options({{"period", std::string("day")}, {"zone", std::string("Europe/Berlin")}}), 5000,
        [&](int i) { return std::pair(kMonday + i * 5 * kMinute, random.normal() + (i % 150 == 0 ? 60 : 0)); });
    CHECK(check({"seasonal", "s", options({{"zone", std::string("Europe/Berlni")}}), {}}, "t").size() == 1);
    CHECK(check({"seasonal", "s", options({{"slots", int64_t{169}}}), {}}, "t").size() == 1);
}
