// SPDX-License-Identifier: Apache-2.0
// Watches the wall clock against the boot clock and says when a `clock` record is due: the kernel's synchronisation
// state changed, or the anchor moved. Control's thread. The engine sees clocks only through these records.
#pragma once

#include <optional>
#include <string>

#include "gateway/open_block.hpp"

namespace tributary::gateway {

class ClockWatch {
  public:
    // policy "auto": believe adjtimex; "trusted": the host keeps the clock right (container, virtual machine).
    ClockWatch(const base::Clock& clock, ArrivalClock& arrival, std::string policy)
        : clock_(clock), arrival_(arrival), policy_(std::move(policy)) {}

    // Before the first check(): the epoch of the newest clock record in the log and the newest arrival there. A clock
    // that is behind them now stepped backwards while nobody looked.
    void resume(uint32_t epoch, int64_t newest_arrival_ns);
    // About once a second. A record to append; the anchor is moved already.
    std::optional<model::ClockRecord> check();
    model::ClockState state() const { return state_; }
    uint32_t epoch() const { return epoch_; }
    const std::string& policy() const { return policy_; }

  private:
    const base::Clock& clock_;
    ArrivalClock& arrival_;
    const std::string policy_;
    model::ClockState state_ = model::ClockState::unsynced;
    uint32_t epoch_ = 0;
    bool first_ = true;
};

}  // namespace tributary::gateway
