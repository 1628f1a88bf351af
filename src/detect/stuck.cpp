// SPDX-License-Identifier: Apache-2.0
// `stuck`: the value has not changed for a time, though readings came.
#include <array>
#include <cmath>

#include "detect/moving.hpp"
#include "detect/types.hpp"

namespace tributary::detect {
namespace {

constexpr std::array kOptions{
    model::OptionSpec{.name = "after",
                      .kind = model::OptionKind::duration,
                      .default_value = "10min",
                      .help = "alarm when the value has not changed for so long, in event time",
                      .min = 0},
    model::OptionSpec{.name = "readings",
                      .kind = model::OptionKind::integer,
                      .default_value = "10",
                      .help = "and at least so many readings in a row have said so",
                      .min = 2,
                      .max = 1e9},
    model::OptionSpec{.name = "tolerance",
                      .default_value = "0",
                      .help = "values this near to the first of them are unchanged, in the stream's unit",
                      .min = 0,
                      .max = kHuge},
    model::OptionSpec{.name = "rest",
                      .default_value = {},
                      .help = "a value at which standing still is normal (0 of a machine that is off); empty = none"},
};

struct State {
    int64_t since_ns, latest_ns;
    double value;       // the first of the run
    uint64_t readings;  // of the run
};

class Stuck final : public Detector {
  public:
    explicit Stuck(const model::OptionMap& options)
        : after_ns_(static_cast<uint64_t>(config::duration_option_ns(options, kOptions, "after"))),
          readings_(static_cast<uint64_t>(config::integer_option(options, kOptions, "readings"))),
          tolerance_(config::number_option(options, kOptions, "tolerance")),
          rest_(config::optional_number(options, "rest")) {}

    size_t state_bytes() const override { return sizeof(State); }
    void forget_times(std::byte* bytes) const override {
        StateBytes<State> state(bytes);
        *state = {};
    }

    Finding update(std::byte* bytes, int64_t event_ns, double value) const override {
        StateBytes<State> state(bytes);
        const bool fresh = state->readings == 0;
        // What nobody measured did not stand still: a run does not reach over a gap that would fill it alone.
        const bool gap = !fresh && event_ns > state->latest_ns && after_ns_ > 0 &&
                         ns_between(state->latest_ns, event_ns) > after_ns_;
        state->latest_ns = fresh ? event_ns : std::max(state->latest_ns, event_ns);
        if (fresh || gap || !near(value, state->value)) {
            state->since_ns = state->latest_ns;
            state->value = value;
            state->readings = 0;
        }
        state->readings++;
        return finding(*state);
    }

  private:
    bool near(double a, double b) const { return std::abs(a / 2 - b / 2) <= tolerance_ / 2; }

    Finding finding(const State& state) const {
        Finding result;
        if (rest_ && near(state.value, *rest_)) return result;
        const double readings = static_cast<double>(state.readings) / static_cast<double>(readings_);
        const double time = after_ns_ == 0 ? readings
                                           : static_cast<double>(ns_between(state.since_ns, state.latest_ns)) /
                                                 static_cast<double>(after_ns_);
        const double part = std::min(readings, time);
        result.score = score_of(part, 1, part >= 1);
        if (part >= 1) result.kind = "stuck";
        return result;
    }

    uint64_t after_ns_, readings_;
    double tolerance_;
    std::optional<double> rest_;
};

}  // namespace

DetectorType stuck_type() {
    return {
        "stuck", "readings come, but the value does not change", kOptions,
        [](const model::OptionMap& options) -> std::unique_ptr<Detector> { return std::make_unique<Stuck>(options); },
        nullptr};
}

}  // namespace tributary::detect
