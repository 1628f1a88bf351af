// SPDX-License-Identifier: Apache-2.0
// `rate`: the value rises or falls faster than a limit.
#include <array>
#include <cmath>

#include "detect/moving.hpp"
#include "detect/slope.hpp"

namespace tributary::detect {
namespace {

constexpr std::array kOptions{
    model::OptionSpec{.name = "rise",
                      .default_value = {},
                      .help = "alarm when it rises by this much per `per`, or more; empty = no limit",
                      .min = kTiny,
                      .max = kHuge},
    model::OptionSpec{.name = "fall",
                      .default_value = {},
                      .help = "alarm when it falls by this much per `per`, or more; empty = no limit",
                      .min = kTiny,
                      .max = kHuge},
    model::OptionSpec{.name = "per",
                      .kind = model::OptionKind::duration,
                      .default_value = "1s",
                      .help = "the time that `rise` and `fall` are for",
                      .min = 1e-6},
    model::OptionSpec{.name = "over",
                      .kind = model::OptionKind::duration,
                      .default_value = "1s",
                      .help = "readings that are compared lie at least so far apart: longer is calmer",
                      .min = 0},
    model::OptionSpec{.name = "hysteresis",
                      .default_value = "0.1",
                      .help = "the alarm ends when the rate is by this part of the limit below it",
                      .min = 0,
                      .max = 1},
};

enum Side : uint8_t { kNone = 0, kRise = 1, kFall = 2 };

struct State {
    Slope slope;
    double score, expected;  // of the newest reading: one that comes late changes nothing
    Side side;               // in alarm
    uint8_t known, padding[6];
};

class Rate final : public Detector {
  public:
    explicit Rate(const model::OptionMap& options)
        : rise_(config::optional_number(options, "rise")),
          fall_(config::optional_number(options, "fall")),
          per_ns_(static_cast<double>(config::duration_option_ns(options, kOptions, "per"))),
          over_ns_(config::duration_option_ns(options, kOptions, "over")),
          keep_(1 - config::number_option(options, kOptions, "hysteresis")) {}

    size_t state_bytes() const override { return sizeof(State); }
    void forget_times(std::byte* bytes) const override {
        StateBytes<State> state(bytes);
        *state = {};
    }

    Finding update(std::byte* bytes, int64_t event_ns, double raw) const override {
        StateBytes<State> state(bytes);
        const double value = std::clamp(raw, -kHuge, kHuge);
        if (state->slope.accepts(event_ns) && state->slope.add(event_ns, value, over_ns_)) judge(*state);
        Finding result;
        result.score = state->score;
        if (state->known != 0) result.expected = state->expected;
        if (state->side != kNone) result.kind = state->side == kRise ? "rise" : "fall";
        return result;
    }

  private:
    void judge(State& state) const {
        const Slope& slope = state.slope;
        const double length = slope.length(per_ns_), change = slope.newest.value - slope.base.value;
        const Side side = change < 0 ? kFall : kRise;
        const auto& limit = side == kRise ? rise_ : fall_;
        const double rate = std::min(std::abs(change) / length, kHuge);
        const bool alarm = limit && rate >= (state.side == side ? *limit * keep_ : *limit);
        state.side = alarm ? side : kNone;
        state.score = limit ? score_of(rate, *limit, alarm) : 0;
        state.known = limit ? 1 : 0;
        if (limit) state.expected = slope.base.value + (side == kRise ? *limit : -*limit) * length;
    }

    std::optional<double> rise_, fall_;
    double per_ns_;
    int64_t over_ns_;
    double keep_;
};

void check_limits(const model::OptionMap& options, std::vector<std::string>& problems) {
    if (!config::optional_number(options, "rise") && !config::optional_number(options, "fall"))
        problems.emplace_back("rate needs \"rise\", \"fall\" or both");
}

}  // namespace

DetectorType rate_type() {
    return {
        "rate", "rises or falls too fast", kOptions,
        [](const model::OptionMap& options) -> std::unique_ptr<Detector> { return std::make_unique<Rate>(options); },
        check_limits};
}

}  // namespace tributary::detect
