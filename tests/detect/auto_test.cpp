// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <map>

#include "base/math.hpp"
#include "detect/helper.hpp"

using namespace tributary;
using namespace tributary::detect;

namespace {

constexpr int64_t kSecond = 1'000'000'000, kHour = 3600 * kSecond, kDay = 24 * kHour;
constexpr int64_t kStart = 1'700'006'400 * kSecond;  // a midnight, UTC

using Signal = std::function<double(int64_t since_start_ns, base::math::Random&)>;

double noise(int64_t, base::math::Random& random) { return 20 + random.normal(); }
double daily(int64_t since, base::math::Random& random) {
    return 20 + 5 * base::math::sin_turns(static_cast<double>(since) / kDay) + 0.3 * random.normal();
}

struct Run {
    std::vector<int64_t> onsets_ns;
    std::vector<std::string> kinds;
    int readings = 0, held_off = 0;
};

// An onset is a reading that alarms behind one that does not.
Run play(Probe& probe, int64_t from_ns, int64_t to_ns, int64_t interval_ns, const Signal& signal,
         base::math::Random& random) {
    Run run;
    bool was = false;
    for (int64_t t = from_ns; t < to_ns; t += interval_ns, run.readings++) {
        const auto finding = probe.at(kStart + t, signal(t, random));
        if (!sane(finding)) FAIL("insane");
        const bool alarm = finding.score >= 0.5;
        if (alarm && !was) run.onsets_ns.push_back(t), run.kinds.emplace_back(finding.kind);
        was = alarm;
        run.held_off += finding.held_off ? 1 : 0;
    }
    return run;
}

Run play(double days, int64_t interval_ns, const Signal& signal, uint64_t seed = 1) {
    Probe probe("auto", {});
    base::math::Random random(seed);
    return play(probe, 0, static_cast<int64_t>(days * kDay), interval_ns, signal, random);
}

bool found(const Run& run, int64_t from_ns, int64_t within_ns, std::string_view kind = "") {
    for (size_t i = 0; i < run.onsets_ns.size(); i++)
        if (run.onsets_ns[i] >= from_ns && run.onsets_ns[i] <= from_ns + within_ns)
            return kind.empty() || run.kinds[i] == kind;
    return false;
}

}  // namespace

TEST_CASE("auto: the state of a series is at most 512 bytes") { CHECK(Probe("auto", {}).bytes.size() <= 512); }

TEST_CASE("auto: quiet on what is ever the same") {
    for (const double level : {0.0, 20.0, -1e9, 1e-12, 1e300}) {
        CAPTURE(level);
        CHECK(play(20, 5 * 60 * kSecond, [=](int64_t, auto&) { return level; }).onsets_ns.empty());
    }
    const auto rhythm = [](int64_t t, auto&) { return base::math::sin_turns(static_cast<double>(t) / kDay); };
    CHECK_FALSE(found(play(30, 5 * 60 * kSecond, rhythm), kDay, 30 * kDay));  // the first day is all new
}

TEST_CASE("auto: at most one false alarm in 800 readings on noise and on a daily rhythm, less at higher rates") {
    for (const uint64_t seed : {1, 2, 3}) {
        const auto slow = play(40, 5 * 60 * kSecond, noise, seed), rhythm = play(40, 5 * 60 * kSecond, daily, seed);
        CHECK(static_cast<int>(slow.onsets_ns.size()) <= slow.readings / 800);
        CHECK(static_cast<int>(rhythm.onsets_ns.size()) <= rhythm.readings / 800);
        const auto fast = play(1, kSecond, noise, seed);
        CHECK(static_cast<int>(fast.onsets_ns.size()) <= fast.readings / 8000);
    }
}

TEST_CASE("auto: finds a spike at once, and says what was normal") {
    int missed = 0;
    for (uint64_t seed = 1; seed <= 10; seed++) {
        Probe probe("auto", {});
        base::math::Random random(seed);
        play(probe, 0, 20 * kDay, 5 * 60 * kSecond, daily, random);
        const auto finding = probe.at(kStart + 20 * kDay, 35);
        missed += finding.score < 0.5;
        REQUIRE(finding.expected.has_value());
        CHECK(*finding.expected == doctest::Approx(20.5).epsilon(0.1));  // the mean of the hour behind midnight
    }
    CHECK(missed == 0);
}

