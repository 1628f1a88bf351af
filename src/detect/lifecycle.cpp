// SPDX-License-Identifier: Apache-2.0
#include "detect/lifecycle.hpp"

#include <algorithm>
#include <cstring>

namespace tributary::detect {
namespace {

constexpr double kAlarm = 0.5;

int64_t later(int64_t time_ns, int64_t by_ns) { return time_ns > INT64_MAX - by_ns ? INT64_MAX : time_ns + by_ns; }

void remember_peak(LifecycleState& state, const Finding& finding, double value) {
    state.peak_score = finding.score;
    state.peak_value = value;
    state.has_expected = finding.expected.has_value() ? 1 : 0;
    state.expected = finding.expected.value_or(0);
}

Transition open(LifecycleState& state, model::Severity severity, const Finding& finding, int64_t event_ns,
                double value) {
    const int64_t start_ns = finding.since_ns.value_or(event_ns);
    state.nth = state.ever != 0 && state.start_ns == start_ns ? state.nth + 1 : 0;
    state.open = state.ever = 1;
    state.seen_hold_off = state.worse = 0;
    state.start_ns = start_ns;
    state.told_ns = event_ns;
    state.severity = severity;
    state.kind_length = static_cast<uint8_t>(std::min(finding.kind.size(), sizeof state.kind));
    std::memset(state.kind, 0, sizeof state.kind);
    std::memcpy(state.kind, finding.kind.data(), state.kind_length);
    remember_peak(state, finding, value);
    return describe(state, model::EventState::open);
}

// Another alarming reading of an open event: told when it is worse, at once when it has lasted too long.
std::optional<Transition> go_on(LifecycleState& state, const Common& common, const Finding& finding, int64_t event_ns,
                                double value) {
    if (finding.score > state.peak_score) {
        remember_peak(state, finding, value);
        state.worse = 1;
    }
    const bool escalates = common.escalate_after_ns > 0 && state.severity != model::Severity::critical &&
                           event_ns >= later(state.start_ns, common.escalate_after_ns);
    if (escalates) state.severity = model::Severity::critical;
    const bool due = state.worse != 0 && common.update_ns > 0 && event_ns >= later(state.told_ns, common.update_ns);
    if (!escalates && !due) return std::nullopt;
    state.worse = 0;
    state.told_ns = event_ns;
    return describe(state, model::EventState::update);
}

}  // namespace

Transition describe(const LifecycleState& state, model::EventState what) {
    Transition transition;
    transition.state = what;
    transition.kind = {state.kind, state.kind_length};
    transition.start_ns = state.start_ns;
    transition.nth = state.nth;
    transition.severity = state.severity;
    transition.score = state.peak_score;
    transition.value = state.peak_value;
    if (state.has_expected != 0) transition.expected = state.expected;
    return transition;
}

std::optional<Transition> step(LifecycleState& state, const Common& common, const Finding& finding, int64_t event_ns,
                               double value, bool& held_off) {
    held_off = false;
    const bool alarm = finding.score >= kAlarm;
    if (state.open != 0) {
        if (alarm) return go_on(state, common, finding, event_ns, value);
        auto closed = close(state, event_ns);
        if (common.hold_off_ns > 0) {
            state.quiet_until_ns = later(*closed->end_ns, common.hold_off_ns);
            state.has_quiet = 1;
        }
        return closed;
    }
    if (!alarm) {
        state.seen_hold_off = 0;
        return std::nullopt;
    }
    if (state.has_quiet != 0 && event_ns < state.quiet_until_ns) {
        held_off = state.seen_hold_off == 0;
        state.seen_hold_off = 1;
        return std::nullopt;
    }
    return open(state, common.severity, finding, event_ns, value);
}

std::optional<Transition> close(LifecycleState& state, int64_t event_ns) {
    if (state.open == 0) return std::nullopt;
    state.open = 0;
    auto closed = describe(state, model::EventState::closed);
    // A reading that came out of order does not end an event before its start.
    closed.end_ns = state.told_ns = std::max(state.start_ns, event_ns);
    return closed;
}

}  // namespace tributary::detect
