// SPDX-License-Identifier: Apache-2.0
// `robust-z`: the distance from the median of the last readings, in units of their median absolute deviation (MAD).
// Half of them may be wrong before median or MAD are. B. Iglewicz, D. C. Hoaglin, "How to detect and handle outliers"
// (ASQC 1993): 1.4826 MAD estimates the standard deviation of a normal signal; where the MAD is 0, because most values
// are equal, 1.2533 times the mean absolute deviation does.
#include <array>
#include <cmath>
#include <cstring>

#include "detect/moving.hpp"
#include "detect/types.hpp"

namespace tributary::detect {
namespace {

constexpr int64_t kMostReadings = 49;

constexpr std::array kOptions{
    model::OptionSpec{.name = "window",
                      .kind = model::OptionKind::integer,
                      .default_value = "49",
                      .help = "readings that are kept",
                      .min = 5,
                      .max = kMostReadings},
    model::OptionSpec{.name = "every",
                      .kind = model::OptionKind::integer,
                      .default_value = "1",
                      .help = "only one reading in so many is kept: the window is so many times longer",
                      .min = 1,
                      .max = 1e6},
    model::OptionSpec{.name = "limit",
                      .default_value = "6",
                      .help = "alarm at so many (robust) standard deviations from the median",
                      .min = 0.1,
                      .max = 1e6},
    model::OptionSpec{.name = "hysteresis",
                      .default_value = "1",
                      .help = "the alarm ends below limit - hysteresis standard deviations",
                      .min = 0,
                      .max = 1e6},
    kMinSigma,
    kMinRelative,
};

struct State {
    double values[kMostReadings];  // a ring
    uint8_t order[kMostReadings];  // places in the ring by value, smallest first
    uint8_t count, next, alarmed;
    uint32_t skipped;  // since one was kept
};

class RobustZ final : public Detector {
  public:
    explicit RobustZ(const model::OptionMap& options)
        : window_(static_cast<uint8_t>(config::integer_option(options, kOptions, "window"))),
          every_(static_cast<uint32_t>(config::integer_option(options, kOptions, "every"))),
          limit_(config::number_option(options, kOptions, "limit")),
          release_(limit_ - config::number_option(options, kOptions, "hysteresis")),
          floor_(options, kOptions) {}

    size_t state_bytes() const override { return sizeof(State); }

    Finding update(std::byte* bytes, int64_t /*event_ns*/, double raw) const override {
        StateBytes<State> state(bytes);
        const double value = std::clamp(raw, -kHuge, kHuge);
        Finding result;
        if (state->count == window_) {
            const double median = value_at(*state, window_ / 2);
            const double z = std::min(std::abs(value - median) / sigma(*state, median), kHuge);
            state->alarmed = z >= (state->alarmed != 0 ? release_ : limit_) ? 1 : 0;
            result.expected = median;
            result.score = score_of(z, limit_, state->alarmed != 0);
            if (state->alarmed != 0) result.kind = "deviation";
        }
        if (state->count < window_ || ++state->skipped >= every_) keep(*state, value);
        return result;
    }

  private:
    static double value_at(const State& state, int rank) { return state.values[state.order[rank]]; }

    // The distances to the median grow from the middle outwards, downwards and upwards: the middle one of both together
    // is found by bisecting how many of the nearest half lie below. Of an even number the upper of the two middle ones
    // counts, for median and MAD.
    double mad(const State& state, double median) const {
        const int middle = window_ / 2, half = middle + 1;
        const auto below = [&](int i) { return median - value_at(state, middle - i); };
        const auto above = [&](int i) { return value_at(state, middle + 1 + i) - median; };
        int least = std::max(0, half - (window_ - half)), most = half;
        while (least < most) {
            const int taken = (least + most) / 2;
            if (below(taken) < above(half - taken - 1))
                least = taken + 1;
            else
                most = taken;
        }
        return std::max(least > 0 ? below(least - 1) : 0, least < half ? above(half - least - 1) : 0);
    }

    double sigma(const State& state, double median) const {
        const double distance = mad(state, median);
        double sigma = 1.4826 * distance;
        if (distance == 0) {
            double sum = 0;
            for (int i = 0; i < window_; i++) sum += std::abs(state.values[i] - median);
            sigma = 1.2533 * (sum / window_);
        }
        return std::max(sigma, floor_.of(median));
    }

    void keep(State& state, double value) const {
        state.skipped = 0;
        const uint8_t place = state.next;
        int count = state.count;
        if (count == window_) {
            const auto* gone = static_cast<uint8_t*>(std::memchr(state.order, place, static_cast<size_t>(count)));
            const auto at = gone - state.order;
            std::memmove(state.order + at, state.order + at + 1, static_cast<size_t>(--count - at));
        }
        const auto* const end = state.order + count;
        const auto at = std::upper_bound(state.order, state.order + count, value,
                                         [&](double v, uint8_t other) { return v < state.values[other]; }) -
                        state.order;
        std::memmove(state.order + at + 1, state.order + at, static_cast<size_t>(end - (state.order + at)));
        state.order[at] = place;
        state.values[place] = value;
        state.count = static_cast<uint8_t>(count + 1);
        state.next = static_cast<uint8_t>((place + 1) % window_);
    }

    uint8_t window_;
    uint32_t every_;
    double limit_, release_;
    Floor floor_;
};

void check_limits(const model::OptionMap& options, std::vector<std::string>& problems) {
    if (config::number_option(options, kOptions, "hysteresis") >= config::number_option(options, kOptions, "limit"))
        problems.emplace_back("\"hysteresis\" must be smaller than \"limit\", or an alarm never ends");
}

}  // namespace

DetectorType robust_z_type() {
    return {
        "robust-z", "far from the median of the last readings, whatever a few of them say", kOptions,
        [](const model::OptionMap& options) -> std::unique_ptr<Detector> { return std::make_unique<RobustZ>(options); },
        check_limits};
}

}  // namespace tributary::detect
