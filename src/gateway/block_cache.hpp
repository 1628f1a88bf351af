// SPDX-License-Identifier: Apache-2.0
// Recently committed blocks in memory, so that engine and kafka need not read and decompress what the writer just had
// in its hands. Bounded in bytes: who lags reads from the store. BlockSource joins both for one consuming thread.
#pragma once

#include <algorithm>
#include <atomic>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "metrics/metrics.hpp"
#include "store/store.hpp"

namespace tributary::gateway {

using BlockPointer = std::shared_ptr<const store::Block>;

class BlockCache {
  public:
    explicit BlockCache(size_t max_bytes) : max_bytes_(max_bytes) {}

    void committed(BlockPointer block);               // writer
    void removed(const store::Cut& cut);              // writer: they are not in the store any more
    void set_end(model::Log log, uint64_t next_seq);  // at start
    uint64_t end(model::Log log) const;               // next seq to be committed
    BlockPointer find(model::Log log, uint64_t seq) const;

  private:
    const size_t max_bytes_;
    mutable std::mutex mutex_;
    std::deque<BlockPointer> blocks_;  // of all logs, oldest first
    std::map<model::Log, uint64_t> end_;
    size_t bytes_ = 0;
};

class BlockSource {
  public:
    BlockSource(const BlockCache& cache, std::unique_ptr<store::Reader> reader, metrics::Registry& metrics)
        : cache_(cache), reader_(std::move(reader)), metrics_(metrics) {}

    // With a reader of its own; poison as in set_poison().
    static base::Result<BlockSource> open(const BlockCache& cache, store::Store& store, metrics::Registry& metrics,
                                          std::vector<uint64_t> poison);

    // The block that holds seq or, where a range is gone, the next one; null at the end (or while the store cannot be
    // read).
    BlockPointer at(model::Log log, uint64_t seq);
    // Where the last at(), asked for this, stopped without a block: above seq when all behind it is damaged.
    uint64_t stopped_at(model::Log log, uint64_t seq) const {
        return stopped_.log == log && stopped_.asked == seq ? stopped_.at : seq;
    }
    store::Reader& reader() { return *reader_; }

    // Intake messages that nobody may look into (poison.hpp), ascending.
    void set_poison(std::vector<uint64_t> seqs) { poison_ = std::move(seqs); }
    bool poison(uint64_t seq) const { return std::binary_search(poison_.begin(), poison_.end(), seq); }

  private:
    const BlockCache& cache_;
    std::unique_ptr<store::Reader> reader_;
    metrics::Registry& metrics_;
    uint64_t reported_damage_ = 0;
    struct {
        model::Log log = model::Log::intake;
        uint64_t asked = 0, at = 0;
    } stopped_;
    std::vector<uint64_t> poison_;
};

}  // namespace tributary::gateway
