// SPDX-License-Identifier: Apache-2.0
#include "gateway/claims.hpp"

#include <algorithm>

namespace tributary::gateway {

bool Claims::begin_read(model::Log log, uint64_t seq) {
    const std::lock_guard lock(mutex_);
    if (changing_ == log && seq < change_end_) return false;
    logs_[static_cast<size_t>(log)].reading = true;
    return true;
}

void Claims::end_read(model::Log log, uint64_t end_seq) {
    const std::lock_guard lock(mutex_);
    auto& mine = logs_[static_cast<size_t>(log)];
    mine.reading = false;
    mine.claimed = std::max(mine.claimed, end_seq);
}

uint64_t Claims::claimed(model::Log log) const {
    const std::lock_guard lock(mutex_);
    return logs_[static_cast<size_t>(log)].claimed;
}

void Claims::set(model::Log log, uint64_t seq) { end_read(log, seq); }

bool Claims::begin_change(model::Log log, uint64_t from, uint64_t to, uint64_t delivered) {
    const std::lock_guard lock(mutex_);
    const auto& kafkas = logs_[static_cast<size_t>(log)];
    if (kafkas.reading || (from < kafkas.claimed && to > delivered)) return false;
    changing_ = log;
    change_end_ = to;
    return true;
}

void Claims::end_change() {
    const std::lock_guard lock(mutex_);
    changing_ = model::Log::status;
}

BlockPointer read_claimed(Claims* claims, BlockSource& source, model::Log log, uint64_t seq) {
    if (claims == nullptr) return source.at(log, seq);
    if (!claims->begin_read(log, seq)) return nullptr;
    auto block = source.at(log, seq);
    claims->end_read(log, block ? block->end_seq() : 0);
    return block;
}

}  // namespace tributary::gateway
