// SPDX-License-Identifier: Apache-2.0
#include "gateway/context_needs.hpp"

#include <algorithm>

#include "gateway/writer.hpp"

namespace tributary::gateway {

void ContextNeeds::load(store::Reader& reader, const store::Cursors& cursors, uint64_t end) {
    const uint64_t cursor = store::cursor(cursors, kafka_cursor(model::Log::context));
    next_ = end;
    for (uint64_t seq = cursor; seq < end;) {
        const auto block = reader.block_at(model::Log::context, seq);
        if (!block) {  // damaged
            const auto behind = reader.seq_behind(model::Log::context, seq);
            if (!behind || *behind <= seq) return;
            seq = *behind;
            continue;
        }
        if (!*block) return;
        model::for_each_output((**block).body, [&](uint32_t index, std::string_view bytes) {
            const auto output = model::decode_output(bytes);
            const auto* range = output ? std::get_if<model::ContextRange>(&*output) : nullptr;
            if (range != nullptr && (**block).first_seq + index >= cursor)
                push((**block).first_seq + index, range->from_seq);
        });
        seq = (**block).end_seq();
    }
}

void ContextNeeds::asked(const std::vector<uint64_t>& from_seqs, uint64_t floor) {
    const std::lock_guard lock(mutex_);
    for (const uint64_t from_seq : from_seqs) push(next_++, from_seq);
    floor_ = floor;
}

void ContextNeeds::push(uint64_t seq, uint64_t from_seq) {
    while (!asked_.empty() && asked_.back().second >= from_seq) asked_.pop_back();
    asked_.emplace_back(seq, from_seq);
}

void ContextNeeds::floor(uint64_t seq) {
    const std::lock_guard lock(mutex_);
    floor_ = seq;
}

uint64_t ContextNeeds::first(uint64_t cursor) {
    const std::lock_guard lock(mutex_);
    while (!asked_.empty() && asked_.front().first < cursor) asked_.pop_front();
    return asked_.empty() ? floor_ : std::min(floor_, asked_.front().second);
}

}  // namespace tributary::gateway
