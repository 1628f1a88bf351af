// SPDX-License-Identifier: Apache-2.0
// Where the clock's state changed in the intake log, newest last: "<seq>:<state>,..." in meta.clocks. Who starts
// reading in the middle of the log needs to know the state in force there. Kept by the writer, read by the feeds; no
// thread.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "model/intake.hpp"

namespace tributary::gateway {

class ClockHistory {
  public:
    explicit ClockHistory(const std::string& text = "");
    bool add(uint64_t seq, model::ClockState state);  // false: no change
    model::ClockState at(uint64_t seq) const;
    std::string text() const;

  private:
    std::vector<std::pair<uint64_t, model::ClockState>> changes_;
};

}  // namespace tributary::gateway
