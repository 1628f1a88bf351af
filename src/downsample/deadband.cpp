// SPDX-License-Identifier: Apache-2.0
// `deadband`: a reading is kept when it differs from the kept one by more than the deviation. Between kept readings the
// newest holds: no reading is further from it than the deviation. With `previous` (the exception test of PI) the
// reading before the exception is kept too, and linear interpolation is within twice the deviation.
#include <algorithm>
#include <array>
#include <tuple>

#include "downsample/deviation.hpp"

namespace tributary::downsample {
namespace {

constexpr std::array kOwn{
    model::OptionSpec{.name = "previous",
                      .kind = model::OptionKind::boolean,
                      .default_value = "false",
                      .help = "keep the reading before a jump too, so that lines may be drawn between kept readings"}};

std::span<const model::OptionSpec> options() {
    static const auto all = [] {
        const auto deviation = deviation_options();
        std::array<model::OptionSpec, std::tuple_size_v<decltype(deviation)> + kOwn.size()> specs;
        std::copy(kOwn.begin(), kOwn.end(), std::copy(deviation.begin(), deviation.end(), specs.begin()));
        return specs;
    }();
    return all;
}

struct State {
    Point kept, previous;  // previous: the newest point that was dropped
    uint8_t seen, dropped, padding[6];
};
static_assert(sizeof(State) <= 64);

class Deadband final : public Downsampler {
  public:
    Deadband(const model::OptionMap& given, const Common& common)
        : deviation_(given),
          previous_(config::boolean_option(given, kOwn, "previous")),
          max_ms_(common.max_time_ns / base::kNsPerMs) {}

    size_t state_bytes() const override { return sizeof(State) + deviation_.noise_bytes(); }

    bool add(const Series& series, const Point& point, std::vector<Kept>& kept) const override {
        State& state = state_of<State>(series.state);
        double deviation = deviation_.fixed();
        if (deviation_.learns()) {
            Noise& noise = noise_of(series);
            deviation = noise.in_force;
            deviation_.learn(noise, point);
        }
        const bool exception = std::fabs(point.value - state.kept.value) > deviation;
        if (state.seen != 0 && !exception && point.time_ms - state.kept.time_ms < max_ms_) {
            state.previous = point;
            state.dropped = 1;
            return previous_;
        }
        if (previous_ && exception && state.dropped != 0) kept.push_back({state.previous, deviation});
        keep(series, point, deviation, kept);
        return false;
    }

    void flush(const Series& series, std::vector<Kept>& kept) const override {
        State& state = state_of<State>(series.state);
        if (!previous_ || state.dropped == 0) return;
        keep(series, state.previous, deviation_.learns() ? noise_of(series).in_force : deviation_.fixed(), kept);
    }

    void begin_anew(const Series& series) const override { state_of<State>(series.state) = {}; }

  private:
    static Noise& noise_of(const Series& series) { return state_of<Noise>(series.state + sizeof(State)); }

    void keep(const Series& series, const Point& point, double deviation, std::vector<Kept>& kept) const {
        State& state = state_of<State>(series.state);
        kept.push_back({point, deviation});
        state.kept = point;
        state.seen = 1;
        state.dropped = 0;
        if (deviation_.learns()) noise_of(series).in_force = deviation_.next(noise_of(series));
    }

    const Deviation deviation_;
    const bool previous_;
    const int64_t max_ms_;
};

}  // namespace

DownsamplerType deadband_type() {
    return {
        "deadband", "a reading that differs from the kept one by more than the deviation", options(),
        [](const model::OptionMap& given, const Common& common) -> std::unique_ptr<Downsampler> {
            return std::make_unique<Deadband>(given, common);
        },
        [](const model::OptionMap& given, std::vector<std::string>& problems) { check_deviation(given, 0, problems); }};
}

}  // namespace tributary::downsample
