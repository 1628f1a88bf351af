// SPDX-License-Identifier: Apache-2.0
#include "downsample/window.hpp"

#include "base/log.hpp"

namespace tributary::downsample {
namespace {

struct State {
    int64_t begin_ms;
};

class WindowDownsampler final : public Downsampler {
  public:
    WindowDownsampler(const model::OptionMap& options, Select select)
        : window_ms_(window_ms(options)),
          points_(static_cast<size_t>(config::integer_option(options, kWindowOptions, "points"))),
          room_(static_cast<size_t>(config::integer_option(options, kWindowOptions, "max_points"))),
          select_(select) {}

    size_t state_bytes() const override { return sizeof(State); }
    size_t window_points() const override { return room_; }

    bool add(const Series& series, const Point& point, std::vector<Kept>& kept) const override {
        State& state = state_of<State>(series.state);
        std::vector<Point>& window = *series.window;
        const int64_t begin_ms = base::floor_to(point.time_ms, window_ms_);
        if (!window.empty() && begin_ms != state.begin_ms) flush(series, kept);
        if (window.size() == room_) {
            ++*series.cut;
            flush(series, kept);
        }
        state.begin_ms = begin_ms;
        window.push_back(point);
        return true;
    }

    void flush(const Series& series, std::vector<Kept>& kept) const override {
        std::vector<Point>& window = *series.window;
        if (window.size() <= points_) {
            for (const Point& point : window) kept.push_back({point});
        } else {
            const int64_t begin_ms = state_of<State>(series.state).begin_ms;
            std::vector<double> x, y;  // once a window
            x.reserve(window.size());
            y.reserve(window.size());
            for (const Point& point : window) {
                x.push_back(static_cast<double>(point.time_ms - begin_ms));
                y.push_back(point.value);
            }
            size_t behind = 0;  // a number may be named twice
            for (const size_t index : select_(x, y, points_)) {
                if (index + 1 > behind) kept.push_back({window[index]});
                behind = index + 1;
            }
        }
        window.clear();
    }

    void begin_anew(const Series& series) const override { state_of<State>(series.state) = {}; }

  private:
    const int64_t window_ms_;
    const size_t points_, room_;
    const Select select_;
};

}  // namespace

std::unique_ptr<Downsampler> make_window_downsampler(const model::OptionMap& options, Select select) {
    return std::make_unique<WindowDownsampler>(options, select);
}

void check_window_options(const model::OptionMap& options, std::vector<std::string>& problems) {
    if (config::integer_option(options, kWindowOptions, "max_points") <=
        config::integer_option(options, kWindowOptions, "points"))
        problems.emplace_back("\"max_points\" must be above \"points\", or nothing would be dropped");
}

}  // namespace tributary::downsample
