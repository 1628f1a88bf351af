// SPDX-License-Identifier: Apache-2.0
#include "gateway/claims.hpp"

#include <algorithm>

namespace tributary::gateway {
namespace {

bool inside(const std::vector<Stretch>& stretches, uint64_t from, uint64_t to) {
    return std::any_of(stretches.begin(), stretches.end(),
                       [&](const Stretch& stretch) { return stretch.from <= from && to <= stretch.to; });
}

}  // namespace

bool Claims::begin_read(model::Log log, uint64_t seq) {
    const std::lock_guard lock(mutex_);
    if (changing_ == log && seq < change_end_) return false;
    logs_[static_cast<size_t>(log)].reading = true;
    return true;
}

void Claims::end_read(model::Log log, uint64_t end_seq, Lane lane) {
    const std::lock_guard lock(mutex_);
    auto& mine = logs_[static_cast<size_t>(log)];
    mine.reading = false;
    auto& claimed = lane == Lane::live ? mine.claimed : mine.backfill_claimed;
    claimed = std::max(claimed, end_seq);
}

void Claims::leave(model::Log log, Stretch stretch) {
    const std::lock_guard lock(mutex_);
    auto& mine = logs_[static_cast<size_t>(log)];
    // The block the live lane stands in is on its way with its first half.
    stretch.from = std::max(stretch.from, mine.claimed);
    mine.claimed = std::max(mine.claimed, stretch.to);
    if (stretch.from < stretch.to) mine.left.push_back(stretch);
    std::erase_if(mine.left, [&](const Stretch& one) { return one.to <= mine.backfill_claimed; });
}

void Claims::set(model::Log log, uint64_t seq) { end_read(log, seq); }

void Claims::set_ahead(model::Log log, std::vector<Stretch> ahead) {
    const std::lock_guard lock(mutex_);
    logs_[static_cast<size_t>(log)].ahead = std::move(ahead);
}

uint64_t Claims::ahead(model::Log log, uint64_t cursor) const {
    const std::lock_guard lock(mutex_);
    uint64_t sum = 0;
    for (const auto& stretch : of(log).ahead)
        if (stretch.to > cursor) sum += stretch.to - std::max(stretch.from, cursor);
    return sum;
}

std::vector<Stretch> Claims::done_locked(model::Log log, uint64_t cursor) const {
    std::vector<Stretch> out{{1, cursor}};
    out.insert(out.end(), of(log).ahead.begin(), of(log).ahead.end());
    return out;
}

std::vector<Stretch> Claims::free_locked(model::Log log) const {
    std::vector<Stretch> out;
    for (const auto& stretch : of(log).left)
        if (stretch.to > of(log).backfill_claimed)
            out.push_back({std::max(stretch.from, of(log).backfill_claimed), stretch.to});
    out.push_back({of(log).claimed, kLogEnd});
    return out;
}

std::vector<Stretch> Claims::done(model::Log log, uint64_t cursor) const {
    const std::lock_guard lock(mutex_);
    return done_locked(log, cursor);
}

std::vector<Stretch> Claims::free(model::Log log) const {
    const std::lock_guard lock(mutex_);
    return free_locked(log);
}

bool Claims::begin_change(model::Log log, uint64_t from, uint64_t to, uint64_t cursor) {
    const std::lock_guard lock(mutex_);
    if (of(log).reading || (!inside(free_locked(log), from, to) && !inside(done_locked(log, cursor), from, to)))
        return false;
    changing_ = log;
    change_end_ = to;
    return true;
}

void Claims::end_change() {
    const std::lock_guard lock(mutex_);
    changing_ = model::Log::status;
}

BlockPointer read_claimed(Claims* claims, BlockSource& source, model::Log log, uint64_t seq, Claims::Lane lane) {
    if (claims == nullptr) return source.at(log, seq);
    if (!claims->begin_read(log, seq)) return nullptr;
    auto block = source.at(log, seq);
    claims->end_read(log, block ? block->end_seq() : 0, lane);
    return block;
}

}  // namespace tributary::gateway