TEST_CASE("auto: finds what changes and stays changed within a few readings") {
    constexpr int64_t kFault = 20 * kDay + 3 * kHour;
    const std::map<std::string, Signal> faults{
        {"level shift of four deviations", [](int64_t t, auto& r) { return noise(t, r) + (t >= kFault ? 4 : 0); }},
        {"stuck", [](int64_t t, auto& r) { return t >= kFault ? 20.3 : noise(t, r); }},
        {"five times the noise", [](int64_t, auto&) { return 0.0; }},  // replaced below
    };
    for (auto [name, signal] : faults) {
        if (name == "five times the noise")
            signal = [](int64_t t, auto& r) { return 20 + (t >= kFault ? 5 : 1) * r.normal(); };
        int missed = 0;
        for (uint64_t seed = 1; seed <= 10; seed++) {
            const auto run = play(21, 5 * 60 * kSecond, signal, seed);
            missed += !found(run, kFault, 30 * 5 * 60 * kSecond);
        }
        CAPTURE(name);
        CHECK(missed <= 1);
    }
}

TEST_CASE("auto: a sensor that is stuck is found by its volatility") {
    int as_such = 0;
    for (uint64_t seed = 1; seed <= 10; seed++) {
        const auto run = play(
            21, 60 * kSecond, [](int64_t t, auto& r) { return t >= 20 * kDay ? 20.3 : noise(t, r); }, seed);
        as_such += found(run, 20 * kDay, kHour, "volatility");
    }
    CHECK(as_such >= 8);
}

TEST_CASE("auto: finds a changed daily rhythm although every value was there before") {
    constexpr int64_t kLateDay = 30;  // the machine starts three hours late
    int missed = 0;
    for (uint64_t seed = 1; seed <= 10; seed++) {
        const auto run = play(
            31, 5 * 60 * kSecond,
            [](int64_t t, auto& random) {
                const int64_t hour = t / kHour % 24, begins = t / kDay == kLateDay ? 9 : 6;
                return (hour >= begins && hour < 22 ? 80 : 5) + 2 * random.normal();
            },
            seed);
        missed += !found(run, kLateDay * kDay + 6 * kHour, 3 * kHour, "time-of-day");
    }
    CHECK(missed <= 1);
}

TEST_CASE("auto: weekends as usual are no news once some were seen") {
    for (uint64_t seed = 1; seed <= 3; seed++) {
        const auto run = play(
            63, 10 * 60 * kSecond,
            [](int64_t t, auto& random) {  // two shifts from Monday to Friday; 1970-01-01 was a Thursday
                const int64_t hour = t / kHour % 24, weekday = ((kStart + t) / kDay + 3) % 7;
                return (weekday < 5 && hour >= 6 && hour < 22 ? 80 : 5) + 2 * random.normal();
            },
            seed);
        CHECK(std::count_if(run.onsets_ns.begin(), run.onsets_ns.end(), [](int64_t t) { return t > 21 * kDay; }) <= 6);
    }
}

TEST_CASE("auto: a fault that lasts is few alarms, and what is held back is counted") {
    const auto run = play(25, 5 * 60 * kSecond, [](int64_t t, auto& r) {
        return noise(t, r) * (t >= 20 * kDay ? 3 : 1);  // another level and more noise, for five days
    });
    const auto after =
        std::count_if(run.onsets_ns.begin(), run.onsets_ns.end(), [](int64_t t) { return t >= 20 * kDay; });
    CHECK(after >= 1);
    CHECK(after <= 8);
    CHECK(run.held_off > 0);
}

TEST_CASE("auto: no storm after gaps, repeated and late stamps, stamps far apart") {
    Probe probe("auto", {});
    base::math::Random random(5);
    auto run = play(probe, 0, 20 * kDay, 5 * 60 * kSecond, noise, random);
    const auto gap = play(probe, 29 * kDay + kHour, 31 * kDay, 5 * 60 * kSecond, noise, random);
    CHECK(gap.onsets_ns.size() <= 2);
    Run strange;
    bool was = false;
    for (int i = 0; i < 5000; i++) {
        const int64_t t = i % 3 == 0   ? 31 * kDay + i / 100 * kSecond  // many times the same
                          : i % 3 == 1 ? 30 * kDay                      // late
                                       : 31 * kDay;
        const auto finding = probe.at(kStart + t, noise(0, random));
        REQUIRE(sane(finding));
        if (finding.score >= 0.5 && !was) strange.onsets_ns.push_back(t);
        was = finding.score >= 0.5;
    }
    CHECK(strange.onsets_ns.size() <= 7);
    for (const int64_t t : {INT64_MIN, INT64_MAX, int64_t{0}, INT64_MAX, INT64_MIN, INT64_MIN + 1, int64_t{-1}})
        for (int i = 0; i < 200; i++) REQUIRE(sane(probe.at(t, noise(0, random))));
}

