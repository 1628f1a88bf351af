// SPDX-License-Identifier: Apache-2.0
#include "gateway/clock_watch.hpp"

#include <cstdlib>

#include "base/log.hpp"
#include "base/text.hpp"
#include "base/units.hpp"

namespace tributary::gateway {
namespace {

using State = model::ClockState;

constexpr int64_t kSlew = 100 * base::kNsPerMs;  // smaller moves of the wall clock are not worth a record
constexpr int64_t kHoldSeen = 15 * 60 * base::kNsPerSecond, kHoldNeverSeen = 2 * 60 * base::kNsPerSecond;
// A kernel that vouches so long for a time below the floor is believed.
constexpr int64_t kInsists = 10 * base::kNsPerSecond;
// A clock without an opinion of its own goes on behind the time that was used before, but not behind a clock that was
// years ahead.
constexpr int64_t kLead = 30 * int64_t{86'400} * base::kNsPerSecond;
constexpr size_t kMostHeldBoots = 8;  // a box that never stays up long enough still gets its data processed
constexpr int64_t kResetShown = 3600 * base::kNsPerSecond;

std::string when(int64_t ns) { return base::format_time_ms(base::ns_to_ms(ns)); }

}  // namespace

void ClockWatch::resume(const ClockHistory& history) {
    before_ = history;
    floor_ns_ = std::max(policy_.built_ns, history.floor_ns().value_or(INT64_MIN));
}

std::optional<model::ClockRecord> ClockWatch::check() {
    const auto old = record_;
    if (!begun_)
        begin();
    else
        look();
    const bool same =
        old.state == record_.state && old.anchor_ns == record_.anchor_ns && old.wall_ns == record_.wall_ns;
    if (std::exchange(begun_, true) && same) return std::nullopt;
    return record_;
}

// The kernel, or the operator, says that the wall clock is right, and nothing speaks against it.
bool ClockWatch::vouched() {
    if (policy_.clock == "trusted") return true;
    const bool below = clock_.wall_ns() + model::kSmallStepNs < floor_ns_;
    if (!clock_.synchronised() || !below) below_since_ns_.reset();
    if (!clock_.synchronised()) return false;
    if (!below) return true;
    if (!below_since_ns_) below_since_ns_ = clock_.boot_ns();
    return clock_.boot_ns() - *below_since_ns_ >= kInsists;
}

void ClockWatch::set_synced() {
    if (clock_.wall_ns() + model::kSmallStepNs < floor_ns_) {
        base::log::warning(
            "clock: the synchronised time {} is before the newest one known so far, {}; it is believed, that one is "
            "not",
            when(clock_.wall_ns()), when(floor_ns_));
        reset_from_ns_ = floor_ns_;
        reset_at_ns_ = clock_.boot_ns();
    }
    floor_ns_ = INT64_MIN;  // a synchronised clock needs none
    record_.state = State::synced;
    record_.hold_until_ns = 0;
}

void ClockWatch::step_to(int64_t anchor_ns) {
    if (anchor_ns < record_.anchor_ns - model::kSmallStepNs) record_.epoch++;
    if (record_.hold_until_ns != 0)
        record_.hold_until_ns += base::floor_to(anchor_ns - record_.anchor_ns, base::kNsPerUs);
    record_.anchor_ns = anchor_ns;
}

void ClockWatch::begin() {
    const auto& last = before_.last();
    const auto newest = before_.newest_ns();
    since_ns_ = clock_.boot_ns();
    const uint64_t boot = clock_.boot();
    // The boot clock of a container may begin anew within one boot of the machine.
    const bool same_boot = last && boot != 0 && last->boot == boot &&
                           (!newest || clock_.boot_ns() + last->anchor_ns >= *newest - model::kSmallStepNs);
    if (last) record_.epoch = last->epoch;
    record_.boot = boot;
    record_.wall_ns = clock_.wall_ns() - clock_.boot_ns();
    if (same_boot) {
        record_ = *last;  // the process ended, the clock did not
        return look();
    }
    record_.anchor_ns = record_.wall_ns;
    if (vouched())
        set_synced();
    else
        begin_unsynced();
    if (!newest || now_ns() >= *newest - model::kSmallStepNs) return;
    base::log::warning("clock: {} behind the newest message in the store; a new time epoch begins",
                       base::format_duration(*newest - now_ns()));
    record_.epoch++;
}

// Arrival time goes on from what is known for certain: never below the floor, never through time used before.
void ClockWatch::begin_unsynced() {
    const int64_t wall_ns = clock_.wall_ns();
    const int64_t start_ns = wall_ns < floor_ns_ ? before_.free_from(floor_ns_, kLead) : before_.free_from(wall_ns, 0);
    record_.state = State::unsynced;
    record_.anchor_ns += start_ns - wall_ns;
    const bool wait = hold_ns() > 0 && before_.held_boots() < kMostHeldBoots;
    record_.hold_until_ns = wait ? base::floor_to(now_ns() + hold_ns(), base::kNsPerUs) : 0;  // as the log has times
    base::log::warning(
        "clock: not synchronised; arrival time goes on from {}{}", when(now_ns()),
        wait ? base::format("; processing waits up to {} for it", base::format_duration(hold_ns())) : std::string());
}

int64_t ClockWatch::hold_ns() const {
    return policy_.hold_ns.value_or(before_.floor_ns() ? kHoldSeen : kHoldNeverSeen);
}

void ClockWatch::look() {
    const int64_t wall_ns = clock_.wall_ns() - clock_.boot_ns();
    const int64_t moved_ns = wall_ns - record_.wall_ns;
    const bool stepped = std::abs(moved_ns) >= kSlew;
    if (stepped) {
        if (std::abs(moved_ns) >= base::kNsPerSecond)
            base::log::warning("clock: the wall clock stepped by {}", base::format_duration(moved_ns));
        step_ns_ = moved_ns;
        record_.wall_ns = wall_ns;
    }
    const bool waiting = record_.state == State::unsynced;
    if (vouched()) {
        if (waiting) {
            step_ns_ = wall_ns - record_.anchor_ns;
            base::log::info("clock: synchronised; arrival time moves by {}", base::format_duration(*step_ns_));
        }
        if (waiting || stepped) step_to(wall_ns), record_.wall_ns = wall_ns;
        if (record_.state != State::synced) set_synced();
        return;
    }
    if (record_.state == State::synced) record_.state = State::holdover;
    if (waiting)
        follow_unsynced(moved_ns);
    else if (stepped)
        step_to(wall_ns);
}

// Somebody set the clock by hand: it is followed, if he can be right.
void ClockWatch::follow_unsynced(int64_t moved_ns) {
    if (record_.hold_until_ns != 0 && now_ns() >= record_.hold_until_ns) record_.hold_until_ns = 0;
    if (std::abs(moved_ns) >= kSlew && clock_.wall_ns() >= floor_ns_) step_to(record_.wall_ns);
}

ClockStatus ClockWatch::status() const {
    ClockStatus out;
    out.state = record_.state;
    out.anchor_ns = record_.anchor_ns;
    out.epoch = record_.epoch;
    out.step_ns = step_ns_;
    if (record_.state == State::unsynced) {
        out.unsynced_for_ns = clock_.boot_ns() - since_ns_;
        if (now_ns() < record_.hold_until_ns) out.hold_until_ns = record_.hold_until_ns;
    }
    if (reset_from_ns_ && clock_.boot_ns() - reset_at_ns_ < kResetShown) out.reset_from_ns = reset_from_ns_;
    return out;
}

}  // namespace tributary::gateway
