// SPDX-License-Identifier: Apache-2.0
// `m4`: per window of event time the first, least, greatest and last reading. A line chart whose pixel columns are the
// windows is drawn from them exactly as from all readings (U. Jugel et al., PVLDB 2014).
#include <array>

#include "downsample/select.hpp"
#include "downsample/types.hpp"

namespace tributary::downsample {
namespace {

constexpr std::array kOptions{kWindowOption};

struct State {
    Column column;
    int64_t begin_ms;
    Point first, least, greatest, last;
};
static_assert(sizeof(State) <= 128);

class M4 final : public Downsampler {
  public:
    explicit M4(const model::OptionMap& options) : window_ms_(window_ms(options)) {}

    size_t state_bytes() const override { return sizeof(State); }

    bool add(const Series& series, const Point& point, std::vector<Kept>& kept) const override {
        State& state = state_of<State>(series.state);
        const int64_t begin_ms = base::floor_to(point.time_ms, window_ms_);
        if (state.column.count != 0 && begin_ms != state.begin_ms) flush(series, kept);
        state.begin_ms = begin_ms;
        const size_t number = state.column.count;
        state.column.add(point.value);
        if (number == 0) state.first = point;
        if (state.column.least_at == number) state.least = point;
        if (state.column.greatest_at == number) state.greatest = point;
        state.last = point;
        return true;
    }

    void flush(const Series& series, std::vector<Kept>& kept) const override {
        State& state = state_of<State>(series.state);
        if (state.column.count == 0) return;
        const bool least_first = state.column.least_at < state.column.greatest_at;
        const std::array points{state.first, least_first ? state.least : state.greatest,
                                least_first ? state.greatest : state.least, state.last};
        const auto picks = state.column.picks();
        for (size_t i = 0; i < picks.size(); i++)
            if (i == 0 || picks[i] != picks[i - 1]) kept.push_back({points[i]});
        state.column = {};
    }

    void begin_anew(const Series& series) const override { state_of<State>(series.state) = {}; }

  private:
    const int64_t window_ms_;
};

}  // namespace

DownsamplerType m4_type() {
    return {"m4", "per window the first, least, greatest and last reading", kOptions,
            [](const model::OptionMap& options, const Common& /*common*/) -> std::unique_ptr<Downsampler> {
                return std::make_unique<M4>(options);
            },
            nullptr};
}

}  // namespace tributary::downsample
