// SPDX-License-Identifier: Apache-2.0
// Watches the wall clock against the boot clock and says when a `clock` record is due: the kernel's synchronisation
// state changed, or the wall clock stepped. Decides what arrival time is while nobody vouches for the clock, and how
// long processing waits for somebody who does. Control's thread. The engine sees clocks only through these records,
// and OpenBlock moves the anchor when it takes one. The rules in words: docs/clocks.md.
#pragma once

#include <optional>
#include <string>

#include "base/clock.hpp"
#include "gateway/clock_history.hpp"

namespace tributary::gateway {

struct ClockPolicy {
    // "auto": believe adjtimex; "trusted": the host keeps the clock right (container, virtual machine).
    std::string clock = "auto";
    std::optional<int64_t> hold_ns;  // nothing: 15 min where a synchronised clock was seen before, else 2 min
    int64_t built_ns = 0;            // no true clock is before it
};

// For status.
struct ClockStatus {
    model::ClockState state = model::ClockState::unsynced;
    int64_t anchor_ns = 0;
    uint32_t epoch = 0;
    std::optional<int64_t> unsynced_for_ns;  // since this process looked at it first
    int64_t hold_until_ns = 0;               // arrival; 0 = processing does not wait
    std::optional<int64_t> step_ns;          // the last step of the wall clock this process saw
    std::optional<int64_t> reset_from_ns;    // the floor was above a synchronised clock within the last hour
};

class ClockWatch {
  public:
    ClockWatch(const base::Clock& clock, ClockPolicy policy) : clock_(clock), policy_(std::move(policy)) {}

    // Before the first check(): what stands in the log.
    void resume(const ClockHistory& history);
    // About once a second. A record to append to the log.
    std::optional<model::ClockRecord> check();

    ClockStatus status() const;
    const std::string& policy() const { return policy_.clock; }

  private:
    void begin();
    void begin_unsynced();
    void look();
    bool vouched();
    void set_synced();
    void follow_unsynced(int64_t moved_ns);
    void step_to(int64_t anchor_ns);
    int64_t hold_ns() const;
    int64_t now_ns() const { return clock_.boot_ns() + record_.anchor_ns; }

    const base::Clock& clock_;
    const ClockPolicy policy_;
    ClockHistory before_;  // what stood in the log when this process started
    int64_t floor_ns_ = INT64_MIN;
    model::ClockRecord record_;  // the present one
    bool begun_ = false;
    std::optional<int64_t> below_since_ns_;  // boot time since when the kernel vouches for a time below the floor
    int64_t since_ns_ = 0;                   // boot time of the first look
    std::optional<int64_t> step_ns_, reset_from_ns_;
    int64_t reset_at_ns_ = 0;  // boot time
};

}  // namespace tributary::gateway
