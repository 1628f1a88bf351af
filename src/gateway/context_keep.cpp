// SPDX-License-Identifier: Apache-2.0
#include "gateway/context_keep.hpp"

#include <algorithm>

namespace tributary::gateway {
namespace {

template <class Each>
void for_each_range(const store::Block& block, Each each) {
    model::for_each_output(block.body, [&](uint32_t index, std::string_view bytes) {
        auto output = model::decode_output(bytes);
        if (auto* range = output ? std::get_if<model::ContextRange>(&*output) : nullptr)
            each(block.first_seq + index, std::move(*range));
    });
}

}  // namespace

void ContextKeep::follow(uint64_t cursor) {
    while (!asked_.empty() && asked_.front().seq < cursor) asked_.pop_front();
    read_ = std::max(read_, cursor);
    while (const auto block = source_.at(model::Log::context, read_)) {
        for_each_range(*block, [&](uint64_t seq, model::ContextRange&& range) {
            if (seq >= read_) asked_.push_back({seq, range.from_seq, range.to_seq});
        });
        read_ = block->end_seq();
    }
}

bool ContextKeep::select(uint64_t from, uint64_t to) {
    selected_.clear();
    block_ = nullptr;
    BlockPointer block;
    for (const auto& one : asked_) {
        if (one.from_seq >= to || one.to_seq < from) continue;
        if (!block || one.seq >= block->end_seq()) block = source_.at(model::Log::context, one.seq);
        if (!block) break;
        for_each_range(*block, [&](uint64_t seq, model::ContextRange&& range) {
            if (seq == one.seq) selected_.push_back(std::move(range));
        });
    }
    return !selected_.empty();
}

const std::vector<uint32_t>& ContextKeep::ranges_of_topic(IntakeWalk& walk) {
    if (walk.block() != block_ || walk.generation() != generation_) {
        block_ = walk.block();
        generation_ = walk.generation();
        known_.clear();
    }
    const size_t index = walk.topic_index();
    if (known_.size() <= index) known_.resize(index + 1), by_topic_.resize(std::max(by_topic_.size(), index + 1));
    auto& ranges = by_topic_[index];
    if (known_[index]) return ranges;
    known_[index] = true;
    ranges.clear();
    for (uint32_t i = 0; i < selected_.size(); i++) {
        const auto& origin = selected_[i].origin;
        const auto stream = context_stream(walk.settings(), origin.stream);
        if (stream && walk.projection().gives(walk.record().message()->topic, *stream, origin.series))
            ranges.push_back(i);
    }
    return ranges;
}

bool ContextKeep::wants(IntakeWalk& walk) {
    if (selected_.empty() || walk.poison()) return false;
    const auto& record = walk.record();
    const auto& ranges = ranges_of_topic(walk);
    return std::any_of(ranges.begin(), ranges.end(), [&](uint32_t index) {
        const auto& range = selected_[index];
        if (record.seq < range.from_seq || record.seq > range.to_seq) return false;
        const auto stream = context_stream(walk.settings(), range.origin.stream);
        return !pick_.of(range, *stream, walk.settings(), walk.projection(), *record.message(), record.arrival_ns)
                    .empty();
    });
}

}  // namespace tributary::gateway
