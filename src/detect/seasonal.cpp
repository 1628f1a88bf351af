// SPDX-License-Identifier: Apache-2.0
// `seasonal`: the value is unusual for this time of the week (or day). Each slot of the period keeps the mean of its
// earlier visits; the residual is judged like `ewma` judges a value. Slots are held as 16-bit floats (8 bits of
// fraction) relative to the first mean: 168 take 336 bytes.
#include <array>
#include <bit>
#include <cmath>

#include "base/clock.hpp"
#include "base/zone.hpp"
#include "detect/moving.hpp"
#include "detect/types.hpp"

namespace tributary::detect {
namespace {

constexpr int64_t kMostSlots = 168;
constexpr int64_t kDayNs = 24 * 3600 * base::kNsPerSecond;
constexpr int64_t kMondayNs = 4 * kDayNs;  // 1970-01-05

constexpr std::array kOptions{
    model::OptionSpec{.name = "period",
                      .kind = model::OptionKind::text,
                      .default_value = "week",
                      .help = "what repeats itself",
                      .choices = "day|week"},
    model::OptionSpec{.name = "slots",
                      .kind = model::OptionKind::integer,
                      .default_value = {},
                      .help = "parts of the period, each with its own usual value; empty = hours: 24 or 168",
                      .min = 2,
                      .max = kMostSlots},
    model::OptionSpec{.name = "zone",
                      .kind = model::OptionKind::text,
                      .default_value = {},
                      .help = "IANA time zone whose clocks the period follows (\"Europe/Berlin\"); empty = UTC"},
    model::OptionSpec{.name = "limit",
                      .default_value = "6",
                      .help = "alarm when so many standard deviations from what is usual at this time",
                      .min = 0.1,
                      .max = 1e6},
    model::OptionSpec{.name = "hysteresis",
                      .default_value = "1",
                      .help = "the alarm ends below limit - hysteresis standard deviations",
                      .min = 0,
                      .max = 1e6},
    model::OptionSpec{.name = "learn",
                      .default_value = "0.3",
                      .help = "weight of the newest visit in the usual value of a slot",
                      .min = 0.001,
                      .max = 1},
    model::OptionSpec{.name = "span",
                      .kind = model::OptionKind::integer,
                      .default_value = "1000",
                      .help = "memory of the residual's mean and deviation in readings",
                      .min = 5,
                      .max = 1e9},
    model::OptionSpec{.name = "warmup",
                      .kind = model::OptionKind::duration,
                      .default_value = "1d",
                      .help = "after the first whole period residuals are learned for so long before the first alarm",
                      .min = 0},
    kMinSigma,
    kMinRelative,
};

constexpr uint64_t kLeast = 30;    // residuals before the first alarm
constexpr double kLimitedTo = 3;   // deviations a reading counts as at most when it teaches
constexpr double kMostOff = 1e38;  // what a slot can hold

struct State {
    Moving residual;
    double first;       // slots are relative to it
    double visit_mean;  // of the visit that goes on
    uint64_t visit_count;
    int64_t first_ns;                      // when the first residual came
    int64_t visit;                         // its number since 1970
    int64_t from_ns, until_ns, offset_ns;  // where the zone's offset is known: [from, until)
    uint16_t slots[kMostSlots];            // 0 = never visited
    uint8_t alarmed, started, padding[6];
};

// The upper half of an IEEE single, rounded; 0 stands for "nothing", so the number 0 is kept as -0.
uint16_t packed(double value) {
    const auto bits = std::bit_cast<uint32_t>(static_cast<float>(std::clamp(value, -kMostOff, kMostOff)));
    const auto half = static_cast<uint16_t>((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
    return half == 0 ? 0x8000 : half;
}
double unpacked(uint16_t half) { return std::bit_cast<float>(static_cast<uint32_t>(half) << 16); }

std::optional<base::Zone> zone_of(const model::OptionMap& options) {
    const std::string name = config::text_option(options, kOptions, "zone");
    return name.empty() ? std::nullopt : std::optional(*base::Zone::find(name));
}

class Seasonal final : public Detector {
  public:
    explicit Seasonal(const model::OptionMap& options)
        : week_(config::text_option(options, kOptions, "period") == "week"),
          slots_(static_cast<int64_t>(config::optional_number(options, "slots").value_or(week_ ? 168 : 24))),
          zone_(zone_of(options)),
          limit_(config::number_option(options, kOptions, "limit")),
          release_(limit_ - config::number_option(options, kOptions, "hysteresis")),
          learn_(config::number_option(options, kOptions, "learn")),
          alpha_(alpha_of(static_cast<double>(config::integer_option(options, kOptions, "span")))),
          warmup_ns_(static_cast<uint64_t>(config::duration_option_ns(options, kOptions, "warmup"))),
          floor_(options, kOptions) {}

    size_t state_bytes() const override { return sizeof(State); }
    void forget_times(std::byte* bytes) const override {
        StateBytes<State> state(bytes);
        state->visit_count = 0;
        state->first_ns = INT64_MIN;
    }

    Finding update(std::byte* bytes, int64_t event_ns, double raw) const override {
        StateBytes<State> bound(bytes);
        State& state = *bound;
        const double value = std::clamp(raw, -kHuge, kHuge);
        const Place place = place_of(state, event_ns);
        Finding result;
        double taught = value;
        if (const auto usual = usual_at(state, place)) taught = judge(state, event_ns, value, *usual, result);
        visit(state, place.visit, taught);
        return result;
    }

  private:
    struct Place {
        int64_t visit;  // slots since 1970, counted in local time
        double within;  // 0..1, how far into it
    };

    Place place_of(State& state, int64_t event_ns) const {
        if (zone_ && (event_ns < state.from_ns || event_ns >= state.until_ns)) {
            const auto period = zone_->at(event_ns);
            state.from_ns = period.begin_ns, state.until_ns = period.end_ns, state.offset_ns = period.offset_ns;
        }
        const int64_t shift_ns = state.offset_ns - (week_ ? kMondayNs : 0);
        const int64_t local_ns = std::clamp(event_ns, INT64_MIN / 2, INT64_MAX / 2) + shift_ns;
        const int64_t slot_ns = (week_ ? 7 * kDayNs : kDayNs) / slots_;  // at least 8 min
        int64_t visit = local_ns / slot_ns, rest = local_ns % slot_ns;
        if (rest < 0) rest += slot_ns, visit--;
        return {visit, static_cast<double>(rest) / static_cast<double>(slot_ns)};
    }

    size_t slot_of(int64_t visit) const { return static_cast<size_t>((visit % slots_ + slots_) % slots_); }

    // What is usual goes from the slot's own value to the one interpolated between its middle and its neighbour's: a
    // slope within the slot is expected, and so is a step between two of them. Nothing before the slot was visited.
    struct Usual {
        double low, high;
    };
    std::optional<Usual> usual_at(const State& state, const Place& place) const {
        const uint16_t here = state.slots[slot_of(place.visit)];
        if (here == 0) return std::nullopt;
        const bool later = place.within >= 0.5;
        const uint16_t beside = state.slots[slot_of(place.visit + (later ? 1 : -1))];
        const double own = unpacked(here);
        const double part = later ? place.within - 0.5 : 0.5 - place.within;
        const double between = beside == 0 ? own : own + part * (unpacked(beside) - own);
        return Usual{state.first + std::min(own, between), state.first + std::max(own, between)};
    }

    // Returns what the reading teaches its slot: no more than a usual residual.
    double judge(State& state, int64_t event_ns, double value, const Usual& usual, Finding& result) const {
        Moving& residual = state.residual;
        if (residual.count == 0) state.first_ns = event_ns;
        const double expected = std::clamp(value - residual.mean, usual.low, usual.high) + residual.mean;
        const double delta = std::clamp(value - expected, -kHuge, kHuge);
        const double sigma = std::max(std::sqrt(residual.variance), floor_.of(expected));
        const bool learned =
            residual.count >= kLeast && event_ns > state.first_ns && ns_between(state.first_ns, event_ns) >= warmup_ns_;
        if (learned) {
            const double z = std::min(std::abs(delta) / sigma, kHuge);
            state.alarmed = z >= (state.alarmed != 0 ? release_ : limit_) ? 1 : 0;
            result.expected = expected;
            result.score = score_of(z, limit_, state.alarmed != 0);
            if (state.alarmed != 0) result.kind = "deviation";
        }
        const double reach = kLimitedTo * sigma;
        const double held = learned ? std::clamp(delta, -reach, reach) : delta;
        residual.learn(held, alpha_);
        return std::clamp(expected + held, -kHuge, kHuge);
    }

    // A visit's mean goes into its slot when the next visit begins. Readings that come later than that teach nothing.
    void visit(State& state, int64_t number, double value) const {
        if (state.visit_count != 0 && number < state.visit) return;
        if (state.visit_count != 0 && number > state.visit) {
            uint16_t& slot = state.slots[slot_of(state.visit)];
            const double off = state.visit_mean - state.first;
            slot = packed(slot == 0 ? off : unpacked(slot) + learn_ * (off - unpacked(slot)));
            state.visit_count = 0;
        }
        if (state.visit_count == 0) {
            if (state.started == 0) state.first = value;
            state.started = 1;
            state.visit = number;
            state.visit_mean = 0;
        }
        state.visit_count++;
        state.visit_mean += (value - state.visit_mean) / static_cast<double>(state.visit_count);
    }

    bool week_;
    int64_t slots_;
    std::optional<base::Zone> zone_;  // nothing = UTC
    double limit_, release_, learn_, alpha_;
    uint64_t warmup_ns_;
    Floor floor_;
};

void check_options(const model::OptionMap& options, std::vector<std::string>& problems) {
    if (config::number_option(options, kOptions, "hysteresis") >= config::number_option(options, kOptions, "limit"))
        problems.emplace_back("\"hysteresis\" must be smaller than \"limit\", or an alarm never ends");
    const std::string name = config::text_option(options, kOptions, "zone");
    if (name.empty()) return;
    if (const auto zone = base::Zone::find(name); !zone) problems.push_back(zone.error().message);
}

}  // namespace

DetectorType seasonal_type() {
    return {"seasonal", "unusual for this hour of the week or day", kOptions,
            [](const model::OptionMap& options) -> std::unique_ptr<Detector> {
                return std::make_unique<Seasonal>(options);
            },
            check_options};
}

}  // namespace tributary::detect
