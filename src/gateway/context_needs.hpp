// SPDX-License-Identifier: Apache-2.0
// How far back the intake log is needed for raw context: by ranges that Kafka may not have yet, and by those the engine
// may still ask for. The engine's thread tells it, the writer asks it when it trims; one mutex. It reads the store at
// start only.
#pragma once

#include <cstdint>
#include <deque>
#include <mutex>
#include <utility>
#include <vector>

#include "store/store.hpp"

namespace tributary::gateway {

class ContextNeeds {
  public:
    // At start: the ranges of the log `context` from kafka's cursor on, up to end.
    void load(store::Reader& reader, const store::Cursors& cursors, uint64_t end);
    // The next ranges of the log, by their from_seq; and the floor of those to come (UINT64_MAX = none).
    void asked(const std::vector<uint64_t>& from_seqs, uint64_t floor);
    void floor(uint64_t seq);
    // The smallest seq of intake that is needed by what stands at or behind the cursor of the log `context`.
    uint64_t first(uint64_t cursor);

  private:
    void push(uint64_t seq, uint64_t from_seq);

    std::mutex mutex_;
    // (seq, from_seq) of ranges behind which none asks for as much or more: so the first is the smallest.
    std::deque<std::pair<uint64_t, uint64_t>> asked_;
    uint64_t next_ = 1;  // seq of the next one
    uint64_t floor_ = UINT64_MAX;
};

}  // namespace tributary::gateway
