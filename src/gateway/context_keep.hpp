// SPDX-License-Identifier: Apache-2.0
// Which messages raw context still needs that Kafka has not: the ranges asked for in the log `context`, from kafka's
// cursor on. Owned by the thinner, writer's thread. Of each range it keeps three numbers, and reads it again when its
// messages come up.
#pragma once

#include <deque>
#include <vector>

#include "gateway/context_pick.hpp"
#include "gateway/intake_walk.hpp"

namespace tributary::gateway {

class ContextKeep {
  public:
    explicit ContextKeep(BlockSource& source) : source_(source) {}

    // What was asked for since; ranges below the cursor are done.
    void follow(uint64_t cursor);
    // The ranges that touch [from, to) of the intake log; true = there are some.
    bool select(uint64_t from, uint64_t to);
    // Of the record the walk came to: some selected range wants a reading of it. Blocks are walked in order.
    bool wants(IntakeWalk& walk);

  private:
    struct Asked {
        uint64_t seq = 0, from_seq = 0, to_seq = 0;
    };
    const std::vector<uint32_t>& ranges_of_topic(IntakeWalk& walk);

    BlockSource& source_;
    std::deque<Asked> asked_;
    uint64_t read_ = 1;  // of the log, up to here
    std::vector<model::ContextRange> selected_;
    BlockPointer block_;                           // whose topics these are:
    uint64_t generation_ = 0;                      // under this configuration
    std::vector<bool> known_;                      // by topic index
    std::vector<std::vector<uint32_t>> by_topic_;  // indices into selected_
    ContextPick pick_;
};

}  // namespace tributary::gateway
