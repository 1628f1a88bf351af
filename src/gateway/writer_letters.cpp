// SPDX-License-Identifier: Apache-2.0
// The part of the writer that keeps letters for a person to look at: so long, so many, and until the store begins to
// fill up.
#include <algorithm>

#include "gateway/writer_transaction.hpp"

namespace tributary::gateway {
namespace {

constexpr uint64_t kMeasureEvery = 256;  // letters: the bound in bytes need not be exact
constexpr int64_t kShareOfStore = 32;    // of a small store they may have this part, each log

}  // namespace

base::Result<> Writer::put_away(model::Log log, const std::vector<SeqRange>& ranges) {
    Pending part;
    const std::lock_guard lock(mutex_);
    if (auto added = put_away_.add(log, ranges); !added) return added;
    part.meta[kPutAway] = put_away_.text();
    merge_locked(std::move(part), clock_.boot_ns());
    return {};
}

// The writer's thread.
Writer::LettersKept Writer::letters_kept(model::Log log, bool roomy, int64_t cap) {
    LettersKept kept;
    const uint64_t first = store_.first_seq(log), next = store_.next_seq(log);
    {
        const std::lock_guard lock(mutex_);
        put_away_.forget_below(log, first);
        const uint64_t behind = put_away_.behind(log, first);
        kept.purged = behind > first ? behind : 0;
    }
    if (!roomy || first == next) return kept;
    auto& measured = letters_from_[log];  // where the log ended then, and what stays from where on
    if (measured.first == 0 || next - measured.first >= kMeasureEvery) {
        int64_t left = std::min(kLettersBytes, cap / kShareOfStore);
        measured = {next, first};
        const auto done = reader_->facts(log, true, [&](const store::BlockFacts& block) {
            left -= block.stored_bytes;
            if (left < 0) measured.second = block.end_seq();
            return left >= 0;
        });
        if (!done) measured.second = first;
    }
    kept.from_ns = arrival_.now_ns() - kLettersNs;
    kept.from_seq = measured.second;
    return kept;
}

}  // namespace tributary::gateway
