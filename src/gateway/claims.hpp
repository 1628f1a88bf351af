// SPDX-License-Identifier: Apache-2.0
// Which blocks kafka has read, and which the writer is about to thin: never both, so that no message has two fates.
// Kafka's claim on a log only grows. One mutex, held for a few instructions; kafka's and the writer's thread. What it
// does not do: read blocks, wait.
#pragma once

#include <array>
#include <cstdint>
#include <mutex>

#include "gateway/block_cache.hpp"

namespace tributary::gateway {

class Claims {
  public:
    // Kafka, around reading the block at seq. False: the writer changes it now; ask again.
    bool begin_read(model::Log log, uint64_t seq);
    void end_read(model::Log log, uint64_t end_seq);  // everything below is kafka's; 0 = nothing was read

    // Writer.
    uint64_t claimed(model::Log log) const;  // what is below may be on its way to Kafka
    void set(model::Log log, uint64_t seq);  // at start: kafka's cursor
    // Around a change of blocks in [from, to). False: kafka has some of it. `delivered`: kafka's durable cursor; what
    // lies below it is free again.
    bool begin_change(model::Log log, uint64_t from, uint64_t to, uint64_t delivered);
    void end_change();

  private:
    struct Log {
        uint64_t claimed = 1;
        bool reading = false;
    };
    mutable std::mutex mutex_;
    std::array<Log, model::kLogNumbers> logs_;
    model::Log changing_ = model::Log::status;  // status: nothing
    uint64_t change_end_ = 0;
};

// The block at seq, with the claim on it; null also while it is being changed. No claims: just the block.
BlockPointer read_claimed(Claims* claims, BlockSource& source, model::Log log, uint64_t seq);

}  // namespace tributary::gateway
