// SPDX-License-Identifier: Apache-2.0
// The life of an event of one series and detector: open at score >= 0.5, closed at the first score below; in between it
// is told again (update) when it has become worse. Hold-off keeps the next one from opening. State is trivially
// copyable and part of the engine's checkpoint. Pure.
#pragma once

#include <cstdint>
#include <optional>

#include "detect/detector.hpp"

namespace tributary::detect {

struct LifecycleState {
    int64_t start_ns = 0;        // of the open event, or of the one before
    int64_t quiet_until_ns = 0;  // hold-off: no event opens before this event time
    int64_t told_ns = 0;         // event time of the newest transition
    double peak_score = 0, peak_value = 0, expected = 0;
    uint32_t nth = 0;    // of the events that began at start_ns, from 0
    char kind[15] = {};  // of the finding that opened it
    uint8_t kind_length = 0;
    uint8_t open = 0, has_expected = 0, seen_hold_off = 0, has_quiet = 0;
    model::Severity severity = model::Severity::warning;
    uint8_t worse = 0;       // the peak has risen since it was told
    uint8_t ever = 0;        // there was an event
    uint8_t unused[5] = {};  // no padding: the bytes are the checkpoint
};

struct Transition {
    model::EventState state = model::EventState::open;
    std::string_view kind;  // points into the state
    int64_t start_ns = 0;
    uint32_t nth = 0;               // events of one series, detector and start are told apart by it
    std::optional<int64_t> end_ns;  // event time of the reading that closed it
    double score = 0;               // open: of this finding; afterwards the peak
    double value = 0;               // open: of this reading; afterwards at the peak
    std::optional<double> expected;
    model::Severity severity = model::Severity::warning;
};

// `held_off` is set when an event would have opened but for the hold-off (counted, never silent): once per run of
// readings above the limit.
std::optional<Transition> step(LifecycleState& state, const Common& common, const Finding& finding, int64_t event_ns,
                               double value, bool& held_off);
// End of input or the stream's removal: closes what is open at event_ns.
std::optional<Transition> close(LifecycleState& state, int64_t event_ns);
// The newest event, open or over, as it stands.
Transition describe(const LifecycleState& state, model::EventState what);

}  // namespace tributary::detect
