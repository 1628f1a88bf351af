// SPDX-License-Identifier: Apache-2.0
#include "gateway/clock_watch.hpp"

#include <cstdlib>

#include "base/log.hpp"
#include "base/units.hpp"

namespace tributary::gateway {
namespace {

constexpr int64_t kSlew = 100 * base::kNsPerMs;     // smaller moves of the anchor are not worth a record
constexpr int64_t kEpochStep = base::kNsPerSecond;  // a backward step beyond this starts a new time epoch

}  // namespace

void ClockWatch::resume(uint32_t epoch, int64_t newest_arrival_ns) {
    epoch_ = epoch;
    if (arrival_.now_ns() >= newest_arrival_ns - kEpochStep) return;
    base::log::warning("clock: {} behind the newest message in the store",
                       base::format_duration(newest_arrival_ns - arrival_.now_ns()));
    epoch_++;
}

std::optional<model::ClockRecord> ClockWatch::check() {
    const bool synced = policy_ == "trusted" || clock_.synchronised();
    auto state = state_;
    if (synced)
        state = model::ClockState::synced;
    else if (state_ == model::ClockState::synced)
        state = model::ClockState::holdover;
    const int64_t moved = clock_.wall_ns() - clock_.boot_ns() - arrival_.anchor_ns();
    if (!first_ && state == state_ && std::abs(moved) < kSlew) return std::nullopt;
    if (std::abs(moved) >= kEpochStep)
        base::log::warning("clock: the wall clock stepped by {}", base::format_duration(moved));
    if (moved < -kEpochStep) epoch_++;
    arrival_.set_anchor_ns(arrival_.anchor_ns() + moved);
    state_ = state;
    first_ = false;
    return model::ClockRecord{state_, arrival_.anchor_ns(), epoch_};
}

}  // namespace tributary::gateway
