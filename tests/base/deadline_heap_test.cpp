// SPDX-License-Identifier: Apache-2.0
#include "base/deadline_heap.hpp"

#include <doctest/doctest.h>

#include "base/math.hpp"

using namespace tributary::base;

namespace {

// Deadlines of some slots, and the heap over them.
struct Slots {
    explicit Slots(size_t count) : deadlines(count, kNever), queued(count, kNever) {}
    void set(size_t slot, int64_t deadline_ns) {
        deadlines[slot] = deadline_ns;
        heap.queue(slot, deadline_ns, queued[slot]);
    }
    int64_t next() {
        return heap.next_ns([&](size_t slot) { return deadlines[slot]; },
                            [&](size_t slot) -> int64_t& { return queued[slot]; });
    }
    size_t take() {
        const size_t slot = heap.take([&](size_t one) -> int64_t& { return queued[one]; });
        deadlines[slot] = kNever;
        return slot;
    }
    std::vector<int64_t> deadlines, queued;
    DeadlineHeap heap;
};

}  // namespace

TEST_CASE("deadline heap: the next is always the least of (deadline, slot), however deadlines moved") {
    math::Random random(3);
    Slots slots(20);
    for (int step = 0; step < 20'000; step++) {
        const size_t slot = random.below(20);
        switch (random.below(5)) {
            case 0:
                slots.set(slot, kNever);  // nothing waits any more
                break;
            case 1: {
                const auto by = static_cast<int64_t>(random.below(50));
                for (auto* all : {&slots.deadlines, &slots.queued})
                    for (int64_t& ns : *all) ns = DeadlineHeap::moved_back(ns, by);
                slots.heap.move_back(by);
                break;
            }
            default:
                slots.set(slot, step + static_cast<int64_t>(random.below(100)));
        }
        const auto least = std::min_element(slots.deadlines.begin(), slots.deadlines.end());
        CHECK(slots.heap.bound_ns() <= *least);
        REQUIRE(slots.next() == *least);
        if (*least == kNever || random.below(3) != 0) continue;
        const auto expected = static_cast<size_t>(least - slots.deadlines.begin());
        CHECK(slots.heap.top() == expected);
        CHECK(slots.take() == expected);
    }
}
