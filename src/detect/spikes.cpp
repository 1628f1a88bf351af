// SPDX-License-Identifier: Apache-2.0
// `spikes`: many short excursions within a time. One spike is a loose contact's first word; a shower of them its last.
#include <array>
#include <cmath>

#include "detect/moving.hpp"
#include "detect/types.hpp"

namespace tributary::detect {
namespace {

constexpr size_t kMostSpikes = 32;
constexpr double kLimitedTo = 3;  // deviations a reading counts as at most when it teaches
constexpr uint64_t kWarmup = 30;

constexpr std::array kOptions{
    model::OptionSpec{.name = "count",
                      .kind = model::OptionKind::integer,
                      .default_value = "5",
                      .help = "alarm at so many spikes",
                      .min = 1,
                      .max = kMostSpikes},
    model::OptionSpec{.name = "within",
                      .kind = model::OptionKind::duration,
                      .default_value = "10min",
                      .help = "within so long, in event time",
                      .min = 1e-3},
    model::OptionSpec{.name = "limit",
                      .default_value = "6",
                      .help = "a spike is so many standard deviations from the mean; it ends at half of that",
                      .min = 0.1,
                      .max = 1e6},
    model::OptionSpec{.name = "size",
                      .default_value = {},
                      .help = "a spike is this far from the mean, in the stream's unit; given, `limit` does not count",
                      .min = kTiny,
                      .max = kHuge},
    model::OptionSpec{.name = "span",
                      .kind = model::OptionKind::integer,
                      .default_value = "100",
                      .help = "memory of mean and deviation in readings; the first 30 only teach",
                      .min = 5,
                      .max = 1e9},
    kMinSigma,
    kMinRelative,
};

struct State {
    Moving usual;
    int64_t latest_ns;
    uint32_t spikes;  // so far, up to kMostSpikes
    uint32_t oldest;  // of at_ns
    uint8_t beyond, padding[7];
    int64_t at_ns[kMostSpikes];
};

class Spikes final : public Detector {
  public:
    explicit Spikes(const model::OptionMap& options)
        : count_(static_cast<uint32_t>(config::integer_option(options, kOptions, "count"))),
          within_ns_(static_cast<uint64_t>(config::duration_option_ns(options, kOptions, "within"))),
          limit_(config::number_option(options, kOptions, "limit")),
          size_(config::optional_number(options, "size")),
          alpha_(alpha_of(static_cast<double>(config::integer_option(options, kOptions, "span")))),
          floor_(options, kOptions) {}

    size_t state_bytes() const override { return sizeof(State); }
    void forget_times(std::byte* bytes) const override {
        StateBytes<State> state(bytes);
        state->latest_ns = INT64_MIN;
        state->spikes = 0;
    }

    Finding update(std::byte* bytes, int64_t event_ns, double raw) const override {
        StateBytes<State> state(bytes);
        const bool fresh = state->usual.count == 0, learned = state->usual.count >= kWarmup;
        state->latest_ns = fresh ? event_ns : std::max(state->latest_ns, event_ns);
        const double delta = std::clamp(raw, -kHuge, kHuge) - state->usual.mean;
        const double sigma = state->usual.sigma(floor_);

        Finding result;
        if (learned) {
            result.expected = state->usual.mean;
            look(*state, std::abs(delta), size_ ? *size_ : limit_ * sigma);
            const uint32_t now = recent(*state);
            result.score = score_of(now, count_, now >= count_);
            if (now >= count_) result.kind = "spikes";
        }
        const double reach = kLimitedTo * sigma;
        state->usual.learn(learned ? std::clamp(delta, -reach, reach) : delta, alpha_);
        return result;
    }

  private:
    // One spike however many readings it lasts.
    static void look(State& state, double distance, double size) {
        if (distance < size / 2) state.beyond = 0;
        if (distance < size || state.beyond != 0) return;
        state.beyond = 1;
        state.at_ns[state.oldest] = state.latest_ns;
        state.oldest = (state.oldest + 1) % kMostSpikes;
        state.spikes = std::min<uint32_t>(state.spikes + 1, kMostSpikes);
    }

    uint32_t recent(const State& state) const {
        uint32_t count = 0;  // from the newest back; their times never go back
        for (; count < state.spikes; count++) {
            const int64_t at_ns = state.at_ns[(state.oldest + kMostSpikes - 1 - count) % kMostSpikes];
            if (ns_between(at_ns, state.latest_ns) > within_ns_) break;
        }
        return count;
    }

    uint32_t count_;
    uint64_t within_ns_;
    double limit_;
    std::optional<double> size_;
    double alpha_;
    Floor floor_;
};

}  // namespace

DetectorType spikes_type() {
    return {
        "spikes", "many short excursions within a time", kOptions,
        [](const model::OptionMap& options) -> std::unique_ptr<Detector> { return std::make_unique<Spikes>(options); },
        nullptr};
}

}  // namespace tributary::detect
