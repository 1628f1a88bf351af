// SPDX-License-Identifier: Apache-2.0
// `auto`: needs no settings. Two tests of how rare a reading is among those seen so far (auto_histogram.hpp):
//   level       the value itself, and its distance from what is usual at that hour and weekday (auto_rhythm.hpp)
//               smoothed over 10 and over 40 readings; the three confirm each other: the mean counts two thirds, the
//               greatest one third;
//   volatility  the smoothed step from reading to reading, on a logarithmic scale: noise that grows, a value that is
//               stuck.
// The limit calibrates itself: each alarm raises it, much for the next readings (hold-off), a little for thousands (a
// series that alarms often must show more). What it does not do: look ahead, know units, or use the size of the series.
#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>

#include "base/math.hpp"
#include "detect/auto_histogram.hpp"
#include "detect/auto_rhythm.hpp"
#include "detect/types.hpp"

namespace tributary::detect {
namespace {

constexpr std::array kOptions{
    model::OptionSpec{.name = "sensitivity",
                      .default_value = "1",
                      .help = "10 alarms at readings that are ten times less rare, 0.1 only at ten times rarer ones",
                      .min = 0.01,
                      .max = 100}};

constexpr double kLimit = 5.4;                           // nats of rarity; see docs/detectors.md for how it was found
constexpr double kAtOnce = 0.6, kAtOnceSteps = 80;       // each alarm raises the limit by so much, fading
constexpr double kForLong = 0.08, kForLongSteps = 2500;  // and by so much
constexpr double kRelease = 0.7;                         // an alarm ends below so much of its limit
constexpr uint8_t kLongestAlarm = 100;                   // readings
constexpr double kVolatilityAlone = 0.65;                // what its rarity counts, having nothing that confirms it
constexpr double kNoNews = 30;  // one in so many readings of the volatility is nothing to look into
constexpr double kShort = 10, kLong = 40, kSteps = 40;  // readings the averages reach over
constexpr double kDust = 1e-6;                          // of the value: a smaller step is none
constexpr double kHuge = 1e37;                          // what is beyond counts as this
// One reading in so long is learned in full, the rest only where nothing was seen yet: at any rate of readings the
// memory is one of days.
constexpr int64_t kStepNs = 60'000'000'000, kNsPerHour = 3'600'000'000'000;
constexpr uint16_t kMostSkipped = 4096;            // readings, should time stand still
constexpr int64_t kBackwardsNs = 24 * kNsPerHour;  // event time that falls by more was set anew
// Where little was seen yet much is new: no alarm in the first kWarmup readings, and the limit is raised by kYoung / n
// at the n-th.
constexpr uint32_t kWarmup = 200;
constexpr double kYoung = 100;
constexpr uint8_t kVersion = 1;

constexpr size_t kTests = 2;  // level, volatility: each has its own limit and hold-off

struct State {
    double origin;  // the first value: the rest is kept as distance from it
    int64_t newest_ns;
    RarityHistogram<32> value, near_residual, far_residual;
    RarityHistogram<16> volatility;
    DailyRhythm rhythm;
    float previous, near, far, step;          // averages of the residual, of the absolute step
    float at_once[kTests], for_long[kTests];  // what past alarms still raise the limit by
    uint32_t since_step_ms;
    uint16_t skipped, readings;  // readings: at most 65535
    uint8_t alarm_left;          // readings the alarm may still last; 0 = none
    uint8_t kind, over;          // of the alarm; the reading before was over the limit
    uint8_t version;             // the last byte
};
static_assert(sizeof(State) <= 512);

enum Kind : uint8_t { kLevel, kTimeOfDay, kVolatility };
constexpr std::array<std::string_view, 3> kKinds{"level", "time-of-day", "volatility"};

// log2 within 0.09, rising with x: enough to choose a bin by. x > 0 and normal.
float octaves(double x) {
    const auto bits = std::bit_cast<uint64_t>(x);
    return static_cast<float>(static_cast<double>(bits) * 0x1p-52 - 1023);
}

class Auto final : public Detector {
  public:
    explicit Auto(const model::OptionMap& options)
        : limit_(kLimit - base::math::ln(config::number_option(options, kOptions, "sensitivity"))) {}

    size_t state_bytes() const override { return sizeof(State); }

    Finding update(std::byte* bytes, int64_t event_ns, double raw) const override {
        StateBytes<State> held(bytes);
        State& state = *held.operator->();
        if (state.version != kVersion) state = {};  // of another release, or fresh
        const double whole = std::clamp(raw, -kHuge, kHuge);
        const bool first = state.readings == 0;
        if (first) state.origin = whole, state.newest_ns = event_ns, state.version = kVersion;
        const auto value = static_cast<float>(whole - state.origin);
        const bool step = pass_time(state, event_ns);

        const float expected = state.rhythm.expect(static_cast<int32_t>(std::clamp<int64_t>(
            state.newest_ns / kNsPerHour - (state.newest_ns % kNsPerHour < 0 ? 1 : 0), INT32_MIN, INT32_MAX)));
        state.readings = static_cast<uint16_t>(std::min(state.readings + 1, 65535));
        average(state, state.near, kShort, first ? 0 : value - expected);
        average(state, state.far, kLong, first ? 0 : value - expected);
        average(state, state.step, kSteps, first ? 0 : std::abs(value - state.previous));
        state.previous = value;
        const float volatility = octaves(state.step + kDust * std::abs(whole) + 1e-12);
        Kind kind = kLevel;
        const auto rarity = rarities(state, value, volatility, kind);
        learn(state, value, volatility, step);

        Finding finding = judge(state, rarity, kind, step);
        finding.expected = state.origin + static_cast<double>(expected);
        return finding;
    }

