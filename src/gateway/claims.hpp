// SPDX-License-Identifier: Apache-2.0
// Which blocks kafka has read, and which the writer is about to thin: never both, so that no message has two fates.
// Kafka's claim on a log grows with what its lanes read; what the live lane leaves to the backfill lane (catch_up) is
// free until that one reads it. One mutex, held for a few instructions; kafka's and the writer's thread. What it does
// not do: read blocks, wait.
#pragma once

#include <array>
#include <cstdint>
#include <mutex>
#include <vector>

#include "gateway/block_cache.hpp"
#include "gateway/catch_up.hpp"

namespace tributary::gateway {

class Claims {
  public:
    enum class Lane : uint8_t { live, backfill };

    // Kafka, around reading the block at seq. False: the writer changes it now; ask again.
    bool begin_read(model::Log log, uint64_t seq);
    // Everything below is kafka's; 0 = nothing was read.
    void end_read(model::Log log, uint64_t end_seq, Lane lane = Lane::live);
    void leave(model::Log log, Stretch stretch);  // as CatchUp::leave; before either lane reads on

    // Writer.
    void set(model::Log log, uint64_t seq);  // at start: kafka's cursor
    // What kafka has done above its cursor, by what is in the store.
    void set_ahead(model::Log log, std::vector<Stretch> ahead);
    uint64_t ahead(model::Log log, uint64_t cursor) const;  // how many these are; any thread
    std::vector<Stretch> done(model::Log log, uint64_t cursor) const;
    std::vector<Stretch> free(model::Log log) const;  // not done, and not on its way; ascending, the last to the end
    // Around a change of blocks in [from, to). False: kafka has some of it. cursor: kafka's durable one; what lies
    // below it is free again, as is what is ahead.
    bool begin_change(model::Log log, uint64_t from, uint64_t to, uint64_t cursor);
    void end_change();

  private:
    struct Log {
        uint64_t claimed = 1, backfill_claimed = 1;
        bool reading = false;
        std::vector<Stretch> left;  // without what was claimed when it was left
        std::vector<Stretch> ahead;
    };
    const Log& of(model::Log log) const { return logs_[static_cast<size_t>(log)]; }
    std::vector<Stretch> done_locked(model::Log log, uint64_t cursor) const;
    std::vector<Stretch> free_locked(model::Log log) const;

    mutable std::mutex mutex_;
    std::array<Log, model::kLogNumbers> logs_;
    model::Log changing_ = model::Log::status;  // status: nothing
    uint64_t change_end_ = 0;
};

// The block at seq, with the claim on it; null also while it is being changed. No claims: just the block.
BlockPointer read_claimed(Claims* claims, BlockSource& source, model::Log log, uint64_t seq, Claims::Lane lane);

}  // namespace tributary::gateway
