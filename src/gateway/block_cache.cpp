// SPDX-License-Identifier: Apache-2.0
#include "gateway/block_cache.hpp"

#include "base/log.hpp"

namespace tributary::gateway {

void BlockCache::committed(BlockPointer block) {
    const std::lock_guard lock(mutex_);
    end_[block->log] = block->end_seq();
    bytes_ += block->body.size();
    blocks_.push_back(std::move(block));
    while (bytes_ > max_bytes_ && blocks_.size() > 1) {
        bytes_ -= blocks_.front()->body.size();
        blocks_.pop_front();
    }
}

void BlockCache::removed(const store::Cut& cut) {
    const std::lock_guard lock(mutex_);
    std::erase_if(blocks_, [&](const BlockPointer& block) {
        const bool gone = block->log == cut.log && cut.takes(block->first_seq, block->end_seq());
        if (gone) bytes_ -= block->body.size();
        return gone;
    });
}

void BlockCache::set_end(model::Log log, uint64_t next_seq) {
    const std::lock_guard lock(mutex_);
    end_[log] = next_seq;
}

uint64_t BlockCache::end(model::Log log) const {
    const std::lock_guard lock(mutex_);
    const auto found = end_.find(log);
    return found == end_.end() ? 1 : found->second;
}

BlockPointer BlockCache::find(model::Log log, uint64_t seq) const {
    const std::lock_guard lock(mutex_);
    // Consumers are near the end: look from there.
    for (auto block = blocks_.rbegin(); block != blocks_.rend(); ++block)
        if ((*block)->log == log && (*block)->first_seq <= seq) return seq < (*block)->end_seq() ? *block : nullptr;
    return nullptr;
}

base::Result<BlockSource> BlockSource::open(const BlockCache& cache, store::Store& store, metrics::Registry& metrics,
                                            std::vector<uint64_t> poison) {
    auto reader = store.reader();
    if (!reader) return reader.error();
    BlockSource source(cache, std::move(*reader), metrics);
    source.set_poison(std::move(poison));
    return source;
}

BlockPointer BlockSource::at(model::Log log, uint64_t seq) {
    stopped_ = {log, seq, seq};
    while (seq < cache_.end(log)) {
        if (auto block = cache_.find(log, seq)) return block;
        auto read = reader_->block_at(log, seq);
        if (read) return *read ? std::make_shared<const store::Block>(std::move(**read)) : nullptr;
        if (read.error().code != store::kFormat) {
            metrics_.degraded("store", read.error().code, read.error().message);
            return nullptr;
        }
        // A damaged block: say so once, go on behind it.
        auto behind = reader_->seq_behind(log, seq);
        if (!behind || *behind <= seq) return nullptr;
        if (reported_damage_ != *behind) base::log::error("{}", read.error().text());
        reported_damage_ = *behind;
        metrics_.counter("tributary_store_damaged_records_total", "Records in blocks whose checksum did not fit")
            .add(*behind - seq);
        stopped_.at = seq = *behind;
    }
    return nullptr;
}

}  // namespace tributary::gateway
