// SPDX-License-Identifier: Apache-2.0
// When a series that sends nothing is news: for each series and each detector that watches for silence the arrival time
// at which it is to be asked. Owned by StreamState (one thread); asks no clock. Silence counts only while we could have
// heard something: from `session` record to `session` record, of which the gateway writes one at its start too.
// Without any (replay) it always counts. What it does not do: judge; that is the detector's.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "base/clock.hpp"
#include "base/deadline_heap.hpp"
#include "model/reading.hpp"

namespace tributary::engine {

class Silence {
  public:
    void arrived(size_t slot, int64_t now_ns, int64_t after_ns, model::TimeMark mark);  // kNever: do not ask
    void forget(size_t slot);
    bool was_away(size_t slot) const;  // since its newest reading there was a time in which we heard nothing
    model::TimeMark mark(size_t slot) const { return slots_[slot].mark; }  // of its newest reading

    void listen(bool connected, int64_t now_ns);
    void arrival_back(int64_t back_ns);  // arrivals count from so much earlier from now on

    int64_t bound_ns() const { return heap_.bound_ns(); }  // at most the next
    int64_t next_deadline_ns() const;                      // exactly the next
    std::optional<size_t> next_due(int64_t now_ns);        // each once until its next reading

    void save(std::string& out) const;
    bool load(base::ByteReader& in);

  private:
    struct Slot {
        int64_t arrival_ns = 0;            // of the newest reading
        int64_t after_ns = base::kNever;   // silence of so long is news
        int64_t queued_ns = base::kNever;  // see DeadlineHeap
        model::TimeMark mark = model::TimeMark::device;
        bool known = false;
    };

    int64_t deadline_of(const Slot& slot) const;
    int64_t& queued_of(size_t slot) const { return slots_[slot].queued_ns; }
    void queue_all();

    mutable std::vector<Slot> slots_;  // mutable for queued_ns, which changes no output
    mutable base::DeadlineHeap heap_;  // mutable: correcting an early deadline changes no output
    int64_t heard_since_ns_ = INT64_MIN;
    bool connected_ = true;
};

}  // namespace tributary::engine
