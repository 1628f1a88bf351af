// SPDX-License-Identifier: Apache-2.0
// `counter-rate`: a counter (pieces, kWh, errors) runs faster or slower than a limit. A value below the one before is a
// reset: it counts from 0, as in the windows' `increase`.
#include <array>
#include <cmath>

#include "detect/moving.hpp"
#include "detect/slope.hpp"

namespace tributary::detect {
namespace {

constexpr std::array kOptions{
    model::OptionSpec{.name = "high",
                      .default_value = {},
                      .help = "alarm when it counts so many per `per`, or more; empty = no upper limit",
                      .min = kTiny,
                      .max = kHuge},
    model::OptionSpec{.name = "low",
                      .default_value = {},
                      .help = "alarm when it counts so few per `per`, or fewer; empty = no lower limit",
                      .min = 0,
                      .max = kHuge},
    model::OptionSpec{.name = "per",
                      .kind = model::OptionKind::duration,
                      .default_value = "1min",
                      .help = "the time that `high` and `low` are for",
                      .min = 1e-6},
    model::OptionSpec{.name = "over",
                      .kind = model::OptionKind::duration,
                      .default_value = "1min",
                      .help = "the rate is taken over at least so long: longer is calmer",
                      .min = 0},
    model::OptionSpec{
        .name = "wraps_at",
        .default_value = "0",
        .help = "the value at which it begins again at 0 (65536 of a 16-bit counter); 0 = it is reset only",
        .min = 0,
        .max = kHuge},
};

enum Side : uint8_t { kNone = 0, kHigh = 1, kLow = 2 };

struct State {
    Slope slope;    // of the sum of steps
    double before;  // the counter
    double score, expected;
    Side side;
    uint8_t known, padding[6];
};

class CounterRate final : public Detector {
  public:
    explicit CounterRate(const model::OptionMap& options)
        : high_(config::optional_number(options, "high")),
          low_(config::optional_number(options, "low")),
          per_ns_(static_cast<double>(config::duration_option_ns(options, kOptions, "per"))),
          over_ns_(config::duration_option_ns(options, kOptions, "over")),
          wraps_at_(config::number_option(options, kOptions, "wraps_at")) {
        const double width = high_ && low_ ? *high_ - *low_ : high_ ? *high_ : *low_;
        scale_ = width > 0 ? width : 1;
    }

    size_t state_bytes() const override { return sizeof(State); }
    void forget_times(std::byte* bytes) const override {
        StateBytes<State> state(bytes);
        *state = {};
    }

    Finding update(std::byte* bytes, int64_t event_ns, double raw) const override {
        StateBytes<State> state(bytes);
        const double value = std::clamp(raw, -kHuge, kHuge);
        if (state->slope.accepts(event_ns)) {
            const double sum = state->slope.seen != 0 ? state->slope.newest.value + step(state->before, value) : 0;
            state->before = value;
            if (state->slope.add(event_ns, std::min(sum, kHuge), over_ns_)) judge(*state);
            forget_sum(state->slope);
        }
        Finding result;
        result.score = state->score;
        if (state->known != 0) result.expected = state->expected;
        if (state->side != kNone) result.kind = state->side == kHigh ? "high" : "low";
        return result;
    }

  private:
    double step(double before, double value) const {
        if (value >= before) return value - before;
        return std::max(value, 0.0) + (wraps_at_ > before ? wraps_at_ - before : 0);
    }

    // Small sums lose no digits.
    static void forget_sum(Slope& slope) {
        const double sum = slope.base.value;
        for (auto* point : {&slope.base, &slope.next, &slope.newest}) point->value -= sum;
    }

    void judge(State& state) const {
        const double length = state.slope.length(per_ns_);
        const double rate = std::min((state.slope.newest.value - state.slope.base.value) / length, kHuge);
        state.side = high_ && rate >= *high_ ? kHigh : low_ && rate <= *low_ ? kLow : kNone;
        const bool about_high = state.side == kHigh || (high_ && (!low_ || *high_ - rate <= rate - *low_));
        const double limit = about_high ? *high_ : *low_;
        const double excess = about_high ? rate - limit : limit - rate;
        state.score =
            excess >= 0 ? score_beyond(excess, scale_) : std::min(0.5 * (scale_ / (scale_ - excess)), kNoAlarm);
        // What the counter would show had it kept the limit.
        state.expected = state.before - (rate - limit) * length;
        state.known = 1;
    }

    std::optional<double> high_, low_;
    double per_ns_;
    int64_t over_ns_;
    double wraps_at_;
    double scale_;
};

void check_limits(const model::OptionMap& options, std::vector<std::string>& problems) {
    const auto high = config::optional_number(options, "high"), low = config::optional_number(options, "low");
    if (!high && !low) problems.emplace_back("counter-rate needs \"high\", \"low\" or both");
    if (high && low && !(*low < *high)) problems.emplace_back("\"low\" must be below \"high\"");
}

}  // namespace

DetectorType counter_rate_type() {
    return {"counter-rate", "a counter runs too fast or too slowly", kOptions,
            [](const model::OptionMap& options) -> std::unique_ptr<Detector> {
                return std::make_unique<CounterRate>(options);
            },
            check_limits};
}

}  // namespace tributary::detect