TEST_CASE("auto: a clock that was set back goes on from there") {
    Probe probe("auto", {});
    base::math::Random random(5);
    play(probe, 400 * kDay, 401 * kDay, 5 * 60 * kSecond, daily, random);
    play(probe, 0, 20 * kDay, 5 * 60 * kSecond, daily, random);
    const auto finding = probe.at(kStart + 20 * kDay + 6 * kHour, 25);
    CHECK(*finding.expected == doctest::Approx(25).epsilon(0.1));  // the rhythm was learned at the new times
}

TEST_CASE("auto: values of any size are defined, and one wild value does not blind it") {
    for (const double first : kStrange)
        for (const double second : kStrange) {
            Probe probe("auto", {});
            base::math::Random random(3);
            for (int i = 0; i < 600; i++)
                REQUIRE(sane(probe.at(i * 60 * kSecond, random.below(3) == 0   ? first
                                                        : random.below(2) == 0 ? second
                                                                               : i)));
        }
    int missed = 0;
    for (uint64_t seed = 1; seed <= 10; seed++) {
        Probe probe("auto", {});
        base::math::Random random(seed);
        play(probe, 0, 10 * kDay, 5 * 60 * kSecond, noise, random);
        CHECK(probe.alarms(1e30));
        play(probe, 10 * kDay, 80 * kDay, 5 * 60 * kSecond, noise, random);
        missed += probe.at(kStart + 80 * kDay, 40).score < 0.5;
    }
    CHECK(missed <= 1);
}

TEST_CASE("auto: from a copy of its bytes it goes on bit for bit, at every position") {
    Probe probe("auto", {});
    base::math::Random random(11);
    std::vector<Finding> all;
    std::vector<std::vector<std::byte>> states;
    std::vector<double> values;
    constexpr int kReadings = 1500;
    for (int i = 0; i < kReadings; i++) {
        values.push_back(daily(i * 5 * 60 * kSecond, random) + (i % 400 == 399 ? 10 : 0));
        states.push_back(probe.bytes);
        all.push_back(probe.at(kStart + i * 5 * 60 * kSecond, values.back()));
    }
    states.push_back(probe.bytes);
    int differ = 0;
    for (int from = 0; from < kReadings; from++) {
        Probe other("auto", {});
        other.bytes = states[static_cast<size_t>(from)];
        for (int i = from; i < std::min(from + 40, kReadings); i++) {
            const auto n = static_cast<size_t>(i);
            const auto finding = other.at(kStart + i * 5 * 60 * kSecond, values[n]);
            differ += std::memcmp(&finding.score, &all[n].score, sizeof finding.score) != 0 ||
                      finding.kind != all[n].kind || finding.expected != all[n].expected;
            differ += other.bytes != states[n + 1];
        }
    }
    CHECK(differ == 0);
}

TEST_CASE("auto: the state of another release is not misread, the series begins anew") {
    Probe probe("auto", {}), fresh("auto", {});
    base::math::Random random(11);
    play(probe, 0, 5 * kDay, 5 * 60 * kSecond, daily, random);
    CHECK(probe.bytes.back() != std::byte{0});
    probe.bytes.back() = std::byte{250};
    for (int i = 0; i < 300; i++) {
        const double value = daily(i * 5 * 60 * kSecond, random);
        CHECK(probe.at(kStart + i * 5 * 60 * kSecond, value).score ==
              fresh.at(kStart + i * 5 * 60 * kSecond, value).score);
    }
    CHECK(probe.bytes == fresh.bytes);
}

TEST_CASE("auto: more sensitive means more alarms") {
    size_t before = 0;
    for (const double sensitivity : {0.03, 1.0, 30.0}) {
        Probe probe("auto", options({{"sensitivity", sensitivity}}));
        base::math::Random random(2);
        const auto run = play(probe, 0, 60 * kDay, 5 * 60 * kSecond, noise, random);
        CHECK(run.onsets_ns.size() >= before);
        before = run.onsets_ns.size();
    }
    CHECK(before >= 20);
}
