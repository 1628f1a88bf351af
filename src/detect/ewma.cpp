// SPDX-License-Identifier: Apache-2.0
// `ewma`: the distance from an exponentially weighted mean, in exponentially weighted standard deviations.
// S. W. Roberts, "Control chart tests based on geometric moving averages", Technometrics 1 (1959); the variance is
// updated with the mean as in D. H. D. West, "Updating mean and variance estimates", CACM 22 (1979).
#include <algorithm>
#include <array>
#include <cmath>

#include "detect/types.hpp"

namespace tributary::detect {
namespace {

constexpr std::array kOptions{
    model::OptionSpec{.name = "span",
                      .kind = model::OptionKind::integer,
                      .default_value = "100",
                      .help = "memory in readings: the newest weighs 2 / (span + 1)",
                      .min = 5,
                      .max = 1e9},
    model::OptionSpec{.name = "limit",
                      .default_value = "6",
                      .help = "alarm at so many standard deviations from the mean",
                      .min = 0.1,
                      .max = 1e6},
    model::OptionSpec{.name = "hysteresis",
                      .default_value = "1",
                      .help = "the alarm ends below limit - hysteresis standard deviations",
                      .min = 0,
                      .max = 1e6},
    model::OptionSpec{.name = "warmup",
                      .kind = model::OptionKind::integer,
                      .default_value = "30",
                      .help = "readings to learn from before the first alarm",
                      .min = 2,
                      .max = 1e9},
    model::OptionSpec{.name = "min_sigma",
                      .default_value = "1e-9",
                      .help = "the standard deviation is never taken smaller than this, in the stream's unit",
                      .min = 0},
    model::OptionSpec{
        .name = "min_relative",
        .default_value = "0.001",
        .help = "nor smaller than this part of the mean, so that a constant signal does not alarm on dust",
        .min = 0,
        .max = 1},
};

// A reading moves mean and deviation as if it were at most so many deviations away: a spike does not blind the
// detector, and after a step the deviation still grows from reading to reading until the new level is normal.
constexpr double kLimitedTo = 3;
constexpr double kHuge = 1e150;  // its square is finite; what is beyond counts as this
constexpr double kTiny = 1e-150;

struct State {
    double mean, variance;
    uint64_t count;
    uint8_t alarmed, padding[7];
};

class Ewma final : public Detector {
  public:
    explicit Ewma(const model::OptionMap& options)
        : alpha_(2 / (static_cast<double>(config::integer_option(options, kOptions, "span")) + 1)),
          limit_(config::number_option(options, kOptions, "limit")),
          release_(limit_ - config::number_option(options, kOptions, "hysteresis")),
          warmup_(static_cast<uint64_t>(config::integer_option(options, kOptions, "warmup"))),
          min_sigma_(std::clamp(config::number_option(options, kOptions, "min_sigma"), kTiny, kHuge)),
          min_relative_(config::number_option(options, kOptions, "min_relative")) {}

    size_t state_bytes() const override { return sizeof(State); }

    Finding update(std::byte* bytes, int64_t /*event_ns*/, double raw) const override {
        StateBytes<State> state(bytes);
        const double value = std::clamp(raw, -kHuge, kHuge);
        const double delta = value - state->mean;
        const double sigma = std::max({std::sqrt(state->variance), min_sigma_, min_relative_ * std::abs(state->mean)});
        const bool learned = state->count >= warmup_;

        Finding result;
        if (learned) {
            const double z = std::abs(delta) / sigma;
            state->alarmed = z >= (state->alarmed != 0 ? release_ : limit_) ? 1 : 0;
            result.expected = state->mean;
            if (state->alarmed != 0) {
                result.score = z > limit_ ? score_beyond(z - limit_, limit_) : 0.5;
                result.kind = "deviation";
            } else {
                result.score = std::min(z / (2 * limit_), kNoAlarm);
            }
        }
        const double reach = kLimitedTo * sigma;
        learn(state, learned ? std::clamp(delta, -reach, reach) : delta);
        return result;
    }

  private:
    // Plain mean and variance at first (weight 1/n), exponential ones from then on.
    void learn(StateBytes<State>& state, double delta) const {
        state->count++;
        const double weight = std::max(alpha_, 1 / static_cast<double>(state->count));
        state->mean = std::clamp(state->mean + weight * delta, -kHuge, kHuge);
        state->variance = (1 - weight) * (state->variance + weight * delta * delta);
    }

    double alpha_, limit_, release_;
    uint64_t warmup_;
    double min_sigma_, min_relative_;
};

void check_limits(const model::OptionMap& options, std::vector<std::string>& problems) {
    if (config::number_option(options, kOptions, "hysteresis") >= config::number_option(options, kOptions, "limit"))
        problems.emplace_back("\"hysteresis\" must be smaller than \"limit\", or an alarm never ends");
}

}  // namespace

DetectorType ewma_type() {
    return {
        "ewma", "far from the moving mean, measured in moving standard deviations", kOptions,
        [](const model::OptionMap& options) -> std::unique_ptr<Detector> { return std::make_unique<Ewma>(options); },
        check_limits};
}

}  // namespace tributary::detect