  private:
    // Event time runs on; whether this reading is to be learned in full.
    static bool pass_time(State& state, int64_t event_ns) {
        const uint64_t apart = static_cast<uint64_t>(event_ns) - static_cast<uint64_t>(state.newest_ns);
        uint64_t passed_ms = 0;
        if (event_ns >= state.newest_ns) {
            passed_ms = apart / 1'000'000;
            state.newest_ns = event_ns;
        } else if (-apart > static_cast<uint64_t>(kBackwardsNs)) {
            state.newest_ns = event_ns;
        }
        constexpr uint64_t kStepMs = kStepNs / 1'000'000;
        state.since_step_ms = static_cast<uint32_t>(std::min(state.since_step_ms + passed_ms, kStepMs));
        if (state.since_step_ms < kStepMs && state.readings != 0 && ++state.skipped < kMostSkipped) return false;
        state.since_step_ms = 0, state.skipped = 0;
        return true;
    }

    static void average(const State& state, float& into, double reach, float what) {
        const double weight = std::max(2 / (reach + 1), 1.0 / state.readings);
        into = static_cast<float>(into + weight * (static_cast<double>(what) - into));
    }

    // Of the two tests.
    static std::array<double, kTests> rarities(const State& state, float value, float volatility, Kind& kind) {
        const std::array odds{state.value.odds(value), state.near_residual.odds(state.near),
                              state.far_residual.odds(state.far)};
        const double most = std::max({odds[0], odds[1], odds[2]});
        kind = odds[0] < most && state.rhythm.knows_hour() ? kTimeOfDay : kLevel;
        const double level = base::math::ln(most) / 3 + base::math::ln(odds[0] * odds[1] * odds[2]) * (2.0 / 9);
        const double unsteady = state.volatility.odds(volatility);
        return {level, unsteady < kNoNews ? 0 : kVolatilityAlone * base::math::ln(unsteady)};
    }

    static void learn(State& state, float value, float volatility, bool step) {
        const auto into = [step](auto& histogram, float what) {
            if (step || !histogram.seen(what)) histogram.learn(what);
        };
        into(state.value, value);
        into(state.near_residual, state.near);
        into(state.far_residual, state.far);
        if (state.readings >= kSteps) into(state.volatility, volatility);  // else the start's zeros spread its bins
        state.rhythm.learn(value);
    }

    Finding judge(State& state, const std::array<double, kTests>& rarity, Kind kind, bool step) const {
        const double young = kYoung / std::max<int>(state.readings, 1);
        const bool was_over = state.over != 0, learned = state.readings > kWarmup;
        std::array<double, kTests> limit{};
        state.over = 0;
        for (size_t i = 0; i < kTests; i++) {
            limit[i] = limit_ * (1 + young + state.at_once[i] + state.for_long[i]);
            if (learned && rarity[i] >= limit_) state.over = 1;
            if (!step) continue;
            state.at_once[i] = static_cast<float>(state.at_once[i] * (1 - 1 / kAtOnceSteps));
            state.for_long[i] = static_cast<float>(state.for_long[i] * (1 - 1 / kForLongSteps));
        }
        // The level speaks when it has something to say: a spike is a wild step, too.
        const size_t test = rarity[0] < limit[0] && rarity[1] * limit[0] > rarity[0] * limit[1] ? 1 : 0;
        Finding finding;
        if (state.alarm_left != 0) {
            const double most = std::max(rarity[0], rarity[1]), release = kRelease * limit_;
            state.alarm_left = most >= release ? static_cast<uint8_t>(state.alarm_left - 1) : 0;
            finding.score = most / (most + release);
        } else {
            finding.score = rarity[test] / (rarity[test] + limit[test]);
            if (learned && rarity[test] >= limit[test]) {
                state.alarm_left = kLongestAlarm;
                state.kind = test == 1 ? kVolatility : kind;
                state.at_once[test] += static_cast<float>(kAtOnce);
                state.for_long[test] += static_cast<float>(kForLong);
            } else {
                finding.held_off = state.over != 0 && !was_over;
            }
        }
        finding.score = state.alarm_left != 0 ? std::max(finding.score, 0.5) : std::min(finding.score, kNoAlarm);
        if (state.alarm_left != 0) finding.kind = kKinds[state.kind];
        return finding;
    }

    double limit_;
};

}  // namespace

DetectorType auto_type() {
    return {
        "auto", "needs no settings: rare for its own past, its hour and weekday, or its noise", kOptions,
        [](const model::OptionMap& options) -> std::unique_ptr<Detector> { return std::make_unique<Auto>(options); },
        nullptr};
}

}  // namespace tributary::detect
