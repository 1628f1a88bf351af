// SPDX-License-Identifier: Apache-2.0
// `missing`: no reading for longer than allowed, or than is usual for the series. Seen in event time when the next
// reading comes, and in arrival time while none comes.
#include <array>

#include "base/clock.hpp"
#include "detect/types.hpp"

namespace tributary::detect {
namespace {

constexpr std::array kOptions{
    model::OptionSpec{.name = "after",
                      .kind = model::OptionKind::duration,
                      .default_value = {},
                      .help = "alarm when no reading came for so long; empty = `factor` usual intervals",
                      .min = 0.001},
    model::OptionSpec{.name = "factor",
                      .default_value = "5",
                      .help = "without `after`: so many of the longest usual intervals, which are learned",
                      .min = 1.5,
                      .max = 1e6},
    model::OptionSpec{.name = "least",
                      .kind = model::OptionKind::duration,
                      .default_value = "10s",
                      .help = "without `after`: shorter silence is never an alarm",
                      .min = 0},
};

constexpr uint32_t kWarmup = 10;  // intervals
constexpr double kMost = 1e17;    // ns; three years

// The longest usual interval: up by half of what is missing, down slowly, so that a device which sends in bursts is
// known by the pause between them. One long gap counts as three intervals.
struct Usual {
    double ns;
    uint32_t count;

    void learn(double interval_ns) {
        const double most = count == 0 ? kMost : 3 * ns;
        const double held = std::min(interval_ns, most);
        ns = count == 0 ? held : ns + (held > ns ? 0.5 : 0.02) * (held - ns);
        count = std::min<uint32_t>(count + 1, kWarmup);
    }
};

struct State {
    int64_t latest_ns, arrival_ns;
    int64_t began_ns;  // the newest event: the next begins later, so that no two have one name
    double value;
    Usual event, arrival;
    uint8_t seen, heard, silent, away, padding[4];
};

class Missing final : public Detector {
  public:
    explicit Missing(const model::OptionMap& options)
        : after_ns_(config::duration_option_ns(options, kOptions, "after")),
          factor_(config::number_option(options, kOptions, "factor")),
          least_ns_(static_cast<double>(config::duration_option_ns(options, kOptions, "least"))) {}

    size_t state_bytes() const override { return sizeof(State); }
    void forget_times(std::byte* bytes) const override {
        StateBytes<State> state(bytes);
        state->seen = state->silent = 0;
        state->began_ns = 0;
    }
    bool watches_silence() const override { return true; }

    Finding update(std::byte* bytes, int64_t event_ns, double value) const override {
        StateBytes<State> state(bytes);
        Finding result;
        if (state->seen != 0 && event_ns > state->latest_ns && state->away == 0) {
            const double gap = static_cast<double>(ns_between(state->latest_ns, event_ns));
            const int64_t allowed_ns = allowed(state->event.count, state->event.ns);
            if (allowed_ns != base::kNever && state->silent == 0)
                result = judge(*state, gap / static_cast<double>(allowed_ns), allowed_ns);
            state->event.learn(gap);
        }
        state->silent = 0;
        if (state->seen == 0 || event_ns >= state->latest_ns) {
            state->latest_ns = event_ns;
            state->value = value;
        }
        state->seen = 1;
        return result;
    }

    int64_t arrived(std::byte* bytes, int64_t arrival_ns) const override {
        StateBytes<State> state(bytes);
        // What comes in one go counts as one arrival.
        const bool later = arrival_ns > state->arrival_ns &&
                           static_cast<double>(ns_between(state->arrival_ns, arrival_ns)) >= least_ns_ / 10;
        if (state->heard != 0 && state->away == 0 && later)
            state->arrival.learn(static_cast<double>(ns_between(state->arrival_ns, arrival_ns)));
        if (state->heard == 0 || state->away != 0 || later) state->arrival_ns = arrival_ns;
        state->away = 0;
        state->heard = 1;
        return silence_ns(*state);
    }

    Silent on_silence(std::byte* bytes) const override {
        StateBytes<State> state(bytes);
        state->silent = 1;
        const auto found = judge(*state, 1, silence_ns(*state));
        return {found, state->value};
    }

    void was_away(std::byte* bytes) const override {
        StateBytes<State> state(bytes);
        state->away = 1;
    }

  private:
    int64_t allowed(uint32_t learned_from, double usual_ns) const {
        if (after_ns_ > 0) return after_ns_;
        if (learned_from < kWarmup) return base::kNever;
        return static_cast<int64_t>(std::clamp(factor_ * usual_ns, std::max(least_ns_, 1.0), kMost));
    }
    int64_t silence_ns(const State& state) const {
        return allowed(state.arrival.count, std::max(state.event.ns, state.arrival.ns));
    }

    // part = of what is allowed
    static Finding judge(State& state, double part, int64_t allowed_ns) {
        Finding result;
        result.score = score_of(part, 1, part >= 1);
        if (part < 1) return result;
        result.kind = "missing";
        const int64_t due_ns = state.latest_ns > INT64_MAX - allowed_ns ? INT64_MAX : state.latest_ns + allowed_ns;
        state.began_ns =
            state.began_ns != 0 && state.began_ns < INT64_MAX ? std::max(due_ns, state.began_ns + 1) : due_ns;
        result.since_ns = state.began_ns;
        return result;
    }

    int64_t after_ns_;  // 0 = learned
    double factor_, least_ns_;
};

}  // namespace

DetectorType missing_type() {
    return {
        "missing", "no reading for too long", kOptions,
        [](const model::OptionMap& options) -> std::unique_ptr<Detector> { return std::make_unique<Missing>(options); },
        nullptr};
}

}  // namespace tributary::detect
