// SPDX-License-Identifier: Apache-2.0
#include "sim/factory.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "base/hash.hpp"
#include "base/log.hpp"

namespace tributary::sim {
namespace {

struct Sensor {
    std::string_view name;
    double level, daily, noise;  // noise = standard deviation
};
constexpr std::array kSensors{
    Sensor{"temperature", 55, 4, 0.3},   // C
    Sensor{"vibration", 2.5, 0.2, 0.1},  // mm/s
    Sensor{"pressure", 6.2, 0.1, 0.03},  // bar
    Sensor{"current", 18, 2, 0.4},       // A
};
constexpr std::string_view kState = "state";  // 1 = running, 0 = waiting
constexpr double kStateChange = 0.002;        // probability at every reading

constexpr int64_t kQuietRounds = 40;
constexpr double kDayMs = 86'400'000;

struct FaultKind {
    std::string_view name;
    int64_t shortest, longest;  // in readings
    double weakest, strongest;  // in standard deviations of the noise
};
constexpr std::array kFaults{FaultKind{"spike", 1, 1, 12, 25}, FaultKind{"drift", 60, 180, 15, 30},
                             FaultKind{"stuck", 30, 120, 0, 0}, FaultKind{"gap", 20, 60, 0, 0}};

double rounded(double value) {
    return static_cast<double>(static_cast<int64_t>(value * 1000 + (value < 0 ? -0.5 : 0.5))) / 1000;
}

}  // namespace

struct Factory::Series {
    std::string name, topic;
    const Sensor* sensor = nullptr;  // null = the state
    base::math::Random random{0};
    double level = 0, phase = 0;
    double last = 1;  // what was sent last
    int64_t offset_ms = 0;
    std::optional<Fault> fault;
    int64_t fault_first = 0, fault_count = 0;  // in rounds
};

Factory::Factory(const FactoryOptions& options)
    : options_(options), fault_random_(options.seed ^ base::fnv1a("faults")) {
    for (int machine = 0; machine < options.machines; machine++) {
        for (size_t i = 0; i <= kSensors.size(); i++) {
            Series series;
            series.sensor = i < kSensors.size() ? &kSensors[i] : nullptr;
            series.name = base::format("line{}/machine{:02}/{}", machine / 5 + 1, machine + 1,
                                       series.sensor != nullptr ? series.sensor->name : kState);
            series.topic = options.prefix.empty() ? series.name : options.prefix + "/" + series.name;
            // Of its own by name: more machines do not change the others.
            series.random = base::math::Random(options.seed ^ base::fnv1a(series.name));
            series.level = 0.9 + 0.2 * series.random.uniform();
            series.phase = 0.1 * series.random.uniform();
            series_.push_back(std::move(series));
        }
    }
    // Spread over the interval, as if nobody had wound them up together.
    for (size_t i = 0; i < series_.size(); i++)
        series_[i].offset_ms = options.interval_ms * static_cast<int64_t>(i) / static_cast<int64_t>(series_.size());
    next_fault_round_ = kQuietRounds;
}

Factory::~Factory() = default;

bool Factory::next(SimMessage& message) {
    while (!series_.empty()) {
        if (round_ < 0 || at_ == series_.size()) begin_round();
        const int64_t since_start = round_ * options_.interval_ms + series_[at_].offset_ms;
        if (options_.duration_ms > 0 && since_start >= options_.duration_ms) return false;
        if (reading(series_[at_++], message)) return true;
    }
    return false;
}

void Factory::begin_round() {
    round_++;
    at_ = 0;
    if (options_.faults_per_hour <= 0) return;
    const double rounds_per_hour = 3'600'000.0 / static_cast<double>(options_.interval_ms);
    while (next_fault_round_ <= static_cast<double>(round_)) {
        // The first pass only draws when the first fault comes.
        if (next_fault_round_ > kQuietRounds) start_fault();
        const double wait = -base::math::ln(1 - fault_random_.uniform()) * rounds_per_hour / options_.faults_per_hour;
        next_fault_round_ += std::max(wait, 1e-6);
    }
}

void Factory::start_fault() {
    Series& series = series_[fault_random_.below(series_.size())];
    const FaultKind& kind = kFaults[fault_random_.below(kFaults.size())];
    const double strength = kind.weakest + (kind.strongest - kind.weakest) * fault_random_.uniform();
    const bool down = fault_random_.below(2) == 1;
    const auto range = static_cast<uint64_t>(kind.longest - kind.shortest + 1);
    const int64_t count = kind.shortest + static_cast<int64_t>(fault_random_.below(range));
    if (series.sensor == nullptr || series.fault) return;  // the state has no faults, and there is one at a time
    Fault fault;
    fault.series = series.name;
    fault.topic = series.topic;
    fault.kind = kind.name;
    fault.size = rounded(strength * series.sensor->noise) * (down && strength > 0 ? -1 : 1);
    fault.start_ms = fault.end_ms = options_.start_ms + round_ * options_.interval_ms + series.offset_ms;
    series.fault = fault;
    series.fault_first = round_;
    series.fault_count = count;
}

double Factory::apply_fault(Series& series, double value, bool& missing) {
    Fault& fault = *series.fault;
    const int64_t nth = round_ - series.fault_first;
    fault.end_ms = fault.start_ms + nth * options_.interval_ms;
    if (fault.kind == "spike") value += fault.size;
    if (fault.kind == "drift")
        value += fault.size * static_cast<double>(nth + 1) / static_cast<double>(series.fault_count);
    if (fault.kind == "stuck") value = series.last;
    missing = fault.kind == "gap";
    if (nth + 1 == series.fault_count) {
        ended_.push_back(std::move(fault));
        series.fault.reset();
    }
    return value;
}

bool Factory::reading(Series& series, SimMessage& message) {
    const int64_t time_ms = options_.start_ms + round_ * options_.interval_ms + series.offset_ms;
    double value = series.last;
    bool missing = false;
    if (series.sensor == nullptr) {
        if (series.random.uniform() < kStateChange) value = 1 - value;
    } else {
        const Sensor& sensor = *series.sensor;
        const double day = static_cast<double>(time_ms % 86'400'000) / kDayMs;
        value = sensor.level * series.level + sensor.daily * base::math::sin_turns(day + series.phase) +
                sensor.noise * series.random.normal();
        if (series.fault) value = apply_fault(series, value, missing);
    }
    if (missing) return false;
    series.last = rounded(value);
    message.time_ms = time_ms;
    message.topic = series.topic;
    message.payload = payload_json(time_ms, series.last);
    return true;
}

std::vector<Fault> Factory::take_faults(bool at_the_end) {
    if (at_the_end) {
        for (Series& series : series_) {
            // Planned for this round, but its reading was never made.
            const bool begun =
                series.fault && (round_ > series.fault_first || &series - series_.data() < static_cast<ptrdiff_t>(at_));
            if (begun) ended_.push_back(*series.fault);
            series.fault.reset();
        }
    }
    return std::exchange(ended_, {});
}

}  // namespace tributary::sim
