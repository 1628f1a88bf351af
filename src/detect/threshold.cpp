// SPDX-License-Identifier: Apache-2.0
// `threshold`: the value is at or beyond a fixed limit, and stays there for `dwell`.
#include <algorithm>
#include <array>
#include <cmath>

#include "detect/types.hpp"

namespace tributary::detect {
namespace {

constexpr std::array kOptions{
    model::OptionSpec{.name = "high",
                      .default_value = {},
                      .help = "alarm at this value and above, in the stream's unit; empty = no upper limit"},
    model::OptionSpec{.name = "low",
                      .default_value = {},
                      .help = "alarm at this value and below, in the stream's unit; empty = no lower limit"},
    model::OptionSpec{.name = "hysteresis",
                      .default_value = "0",
                      .help = "the value must come back inside the limit by more than this before the alarm ends",
                      .min = 0},
    model::OptionSpec{
        .name = "dwell",
        .kind = model::OptionKind::duration,
        .default_value = "0s",
        .help = "the value must stay beyond the limit for so long, in event time, before the alarm begins"},
};

enum Side : uint8_t { kInside = 0, kHigh = 1, kLow = 2 };

struct State {
    int64_t latest_ns;  // greatest event time so far: one reading that comes late does not turn the time back
    int64_t since_ns;   // when the value went beyond the limit
    Side side;          // beyond which limit
    uint8_t alarmed, seen, padding[5];
};

class Threshold final : public Detector {
  public:
    explicit Threshold(const model::OptionMap& options)
        : high_(config::optional_number(options, "high")),
          low_(config::optional_number(options, "low")),
          hysteresis_(config::number_option(options, kOptions, "hysteresis")),
          dwell_ns_(config::duration_option_ns(options, kOptions, "dwell")) {
        // What counts as far beyond: the width of the band, else the size of the only limit.
        const double width = high_ && low_ ? *high_ / 2 - *low_ / 2 : std::abs(high_ ? *high_ : *low_) / 2;
        scale_ = width > 0 ? std::min(width * 2, kHuge) : 1;
    }

    size_t state_bytes() const override { return sizeof(State); }
    void forget_times(std::byte* bytes) const override {
        StateBytes<State> state(bytes);
        *state = {};
    }

    Finding update(std::byte* bytes, int64_t event_ns, double value) const override {
        StateBytes<State> state(bytes);
        state->latest_ns = state->seen != 0 ? std::max(state->latest_ns, event_ns) : event_ns;
        state->seen = 1;

        const Side side = side_of(value);
        if (side != kInside && side != state->side) {
            state->side = side;
            state->alarmed = 0;
            state->since_ns = state->latest_ns;
        }
        if (side != kInside && waited_ns(state->latest_ns, state->since_ns) >= static_cast<uint64_t>(dwell_ns_))
            state->alarmed = 1;
        if (side == kInside && (state->alarmed == 0 || came_back(state->side, value))) {
            state->side = kInside;
            state->alarmed = 0;
        }
        return finding(state->alarmed != 0, state->side, side, value);
    }

  private:
    static constexpr double kHuge = 1e300;

    static double apart(double a, double b) { return std::min(a / 2 - b / 2, kHuge / 2) * 2; }
    static uint64_t waited_ns(int64_t now, int64_t since) {
        return static_cast<uint64_t>(now) - static_cast<uint64_t>(since);
    }

    Side side_of(double value) const {
        if (high_ && value >= *high_) return kHigh;
        if (low_ && value <= *low_) return kLow;
        return kInside;
    }

    bool came_back(Side side, double value) const {
        return side == kHigh ? value < *high_ - hysteresis_ : value > *low_ + hysteresis_;
    }

    // The limit that is nearer to being passed.
    Side nearer(double value) const {
        if (!low_) return kHigh;
        if (!high_) return kLow;
        return apart(*high_, value) <= apart(value, *low_) ? kHigh : kLow;
    }

    Finding finding(bool alarmed, Side alarm_side, Side side, double value) const {
        const Side about = alarmed ? alarm_side : side != kInside ? side : nearer(value);
        const double limit = about == kHigh ? *high_ : *low_;
        const double excess = about == kHigh ? apart(value, limit) : apart(limit, value);
        Finding result;
        result.expected = limit;
        if (alarmed) {
            result.score = excess > 0 ? score_beyond(excess, scale_) : 0.5;
            result.kind = about == kHigh ? "high" : "low";
        } else {
            // Inside, or beyond but not long enough: how near it is.
            result.score =
                excess >= 0 ? kNoAlarm : std::min(0.5 * (scale_ / (scale_ - std::max(excess, -kHuge))), kNoAlarm);
        }
        return result;
    }

    std::optional<double> high_, low_;
    double hysteresis_;
    int64_t dwell_ns_;
    double scale_ = 1;
};

void check_limits(const model::OptionMap& options, std::vector<std::string>& problems) {
    const auto high = config::optional_number(options, "high"), low = config::optional_number(options, "low");
    if (!high && !low) problems.emplace_back("threshold needs \"high\", \"low\" or both");
    if (!high || !low) return;
    if (!(*low < *high)) {
        problems.emplace_back("\"low\" must be below \"high\"");
    } else if (config::number_option(options, kOptions, "hysteresis") >= *high - *low) {
        problems.emplace_back("\"hysteresis\" must be smaller than the distance between \"low\" and \"high\"");
    }
}

}  // namespace

DetectorType threshold_type() {
    return {"threshold", "at or beyond a fixed limit", kOptions,
            [](const model::OptionMap& options) -> std::unique_ptr<Detector> {
                return std::make_unique<Threshold>(options);
            },
            check_limits};
}

}  // namespace tributary::detect
