// SPDX-License-Identifier: Apache-2.0
// The second cluster, as the writer sees it: its places, and what was deleted before it had it.
#include "base/log.hpp"
#include "gateway/writer_transaction.hpp"

namespace tributary::gateway {

void Writer::mirror_progress(model::Log log, uint64_t cursor) {
    Pending part;
    part.cursors[mirror_cursor(settings_.mirror, log)] = cursor;
    const std::lock_guard lock(mutex_);
    merge_locked(std::move(part), clock_.boot_ns() + kCursorDelay);
}

// Above half of the budget the second cluster holds nothing back any more: the room belongs to what the first is owed.
void Writer::mirror_misses(uint64_t records) {
    if (records == 0) return;
    auto& missed = metrics_.counter("tributary_kafka_mirror_missed_total",
                                    "Records deleted before the second cluster had them, since the start");
    missed.add(records);
    metrics_.degraded(
        "mirror", "TRB-KAFKA-016",
        base::format("the store is more than half full, and {} records were deleted before the second "
                     "cluster ({}) had them. The first one is not touched. More room: max_size in [store]",
                     missed.value(), settings_.mirror));
}

}  // namespace tributary::gateway
