// SPDX-License-Identifier: Apache-2.0
// The detectors there are, one function each, and what they share. The table is in registry.cpp; registering is a row
// there, not a static initialiser. Pure.
#pragma once

#include <cstring>
#include <string>
#include <type_traits>

#include "detect/detector.hpp"

namespace tributary::detect {

DetectorType threshold_type();
DetectorType ewma_type();

// The largest score that is no alarm.
constexpr double kNoAlarm = 0x1.fffffffffffffp-2;

// 0.5 at excess 0, towards 1 as it grows by multiples of scale > 0. Finite arguments.
inline double score_beyond(double excess, double scale) { return 0.5 + 0.5 * (excess / (excess + scale)); }

// The engine's bytes as the detector's own struct; no assumption on alignment. All zero must mean fresh.
template <class State>
class StateBytes {
  public:
    static_assert(std::is_trivially_copyable_v<State> && sizeof(State) <= 128);
    explicit StateBytes(std::byte* bytes) : bytes_(bytes) { std::memcpy(&state_, bytes, sizeof state_); }
    ~StateBytes() { std::memcpy(bytes_, &state_, sizeof state_); }
    StateBytes(const StateBytes&) = delete;
    StateBytes& operator=(const StateBytes&) = delete;
    State* operator->() { return &state_; }

  private:
    std::byte* bytes_;
    State state_;
};

}  // namespace tributary::detect
