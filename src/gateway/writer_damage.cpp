// SPDX-License-Identifier: Apache-2.0
// The part of the writer that keeps the books when damage took records. Which stream a message that is gone belonged to
// nobody knows, but when kafka has everything else of a log, what is pending is what is gone. And what Kafka refuses.
#include <algorithm>

#include "gateway/damage.hpp"
#include "gateway/writer_transaction.hpp"

namespace tributary::gateway {
namespace {

constexpr int64_t kDelay = 5 * base::kNsPerSecond;  // there is no hurry

}  // namespace

// Lock held.
void Writer::announce_locked(Pending& part, std::vector<model::Gap>&& gone) {
    if (gone.empty()) return;
    model::OutputBlockWriter block;
    for (auto& gap : gone) {
        gap.time_ns = arrival_.now_ns();
        part.time_ns = gap.time_ns;
        damaged_.insert(gap.log);
        block.add(gap);
    }
    const uint32_t count = block.count();
    part.bytes += block.data().size();
    part.blocks[model::Log::gaps] = {block.take(), count};
    part.meta[kDamagedLogs] = text_of(damaged_);
}

// Lock held, and no transaction under way: all that was handed in is in sight. An account that shows less than nothing
// was damaged itself: it is put right from the other side.
void Writer::settle_damaged_locked() {
    if (damaged_.empty()) return;
    const auto total = ledger_locked();
    auto cursors = cursors_locked();
    Pending part;
    std::erase_if(damaged_, [&](model::Log log) {
        const bool intake = log == model::Log::intake;
        const uint64_t end = intake ? cursors[kEngineCursor] : next_locked(log);
        if (std::max<uint64_t>(cursors[kafka_cursor(log)], 1) != std::max<uint64_t>(end, 1)) return false;
        if (intake) {
            for (const auto& [stream, account] : total.streams) {
                const int64_t pending = account.pending();
                if (pending > 0) part.kafka_ledger.settle(stream, model::Fate::damaged, static_cast<uint64_t>(pending));
                if (pending < 0) part.kafka_ledger.received(stream, static_cast<uint64_t>(-pending));
            }
        } else if (const auto found = total.logs.find(log); found != total.logs.end()) {
            const int64_t pending = found->second.pending();
            if (pending > 0) part.kafka_ledger.logs[log].damaged = static_cast<uint64_t>(pending);
            if (pending < 0) part.kafka_ledger.logs[log].appended = static_cast<uint64_t>(-pending);
        }
        part.meta[kDamagedLogs];  // changed
        return true;
    });
    if (part.meta.empty()) return;
    part.meta[kDamagedLogs] = text_of(damaged_);
    merge_locked(std::move(part), clock_.boot_ns() + kDelay);
}

// Kafka will never take it.
void Writer::refused(const model::RefusedRecord& record) {
    model::OutputBlockWriter block;
    block.add(record);
    Pending part;
    part.bytes = block.data().size();
    part.blocks[model::Log::refused] = {block.take(), 1};
    part.time_ns = record.time_ns;
    const std::lock_guard lock(mutex_);
    merge_locked(std::move(part), clock_.boot_ns() + settings_.gather_ns);
}

}  // namespace tributary::gateway
