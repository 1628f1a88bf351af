// SPDX-License-Identifier: Apache-2.0
// The life of an event of one series and detector: open at score >= 0.5, closed at the first score below; hold-off
// keeps the next one from opening. State is trivially copyable and part of the engine's checkpoint. Pure.
#pragma once

#include <cstdint>
#include <optional>

#include "detect/detector.hpp"

namespace tributary::detect {

struct LifecycleState {
    int64_t start_ns = 0;        // of the open event
    int64_t quiet_until_ns = 0;  // hold-off: no event opens before this event time
    double peak_score = 0, peak_value = 0, expected = 0;
    uint32_t kind_length = 0;
    char kind[20] = {};  // of the finding that opened it
    uint8_t open = 0, has_expected = 0, seen_hold_off = 0, has_quiet = 0;
};

struct Transition {
    model::EventState state = model::EventState::open;
    std::string_view kind;  // points into the state
    int64_t start_ns = 0;
    std::optional<int64_t> end_ns;  // event time of the reading that closed it
    double score = 0;               // open: of this finding; closed: the peak
    double value = 0;               // open: of this reading; closed: at the peak
    std::optional<double> expected;
};

// `held_off` is set when an event would have opened but for the hold-off (counted, never silent): once per run of
// readings above the limit.
std::optional<Transition> step(LifecycleState& state, const Common& common, const Finding& finding, int64_t event_ns,
                               double value, bool& held_off);
// End of input or the stream's removal: closes what is open at event_ns.
std::optional<Transition> close(LifecycleState& state, int64_t event_ns);

}  // namespace tributary::detect
