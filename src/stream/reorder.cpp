// SPDX-License-Identifier: Apache-2.0
#include "stream/reorder.hpp"

#include <algorithm>

namespace tributary::stream {

bool ReorderBuffer::add(model::SeriesId series, const Held& reading, std::vector<Held>& out) {
    if (slots_.size() <= series) slots_.resize(series + 1);
    Slot& slot = slots_[series];
    if (reading.event_ns < slot.released_ns) return false;
    slot.newest_ns = std::max(slot.newest_ns, reading.event_ns);
    const int64_t watermark_ns = slot.newest_ns - lateness_ns_;
    while (slot.head != kNil && nodes_[slot.head].reading.event_ns <= std::min(watermark_ns, reading.event_ns))
        pass_on(slot, out);
    if (reading.event_ns <= watermark_ns) {
        slot.released_ns = reading.event_ns;
        out.push_back(reading);
        while (slot.head != kNil && nodes_[slot.head].reading.event_ns <= watermark_ns) pass_on(slot, out);
        return true;
    }
    hold(slot, reading);
    if (held_ > most_) {
        forced_++;
        pass_on(slot, out);
    }
    return true;
}

// In order of (event time, arrival): the newest mostly goes to the end.
void ReorderBuffer::hold(Slot& slot, const Held& reading) {
    uint32_t index = free_;
    if (index != kNil) {
        free_ = nodes_[index].next;
    } else {
        index = static_cast<uint32_t>(nodes_.size());
        nodes_.emplace_back();
    }
    uint32_t before = slot.tail;
    while (before != kNil && nodes_[before].reading.event_ns > reading.event_ns) before = nodes_[before].previous;
    const uint32_t after = before == kNil ? slot.head : nodes_[before].next;
    nodes_[index] = {reading, before, after};
    (before == kNil ? slot.head : nodes_[before].next) = index;
    (after == kNil ? slot.tail : nodes_[after].previous) = index;
    held_++;
}

void ReorderBuffer::pass_on(Slot& slot, std::vector<Held>& out) {
    const uint32_t index = slot.head;
    Node& node = nodes_[index];
    out.push_back(node.reading);
    slot.released_ns = node.reading.event_ns;
    slot.head = node.next;
    (slot.head == kNil ? slot.tail : nodes_[slot.head].previous) = kNil;
    node.next = free_;
    free_ = index;
    held_--;
}

void ReorderBuffer::release(model::SeriesId series, std::vector<Held>& out, int64_t until_ns) {
    if (series >= slots_.size()) return;
    Slot& slot = slots_[series];
    while (slot.head != kNil && nodes_[slot.head].reading.event_ns <= until_ns) pass_on(slot, out);
}

void ReorderBuffer::forget(model::SeriesId series) {
    if (series < slots_.size()) slots_[series] = {};
}

void ReorderBuffer::restart() {
    slots_.clear();
    nodes_.clear();
    free_ = kNil;
    held_ = 0;
}

void ReorderBuffer::save(std::string& out) const {
    base::put_varint(out, slots_.size());
    for (const Slot& slot : slots_) {
        base::put_signed(out, slot.newest_ns);
        base::put_signed(out, slot.released_ns);
        for (uint32_t at = slot.head; at != kNil; at = nodes_[at].next) {
            const Held& reading = nodes_[at].reading;
            out.push_back(1);
            base::put_signed(out, reading.event_ns);
            base::put_double(out, reading.value);
            out.push_back(static_cast<char>(reading.kind));
            out.push_back(static_cast<char>(reading.quality));
            out.push_back(static_cast<char>(reading.mark));
        }
        out.push_back(0);
    }
}

bool ReorderBuffer::load(base::ByteReader& in) {
    restart();
    const uint64_t count = in.varint();
    if (count > in.left()) return false;
    slots_.resize(count);
    for (Slot& slot : slots_) {
        slot.newest_ns = in.signed_varint();
        slot.released_ns = in.signed_varint();
        while (in.byte() == 1) {
            Held reading;
            reading.event_ns = in.signed_varint();
            reading.value = in.number();
            const uint8_t kind = in.byte(), quality = in.byte(), mark = in.byte();
            if (!in.ok() || kind > 2 || quality > 2 || mark > 3 || reading.event_ns < slot.released_ns) return false;
            reading.kind = static_cast<model::ValueKind>(kind);
            reading.quality = static_cast<model::Quality>(quality);
            reading.mark = static_cast<model::TimeMark>(mark);
            hold(slot, reading);
        }
    }
    return in.ok();
}

}  // namespace tributary::stream
