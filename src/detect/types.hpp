// SPDX-License-Identifier: Apache-2.0
// The detectors there are, one function each, and what they share. The table is in registry.cpp; registering is a row
// there, not a static initialiser. Pure.
#pragma once

#include <algorithm>
#include <cstring>
#include <string>
#include <type_traits>

#include "detect/detector.hpp"

namespace tributary::detect {

DetectorType threshold_type();
DetectorType rate_type();
DetectorType ewma_type();
DetectorType robust_z_type();
DetectorType cusum_type();
DetectorType seasonal_type();
DetectorType spikes_type();
DetectorType stuck_type();
DetectorType missing_type();
DetectorType counter_rate_type();
DetectorType model_type();
DetectorType auto_type();

constexpr size_t kMostStateBytes = 512;  // of one series

// 0.5 at excess 0, towards 1 as it grows by multiples of scale > 0. Finite arguments.
inline double score_beyond(double excess, double scale) { return 0.5 + 0.5 * (excess / (excess + scale)); }

// Of a size >= 0 against a limit > 0: 0.5 at the limit, 0.75 at twice it. Within its hysteresis an alarm stays at 0.5.
inline double score_of(double size, double limit, bool alarmed) {
    if (!alarmed) return std::min(size / (2 * limit), kNoAlarm);
    return size > limit ? score_beyond(size - limit, limit) : 0.5;
}

// From one event time to a later one, over the whole range of int64_t.
inline uint64_t ns_between(int64_t earlier, int64_t later) {
    return static_cast<uint64_t>(later) - static_cast<uint64_t>(earlier);
}

// The engine's bytes as the detector's own struct; no assumption on alignment. All zero must mean fresh.
template <class State>
class StateBytes {
  public:
    static_assert(std::is_trivially_copyable_v<State> && sizeof(State) <= kMostStateBytes);
    explicit StateBytes(std::byte* bytes) : bytes_(bytes) { std::memcpy(&state_, bytes, sizeof state_); }
    ~StateBytes() { std::memcpy(bytes_, &state_, sizeof state_); }
    StateBytes(const StateBytes&) = delete;
    StateBytes& operator=(const StateBytes&) = delete;
    State* operator->() { return &state_; }
    State& operator*() { return state_; }

  private:
    std::byte* bytes_;
    State state_;
};

}  // namespace tributary::detect
