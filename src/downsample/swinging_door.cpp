// SPDX-License-Identifier: Apache-2.0
// `swinging-door`: straight lines between kept readings, no dropped one further from its line than the deviation.
//
// From the anchor (the newest kept point) every point since leaves a cone of slopes whose lines pass it within the
// deviation. A point is a valid end when its own slope lies in the cone of all points before it; only then may a line
// end there. (E. H. Bristol, "Swinging door trending", ISA 1990, keeps two parallel doors instead and checks no line:
// up to twice the promise.) Strict: the segment ends at the last point when the next is no valid end. Buffered: it goes
// on while the cone is open, ends at the last valid end, and the points behind that are taken again from there; only
// those have to be remembered. When they are too many it ends as the strict one would, one valid end earlier.
#include <algorithm>
#include <array>
#include <limits>
#include <tuple>

#include "downsample/deviation.hpp"

namespace tributary::downsample {
namespace {

constexpr std::array kOwn{
    model::OptionSpec{.name = "buffer",
                      .kind = model::OptionKind::boolean,
                      .default_value = "true",
                      .help = "look further ahead before a line ends: fewer kept readings for 1 KiB a series; false: "
                              "64 bytes a series"}};

std::span<const model::OptionSpec> options() {
    static const auto all = [] {
        const auto deviation = deviation_options();
        std::array<model::OptionSpec, std::tuple_size_v<decltype(deviation)> + kOwn.size()> specs;
        std::copy(kOwn.begin(), kOwn.end(), std::copy(deviation.begin(), deviation.end(), specs.begin()));
        return specs;
    }();
    return all;
}

constexpr double kMost = std::numeric_limits<double>::max();

struct Door {
    Point anchor, end;  // end: the last valid end since the anchor
    double low, high;   // slopes per ms
    uint8_t seen, has_end;
    uint16_t waiting;  // points behind `end`
    uint8_t padding[4];
};

struct Strict {
    Door door;
};
static_assert(sizeof(Strict) <= 64);

struct Buffered {
    static constexpr size_t kRoom = (1024 - sizeof(Door)) / sizeof(Point);
    Door door;
    std::array<Point, kRoom> behind;
};
static_assert(sizeof(Buffered) <= 1024);

void open_at(Door& door, const Point& anchor) {
    door.anchor = anchor;
    door.low = -kMost;
    door.high = kMost;
    door.has_end = 0;
    door.waiting = 0;
}

template <class State>
class SwingingDoor final : public Downsampler {
    static constexpr bool kBuffered = std::is_same_v<State, Buffered>;

  public:
    SwingingDoor(const model::OptionMap& given, const Common& common)
        : deviation_(given), max_ms_(common.max_time_ns / base::kNsPerMs) {}

    size_t state_bytes() const override { return sizeof(State) + deviation_.noise_bytes(); }

    bool add(const Series& series, const Point& point, std::vector<Kept>& kept) const override {
        if (deviation_.learns()) deviation_.learn(noise_of(series), point);
        const Step step = take(series, point, kept);
        if (step != Step::taken) close(series, point, step == Step::close_first ? 1 : 0, kept);
        return state_of<State>(series.state).door.has_end != 0;
    }

    void flush(const Series& series, std::vector<Kept>& kept) const override {
        const Door& door = state_of<State>(series.state).door;
        while (door.has_end != 0) close(series, {}, 0, kept);
    }

    void begin_anew(const Series& series) const override { state_of<State>(series.state).door = {}; }

  private:
    enum class Step : uint8_t {
        taken,
        close_first,  // not taken: the segment ends before it
        close         // taken, and the segment ends
    };

    static Noise& noise_of(const Series& series) { return state_of<Noise>(series.state + sizeof(State)); }
    double in_force(const Series& series) const {
        return deviation_.learns() ? noise_of(series).in_force : deviation_.fixed();
    }

    void keep(const Series& series, const Point& point, std::vector<Kept>& kept) const {
        kept.push_back({point, in_force(series)});
        open_at(state_of<State>(series.state).door, point);
        if (deviation_.learns()) noise_of(series).in_force = deviation_.next(noise_of(series));
    }

    Step take(const Series& series, const Point& point, std::vector<Kept>& kept) const {
        State& state = state_of<State>(series.state);
        Door& door = state.door;
        if (door.seen == 0) {
            door.seen = 1;
            keep(series, point, kept);
            return Step::taken;
        }
        const int64_t passed_ms = point.time_ms - door.anchor.time_ms;
        const double rise = point.value - door.anchor.value;
        const double deviation = in_force(series);
        const double room = after_rounding(deviation, door.anchor.value, point.value);
        if (passed_ms == 0) {  // at the anchor's time a consumer reads the anchor; so there is no end yet
            if (!(std::fabs(rise) <= room)) keep(series, point, kept);
            return Step::taken;
        }
        if (door.has_end != 0 && passed_ms > max_ms_) return Step::close_first;

        const double per_ms = 1 / static_cast<double>(passed_ms);
        const double slope = rise * per_ms;
        const bool valid_end =
            door.has_end == 0 || (slope >= door.low && slope <= door.high && std::fabs(slope) <= kMost);
        if (!valid_end) {
            if constexpr (kBuffered) {
                if (door.waiting == Buffered::kRoom) return Step::close_first;
                state.behind[door.waiting++] = point;
            } else {
                return Step::close_first;
            }
        } else {
            door.end = point;
            door.has_end = 1;
            door.waiting = 0;
        }
        door.low = std::max(door.low, (rise - room) * per_ms);
        door.high = std::min(door.high, (rise + room) * per_ms);
        if (passed_ms >= max_ms_) return Step::close;
        return kBuffered && !(door.low <= door.high) ? Step::close : Step::taken;
    }

    // The segment ends at its last valid end; the points behind it, then `point` (if count is 1), are taken anew.
    void close(const Series& series, const Point& point, size_t count, std::vector<Kept>& kept) const {
        State& state = state_of<State>(series.state);
        std::array<Point, (kBuffered ? Buffered::kRoom : 0) + 1> left;  // [at, left.size()) is still to be taken
        size_t at = left.size() - count;
        if (count != 0) left[at] = point;
        for (;;) {
            if constexpr (kBuffered) {
                at -= state.door.waiting;
                std::copy_n(state.behind.begin(), state.door.waiting, left.begin() + static_cast<ptrdiff_t>(at));
            }
            keep(series, Point(state.door.end), kept);
            Step step = Step::taken;
            while (step == Step::taken && at < left.size()) {
                step = take(series, left[at], kept);
                if (step != Step::close_first) at++;
            }
            if (step == Step::taken) return;
        }
    }

    const Deviation deviation_;
    const int64_t max_ms_;
};

std::unique_ptr<Downsampler> make(const model::OptionMap& given, const Common& common) {
    if (config::boolean_option(given, kOwn, "buffer")) return std::make_unique<SwingingDoor<Buffered>>(given, common);
    return std::make_unique<SwingingDoor<Strict>>(given, common);
}

}  // namespace

DownsamplerType swinging_door_type() {
    return {"swinging-door", "the ends of straight lines that pass every dropped reading within the deviation",
            options(), make, [](const model::OptionMap& given, std::vector<std::string>& problems) {
                check_deviation(given, 1e-290, problems);
            }};
}

}  // namespace tributary::downsample
