// SPDX-License-Identifier: Apache-2.0
#include "gateway/context_feed.hpp"

#include "base/log.hpp"

namespace tributary::gateway {
namespace {

constexpr int kLookAtOnce = 5'000;  // records: a long range must not hold up the other logs

}  // namespace

ContextFeed::ContextFeed(uint64_t cursor, BlockSource& source, record::Routing routing, metrics::Registry& metrics)
    : ranges_(model::Log::context, source, cursor),
      intake_(source, 1),
      source_(source),
      cursor_(cursor),
      routing_(std::move(routing)),
      counter_(metrics.counter("tributary_context_incomplete_total",
                               "Context ranges some of whose messages were not in the store any more")) {}

void ContextFeed::seek(uint64_t seq) {
    ranges_.seek(seq);
    open_ = false;
    picked_ = nullptr;
}

// The next range; false: there is none, or it cannot be read and item says so.
bool ContextFeed::open(kafka::Item& item) {
    if (!ranges_.next()) return false;
    auto output = ranges_.output();
    auto* range = output ? std::get_if<model::ContextRange>(&*output) : nullptr;
    if (range == nullptr) {
        item.seq = ranges_.seq();
        item.nothing = true;
        return false;
    }
    range_ = std::move(*range);
    intake_.seek(range_.from_seq);
    block_ = nullptr;
    generation_ = 0;
    picked_ = nullptr;
    n_ = 0;
    return open_ = true;
}

// Some message of the range is not there; each range counts once.
void ContextFeed::miss() {
    if (ranges_.seq() < missed_below_) return;
    missed_below_ = ranges_.seq() + 1;
    incomplete_++;
    counter_.add(1);
}

// Nothing of the intake log is left from here on; else it only cannot be read now.
bool ContextFeed::gone() {
    const auto block = source_.reader().block_at(model::Log::intake, intake_.position());
    return block.ok() && !block->has_value();
}

// Whether the present record can have readings of the series. Asked once per topic and block.
bool ContextFeed::wanted() {
    const auto* message = intake_.record().message();
    if (message == nullptr) return false;
    if (intake_.generation() != generation_) {
        generation_ = intake_.generation();
        stream_ = context_stream(intake_.settings(), range_.origin.stream);
        block_ = nullptr;
    }
    if (intake_.block() != block_) {
        block_ = intake_.block();
        topics_.clear();
    }
    const size_t index = intake_.topic_index();
    if (topics_.size() <= index) topics_.resize(index + 1, -1);
    if (topics_[index] < 0)
        topics_[index] = stream_ && intake_.projection().gives(message->topic, *stream_, range_.origin.series) ? 1 : 0;
    return topics_[index] == 1;
}

ContextFeed::Look ContextFeed::look() {
    for (int i = 0; i < kLookAtOnce; i++) {
        const bool found = intake_.next(range_.to_seq + 1);
        if (intake_.missed()) miss();
        if (!found) {
            if (intake_.position() > range_.to_seq) return Look::end;
            return gone() ? (miss(), Look::end) : Look::later;
        }
        const auto& record = intake_.record();
        if (intake_.poison() || !wanted()) continue;
        at_ = 0;
        picked_ =
            &pick_.of(range_, *stream_, intake_.settings(), intake_.projection(), *record.message(), record.arrival_ns);
        if (!picked_->empty()) return Look::found;
    }
    return Look::busy;
}

void ContextFeed::fill(kafka::Item& item) {
    const auto& one = (*picked_)[at_++];
    const auto& stream = *one.projected.stream;
    record::project(routing_.source(intake_.block()->incarnation), range_.origin.series, one.projected.reading,
                    stream.unit, stream.labels, intake_.record().seq, one.n, one.several, record_, range_.event_ids);
    routing_.address(stream, range_.origin.series, record_);
    item.seq = ranges_.seq();
    item.n = n_++;
    item.last = false;
    item.record = &record_;
    item.value = record_.value;
}

void ContextFeed::end(kafka::Item& item) {
    item.seq = ranges_.seq();
    item.n = n_;
    item.nothing = item.complete = true;
    open_ = false;
    picked_ = nullptr;
    block_ = nullptr;
}

bool ContextFeed::next(kafka::Item& item) {
    item = {};
    if (!open_ && !open(item)) return item.nothing;
    if (picked_ != nullptr && at_ < picked_->size()) return fill(item), true;
    switch (look()) {
        case Look::found:
            fill(item);
            return true;
        case Look::end:
            end(item);
            return true;
        case Look::busy:
            item.busy = true;
            return false;
        case Look::later:
            break;
    }
    return false;
}

}  // namespace tributary::gateway
