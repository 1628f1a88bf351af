// SPDX-License-Identifier: Apache-2.0
// The interface of anomaly detectors. A detector is immutable after it was made; the state of a series lives in bytes
// the engine owns (trivially copyable, at most 512, all zero = fresh), so a checkpoint is a copy of them.
// One file per detector, with its options; one row in registry.cpp. Floats: + - * / sqrt and base/math only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "config/load.hpp"
#include "model/option.hpp"
#include "model/output.hpp"

namespace tributary::detect {

// The largest score that is no alarm.
constexpr double kNoAlarm = 0x1.fffffffffffffp-2;

struct Finding {
    double score = 0;                      // 0..1, alarm at 0.5; the configured limit maps to 0.5
    std::string_view kind;                 // static text: "high", "low", "deviation", ...; "" when nothing is wrong
    std::optional<double> expected;        // what the detector thought normal
    std::optional<int64_t> since_ns = {};  // event time at which it began, when that was not this reading
    bool held_off = false;                 // an alarm but for the detector's own hold-off; once per run of readings
};

struct Silent {
    Finding finding;
    double value = 0;  // the newest one
};

class Detector {
  public:
    virtual ~Detector() = default;
    virtual size_t state_bytes() const = 0;
    // In event-time order of arrival as the engine sees it (not sorted). value is finite.
    virtual Finding update(std::byte* state, int64_t event_ns, double value) const = 0;

    // The series' event times begin anew, earlier than some that were seen: what depends on times is forgotten, what
    // was learned of values stays.
    virtual void forget_times(std::byte* /*state*/) const {}

    // A detector that watches for silence is told behind each update() when the reading arrived, and says how long
    // after that it wants to be asked if no other comes (kNever = not). on_silence() comes at most once a reading;
    // was_away() before the update() of a reading when since the last one the gateway could not have heard any.
    virtual bool watches_silence() const { return false; }
    virtual int64_t arrived(std::byte* /*state*/, int64_t /*arrival_ns*/) const { return INT64_MAX; }
    virtual Silent on_silence(std::byte* /*state*/) const { return {}; }
    virtual void was_away(std::byte* /*state*/) const {}
};

// Options every detector has besides its own (registry.cpp). Times are event time.
struct Common {
    model::Severity severity = model::Severity::warning;
    int64_t hold_off_ns = 0;        // after an event was closed none of the same series and detector opens for so long
    int64_t update_ns = 0;          // an open event that has become worse is told again, at most once in so long
    int64_t escalate_after_ns = 0;  // an event that lasts so long becomes critical; 0 = never
};

struct DetectorType {
    std::string_view name;
    std::string_view summary;                    // one line for `list` and docs/detectors.md
    std::span<const model::OptionSpec> options;  // its own
    // Null: it sees several series at once and is no Detector (`group`, see group.hpp).
    std::unique_ptr<Detector> (*make)(const model::OptionMap& options);
    // What a declaration cannot say ("low must be below high"); may be null. Called when the declared checks passed.
    void (*check)(const model::OptionMap& options, std::vector<std::string>& problems);
};

std::span<const DetectorType> registry();
std::span<const model::OptionSpec> common_options();
const DetectorType* find_type(std::string_view name);
Common read_common(const model::OptionMap& options);
// Type known (did you mean), options right; context names the stream for people.
std::vector<config::Diagnostic> check(const config::DetectSettings& settings, std::string_view context);
// One row per option, for `list detectors --markdown` and docs/detectors.md.
std::string markdown_table();

}  // namespace tributary::detect
