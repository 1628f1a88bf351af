// SPDX-License-Identifier: Apache-2.0
// `sample`: the first reading of each interval of event time. No bound on what a dropped reading was.
#include <algorithm>
#include <array>

#include "downsample/types.hpp"

namespace tributary::downsample {
namespace {

constexpr std::array kOptions{
    model::OptionSpec{.name = "every",
                      .kind = model::OptionKind::duration,
                      .default_value = {},
                      .help = "length of an interval in event time; intervals begin at multiples of it since 1970 UTC",
                      .min = 0.001,
                      .max = 31 * 86400.0,
                      .required = true}};

struct State {
    int64_t begin_ms;
    uint8_t seen, padding[7];
};

class Sample final : public Downsampler {
  public:
    explicit Sample(const model::OptionMap& options)
        : every_ms_(std::max<int64_t>(config::duration_option_ns(options, kOptions, "every") / base::kNsPerMs, 1)) {}

    size_t state_bytes() const override { return sizeof(State); }

    bool add(const Series& series, const Point& point, std::vector<Kept>& kept) const override {
        State& state = state_of<State>(series.state);
        const int64_t begin_ms = base::floor_to(point.time_ms, every_ms_);
        if (state.seen == 0 || begin_ms != state.begin_ms) kept.push_back({point});
        state.begin_ms = begin_ms;
        state.seen = 1;
        return false;
    }

    void flush(const Series& /*series*/, std::vector<Kept>& /*kept*/) const override {}
    void begin_anew(const Series& series) const override { state_of<State>(series.state) = {}; }

  private:
    const int64_t every_ms_;
};

}  // namespace

DownsamplerType sample_type() {
    return {"sample", "the first reading of each interval of time", kOptions,
            [](const model::OptionMap& options, const Common& /*common*/) -> std::unique_ptr<Downsampler> {
                return std::make_unique<Sample>(options);
            },
            nullptr};
}

}  // namespace tributary::downsample
