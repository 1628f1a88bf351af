// SPDX-License-Identifier: Apache-2.0
#include "kafka/lane.hpp"

#include <algorithm>
#include <utility>

namespace tributary::kafka {

namespace {
constexpr size_t kFirstRing = 256;
constexpr size_t kMostUnsettled = 1 << 16;  // passed over ("nothing") while an older record is in flight
}  // namespace

Lane::Lane(Feed& feed, std::vector<std::string> topics)
    : feed_(feed), topics_(std::move(topics)), ring_(kFirstRing), cursor_(feed.cursor()) {
    skip_below(feed_.known.has);
    feed_.seek(cursor_);
}

void Lane::push() {
    if (tail_ - head_ == ring_.size()) {
        std::vector<Slot> larger(ring_.size() * 2);
        for (uint64_t i = head_; i < tail_; i++) larger[i & (larger.size() - 1)] = std::move(at(i));
        ring_ = std::move(larger);
    }
    Slot& slot = at(tail_++);
    slot.seq = item_.seq, slot.n = item_.n;
    slot.state = item_.nothing ? State::delivered : State::waiting;
    slot.last = item_.last || item_.nothing, slot.nothing = item_.nothing, slot.complete = item_.complete;
    slot.sent_before = slot.stamp_refused = false;
    slot.accounts = item_.accounts;
}

const Item* Lane::fetch(int& budget) {
    if (has_item_) return &item_;
    while (budget > 0 && tail_ - head_ < kMostUnsettled) {
        item_.accounts = nullptr;
        item_.nothing = item_.complete = item_.busy = false, item_.last = true;
        item_.value = {};
        item_.keep.reset();
        if (!feed_.next(item_)) return nullptr;
        budget--;
        if (item_.nothing && head_ == tail_) {  // the common case of a log that sends little
            Slot passed;
            passed.seq = item_.seq, passed.nothing = true, passed.complete = item_.complete;
            pass(passed);
            continue;
        }
        if (item_.seq == part_seq_ && item_.n < part_n_) continue;
        // On the way back to where we were: pass what is done. A feed that gives other items than before (a new
        // configuration) is right; what we knew is forgotten.
        if (send_ < tail_ && (at(send_).seq != item_.seq || at(send_).n != item_.n))
            tail_ = send_, singly_until_ = std::min(singly_until_, tail_);
        if (send_ == tail_) push();
        if (item_.seq < skip_below_ && at(send_).state == State::waiting) {
            at(send_).state = State::delivered;
            at(send_).accounts = item_.accounts;
        }
        if (Slot& slot = at(send_); slot.state != State::waiting) {
            send_++;
            continue;
        } else {
            slot.accounts = item_.accounts;
        }
        has_item_ = true;
        return &item_;
    }
    return nullptr;
}

void Lane::sent() {
    Slot& slot = pending();
    slot.state = State::flying;
    slot.sent_before = true;
    slot.keep = std::move(item_.keep);
    flying_++;
    send_++;
    has_item_ = false;
}

void Lane::refuse_pending() {
    pending().state = State::refused;
    send_++;
    has_item_ = false;
}

Lane::Slot& Lane::slot(uint64_t position_low_bits) {
    constexpr uint64_t kMask = (uint64_t{1} << kPositionBits) - 1;
    return at(head_ + ((position_low_bits - head_) & kMask));
}

void Lane::land(Slot& slot, State state) {
    slot.state = state;
    slot.keep.reset();
    flying_--;
}

void Lane::rewind() {
    settle();
    feed_.seek(cursor_);
    send_ = head_;
    has_item_ = false;
    item_.keep.reset();
    rewind_wanted = false;
    keys_.clear();
}

void Lane::abandon() {
    for (uint64_t i = head_; i < tail_; i++)
        if (at(i).state == State::flying)
            land(at(i), State::waiting);
        else if (at(i).state == State::taken)
            at(i).state = State::waiting;
}

uint64_t Lane::cursor_when_committed() const {
    uint64_t cursor = cursor_;
    for (uint64_t i = head_; i < send_ && at(i).state >= State::taken; i++)
        if (at(i).last) cursor = at(i).seq + 1;
    return cursor;
}

size_t Lane::commit() {
    size_t taken = 0;
    for (uint64_t i = head_; i < tail_; i++)
        if (at(i).state == State::taken) at(i).state = State::delivered, taken++;
    return taken;
}

bool Lane::may_send_singly(std::string_view key) {
    if (send_ >= singly_until_) return false;
    if (flying_ == 0) keys_.clear();
    return keys_.emplace(key).second;
}

void Lane::settle() {
    while (head_ < send_ && at(head_).state >= State::delivered) {
        const Slot& slot = at(head_++);
        part_refused_ |= slot.state == State::refused;
        if (slot.last)
            pass(slot);
        else
            part_seq_ = slot.seq, part_n_ = slot.n + 1;
    }
}

void Lane::pass(const Slot& last) {
    count(last);
    part_refused_ = false;
    part_n_ = 0;
    cursor_ = last.seq + 1;
    moved_ = true;
}

// A message that gave several records is `rejected` as soon as one of them was refused: nothing looks better than it
// is.
void Lane::count(const Slot& last) {
    if ((last.nothing && !last.complete) || last.seq < feed_.known.counted) return;
    if (last.accounts != nullptr) {
        Tally& tally = tallies_[last.accounts];
        (part_refused_ ? tally.rejected : tally.forwarded)++;
    }
    if (log() != model::Log::intake) (part_refused_ ? account_.refused : account_.delivered)++;
}

void Lane::report(Progress& progress) {
    settle();
    if (!moved_) return;
    moved_ = false;
    model::Ledger delta;
    for (const auto& [accounts, tally] : tallies_)
        for (const auto& stream : *accounts) {
            if (tally.forwarded > 0) delta.settle(stream, model::Fate::forwarded, tally.forwarded);
            if (tally.rejected > 0) delta.settle(stream, model::Fate::rejected, tally.rejected);
        }
    tallies_.clear();
    if (!account_.empty()) delta.logs[log()] = std::exchange(account_, {});
    progress.advanced(log(), feed_.done(cursor_), std::move(delta));
}

}  // namespace tributary::kafka
