// SPDX-License-Identifier: Apache-2.0
// A detector with the state of one series, for tests.
#pragma once

#include <doctest/doctest.h>

#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/math.hpp"
#include "detect/detector.hpp"

namespace tributary::detect {

inline model::OptionMap options(const std::vector<std::pair<std::string, decltype(model::OptionValue::value)>>& given) {
    model::OptionMap map;
    for (const auto& [name, value] : given) map[name] = {value, {"test.toml", 7, 3}};
    return map;
}

class Probe {
  public:
    Probe(std::string_view type, const model::OptionMap& given) {
        const auto problems = check({std::string(type), std::string(type), given, {}}, "test");
        CAPTURE(problems.empty() ? std::string() : problems.front().message);
        REQUIRE(problems.empty());
        detector_ = find_type(type)->make(given);
        bytes.assign(detector_->state_bytes(), std::byte{0});
        REQUIRE(bytes.size() <= 512);
    }
    Finding operator()(double value) { return at(time_ns_ += 1'000'000'000, value); }
    Finding at(int64_t event_ns, double value) { return detector_->update(bytes.data(), event_ns, value); }
    void forget_times() { detector_->forget_times(bytes.data()); }
    bool alarms(double value) { return (*this)(value).score >= 0.5; }

    std::vector<std::byte> bytes;

  private:
    std::shared_ptr<const Detector> detector_;
    int64_t time_ns_ = 0;
};

inline bool sane(const Finding& finding) {
    const bool alarm = finding.score >= 0.5;
    return finding.score >= 0 && finding.score <= 1 && alarm == !finding.kind.empty() &&
           (!finding.expected || *finding.expected == *finding.expected);
}

constexpr double kStrange[] = {0,     -0.0,   5e-324, -5e-324, 2e-308,  1e-300,   1,    -1,   1e15,
                               1e150, -1e150, 1e300,  -1e300,  1.7e308, -1.7e308, 42.5, 1e-9, -1e-9};

// A copy of the state goes on bit for bit, at every reading; next(i) gives event time and value of reading i.
template <class Next>
void check_restart(std::string_view type, const model::OptionMap& given, int readings, Next next) {
    Probe straight(type, given), restarted(type, given);
    int alarms = 0;
    for (int i = 0; i < readings; i++) {
        const auto [event_ns, value] = next(i);
        restarted.bytes = straight.bytes;
        const auto a = straight.at(event_ns, value), b = restarted.at(event_ns, value);
        const bool same = std::memcmp(&a.score, &b.score, sizeof a.score) == 0 && a.kind == b.kind &&
                          a.expected == b.expected && straight.bytes == restarted.bytes;
        if (!same) FAIL("reading ", i, " differs");
        alarms += a.score >= 0.5;
    }
    CHECK(alarms > 0);  // or there was little to see
}

// Any number at any time gives a sane score.
inline void check_strange(std::string_view type, const model::OptionMap& given, uint64_t seed = 6) {
    Probe probe(type, given);
    base::math::Random random(seed);
    for (int i = 0; i < 20'000; i++) {
        const double value = kStrange[random.below(std::size(kStrange))];
        const int64_t event_ns = i % 3 == 0 ? i * 1'000'000'000LL : static_cast<int64_t>(random.next());
        const auto finding = probe.at(event_ns, value);
        if (!sane(finding)) FAIL("reading ", i, " of value ", value, " at ", event_ns, ": score ", finding.score);
    }
}

// A day of a constant, a single reading, a gap of a week, repeated and late stamps: nothing to alarm about.
inline void check_quiet_on_constant(std::string_view type, const model::OptionMap& given, double level) {
    constexpr int64_t kSecond = 1'000'000'000;
    Probe probe(type, given);
    int alarms = 0;
    int64_t now_ns = 1'767'225'600 * kSecond;
    for (int i = 0; i < 20'000; i++) {
        if (i == 10'000) now_ns += 7 * 86'400 * kSecond;
        now_ns += 5 * kSecond;
        alarms += probe.at(now_ns, level).score >= 0.5;
        if (i % 7 == 0) alarms += probe.at(now_ns, level).score >= 0.5;
        if (i % 11 == 0) alarms += probe.at(now_ns - 3 * kSecond, level).score >= 0.5;
    }
    CHECK(alarms == 0);
}

}  // namespace tributary::detect
