// SPDX-License-Identifier: Apache-2.0
// `cusum`: a lasting shift of the mean, small against the noise. Sums of standardised deviations beyond a slack, one
// upwards and one downwards: E. S. Page, "Continuous inspection schemes", Biometrika 41 (1954); with a mean estimated
// from the stream it is the Page-Hinkley test. The alarm begins when a sum reaches the limit; from then on the new
// level is learned, and when that is done the alarm ends: one event a shift.
#include <array>
#include <cmath>

#include "detect/moving.hpp"
#include "detect/types.hpp"

namespace tributary::detect {
namespace {

constexpr std::array kOptions{
    model::OptionSpec{.name = "limit",
                      .default_value = "12",
                      .help = "alarm when deviations beyond the slack add up to so many standard deviations",
                      .min = 1,
                      .max = 1e6},
    model::OptionSpec{.name = "slack",
                      .default_value = "0.5",
                      .help = "half the shift to be found, in standard deviations",
                      .min = 0.01,
                      .max = 100},
    model::OptionSpec{.name = "warmup",
                      .kind = model::OptionKind::integer,
                      .default_value = "100",
                      .help = "readings to learn a level from, at first and after a shift",
                      .min = 10,
                      .max = 1e9},
    model::OptionSpec{.name = "span",
                      .kind = model::OptionKind::integer,
                      .default_value = "1000",
                      .help = "memory of mean and deviation in readings: drift that is slower is learned, not found",
                      .min = 10,
                      .max = 1e9},
    kMinSigma,
    kMinRelative,
};

// A single reading counts as at most a third of the limit, so that one spike is no shift, and teaches as if it were at
// most 3 deviations away.
constexpr double kPart = 1.0 / 3, kLimitedTo = 3;

struct State {
    Moving level;
    double up, down;  // the two sums
    double before;    // the mean before the shift that is in alarm
    double score;     // of it
    int8_t shift;     // in alarm: +1 up, -1 down
    uint8_t padding[7];
};

class Cusum final : public Detector {
  public:
    explicit Cusum(const model::OptionMap& options)
        : limit_(config::number_option(options, kOptions, "limit")),
          slack_(config::number_option(options, kOptions, "slack")),
          warmup_(static_cast<uint64_t>(config::integer_option(options, kOptions, "warmup"))),
          alpha_(alpha_of(static_cast<double>(config::integer_option(options, kOptions, "span")))),
          floor_(options, kOptions) {}

    size_t state_bytes() const override { return sizeof(State); }

    Finding update(std::byte* bytes, int64_t /*event_ns*/, double raw) const override {
        StateBytes<State> state(bytes);
        const double delta = std::clamp(raw, -kHuge, kHuge) - state->level.mean;
        if (state->level.count < warmup_) {
            state->level.learn(delta, 0);
            if (state->shift == 0) return {};
            const Finding shifted{state->score, state->shift > 0 ? "shift-up" : "shift-down", state->before};
            if (state->level.count == warmup_) state->shift = 0;
            return shifted;
        }
        const double sigma = state->level.sigma(floor_);
        const double most = slack_ + limit_ * kPart;
        const double z = std::clamp(delta / sigma, -most, most);
        state->up = std::max(0.0, state->up + z - slack_);
        state->down = std::max(0.0, state->down - z - slack_);
        const double sum = std::max(state->up, state->down);
        Finding result{score_of(sum, limit_, sum >= limit_), "", state->level.mean};
        if (sum >= limit_) {
            result.kind = state->up >= state->down ? "shift-up" : "shift-down";
            begin(*state, result.score, raw);
        } else {
            const double reach = kLimitedTo * sigma;
            state->level.learn(std::clamp(delta, -reach, reach), alpha_);
        }
        return result;
    }

  private:
    void begin(State& state, double score, double raw) const {
        state.shift = state.up >= state.down ? 1 : -1;
        state.before = state.level.mean;
        state.score = score;
        state.up = state.down = 0;
        state.level = {};
        state.level.learn(std::clamp(raw, -kHuge, kHuge), 0);
    }

    double limit_, slack_;
    uint64_t warmup_;
    double alpha_;
    Floor floor_;
};

}  // namespace

DetectorType cusum_type() {
    return {
        "cusum", "a lasting shift of the mean, also a small one", kOptions,
        [](const model::OptionMap& options) -> std::unique_ptr<Detector> { return std::make_unique<Cusum>(options); },
        nullptr};
}

}  // namespace tributary::detect
