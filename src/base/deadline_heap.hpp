// SPDX-License-Identifier: Apache-2.0
// The earliest deadline of many slots whose deadlines mostly move back: a later deadline costs nothing, the entry is
// corrected when it comes to the top. Each slot keeps `queued_ns`, its earliest entry (kNever = none), beside its own
// state, where the caller has it in hand anyway. Order: (deadline, slot), whatever the history of the heap, so a heap
// built anew from the slots goes on exactly alike. Owned by one thread; asks no clock. What it does not do: know
// deadlines (the caller's function says the true one).
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

#include "base/clock.hpp"

namespace tributary::base {

class DeadlineHeap {
  public:
    int64_t bound_ns() const { return entries_.empty() ? kNever : entries_.front().deadline_ns; }  // at most the next

    // The slot's true deadline, whenever it may have become earlier than its entry; kNever needs none.
    void queue(size_t slot, int64_t deadline_ns, int64_t& queued_ns) {
        if (deadline_ns >= queued_ns) return;
        queued_ns = deadline_ns;
        entries_.push_back({deadline_ns, slot});
        std::push_heap(entries_.begin(), entries_.end(), kLater);
    }

    // Exactly the next; kNever: none. deadline(slot) is the true one, queued(slot) a reference to its queued_ns.
    template <class DeadlineOf, class QueuedOf>
    int64_t next_ns(DeadlineOf deadline, QueuedOf queued) {
        while (!entries_.empty()) {
            const Entry top = entries_.front();
            const int64_t true_ns = deadline(top.slot);
            if (true_ns == top.deadline_ns) return true_ns;
            take(queued);
            queue(top.slot, true_ns, queued(top.slot));
        }
        return kNever;
    }
    size_t top() const { return entries_.front().slot; }  // behind next_ns() that was not kNever

    // Removes the top and says whose it was.
    template <class QueuedOf>
    size_t take(QueuedOf queued) {
        std::pop_heap(entries_.begin(), entries_.end(), kLater);
        const Entry top = entries_.back();
        entries_.pop_back();
        if (queued(top.slot) == top.deadline_ns) queued(top.slot) = kNever;
        return top.slot;
    }

    // The time that deadlines count in goes back by so much; the caller moves every queued_ns by moved_back() too.
    void move_back(int64_t by_ns) {
        for (Entry& entry : entries_) entry.deadline_ns = moved_back(entry.deadline_ns, by_ns);  // all alike
    }
    static int64_t moved_back(int64_t ns, int64_t by_ns) {
        return ns == kNever ? kNever : std::max(ns - by_ns, -(kNever / 2));
    }
    void clear() { entries_.clear(); }

  private:
    struct Entry {
        int64_t deadline_ns;
        size_t slot;
    };
    // For std::*_heap, which keep the greatest on top: the earliest deadline, then the smallest slot.
    static constexpr auto kLater = [](const Entry& a, const Entry& b) {
        return a.deadline_ns != b.deadline_ns ? a.deadline_ns > b.deadline_ns : a.slot > b.slot;
    };

    // At least one per slot that has a deadline, none later than the true one.
    std::vector<Entry> entries_;
};

}  // namespace tributary::base
