// SPDX-License-Identifier: Apache-2.0
// `ewma`: the distance from an exponentially weighted mean, in exponentially weighted standard deviations.
// S. W. Roberts, "Control chart tests based on geometric moving averages", Technometrics 1 (1959).
#include <algorithm>
#include <array>
#include <cmath>

#include "detect/moving.hpp"
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
    kMinSigma,
    kMinRelative,
};

// A reading moves mean and deviation as if it were at most so many deviations away: a spike does not blind the
// detector, and after a step the deviation still grows from reading to reading until the new level is normal.
constexpr double kLimitedTo = 3;

struct State {
    Moving usual;
    uint8_t alarmed, padding[7];
};

class Ewma final : public Detector {
  public:
    explicit Ewma(const model::OptionMap& options)
        : alpha_(alpha_of(static_cast<double>(config::integer_option(options, kOptions, "span")))),
          limit_(config::number_option(options, kOptions, "limit")),
          release_(limit_ - config::number_option(options, kOptions, "hysteresis")),
          warmup_(static_cast<uint64_t>(config::integer_option(options, kOptions, "warmup"))),
          floor_(options, kOptions) {}

    size_t state_bytes() const override { return sizeof(State); }

    Finding update(std::byte* bytes, int64_t /*event_ns*/, double raw) const override {
        StateBytes<State> state(bytes);
        const double value = std::clamp(raw, -kHuge, kHuge);
        const double delta = value - state->usual.mean;
        const double sigma = state->usual.sigma(floor_);
        const bool learned = state->usual.count >= warmup_;

        Finding result;
        if (learned) {
            const double z = std::abs(delta) / sigma;
            state->alarmed = z >= (state->alarmed != 0 ? release_ : limit_) ? 1 : 0;
            result.expected = state->usual.mean;
            result.score = score_of(z, limit_, state->alarmed != 0);
            if (state->alarmed != 0) result.kind = "deviation";
        }
        const double reach = kLimitedTo * sigma;
        state->usual.learn(learned ? std::clamp(delta, -reach, reach) : delta, alpha_);
        return result;
    }

  private:
    double alpha_, limit_, release_;
    uint64_t warmup_;
    Floor floor_;
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
