// SPDX-License-Identifier: Apache-2.0
// The window stage's lists of windows, its heap of deadlines and its saved form.
#include <algorithm>

#include "stream/window_stage.hpp"

namespace tributary::stream {
namespace {

// Sums with a setting stay in range.
bool sane(int64_t time_ns) { return time_ns >= INT64_MIN / 4 * 3 && time_ns <= INT64_MAX / 4 * 3; }

}  // namespace

// The window of the list, made when it is not there. What is out and what is not is divided by closed_until_ns.
uint32_t WindowStage::window_at(size_t slot, int64_t start_ns, int64_t end_ns) {
    Slot& s = slots_[slot];
    uint32_t before = kNil, at = s.head;
    if (s.tail != kNil && nodes_[s.tail].start_ns <= start_ns) before = s.tail, at = kNil;
    if (before != kNil && nodes_[before].start_ns == start_ns) return before;
    while (at != kNil && nodes_[at].start_ns < start_ns) before = at, at = nodes_[at].next;
    if (at != kNil && nodes_[at].start_ns == start_ns) return at;
    const uint32_t fresh = allocate(slot, start_ns, end_ns, at);
    (before == kNil ? s.head : nodes_[before].next) = fresh;
    if (at == kNil) s.tail = fresh;
    if (is_out(s, nodes_[fresh])) return fresh;
    open_++;
    if (at == s.open) s.open = fresh;
    return fresh;
}

uint32_t WindowStage::allocate(size_t slot, int64_t start_ns, int64_t end_ns, uint32_t next) {
    uint32_t index = free_;
    if (index != kNil) {
        free_ = nodes_[index].next;
    } else {
        index = static_cast<uint32_t>(nodes_.size());
        nodes_.emplace_back();
    }
    used_++;
    Node& node = nodes_[index];
    node = {};
    node.start_ns = start_ns, node.end_ns = end_ns;
    node.next = next;
    Rule& rule = rule_of(slot);
    const size_t bytes = rule.figures.bytes();
    if (bytes == 0) return index;
    // Free places of the figures' bytes form a list in their first four bytes.
    if (rule.free == kNil) {
        node.figures = static_cast<uint32_t>(rule.bytes.size() / bytes);
        rule.bytes.resize(rule.bytes.size() + bytes);
    } else {
        node.figures = rule.free;
        std::byte* const place = rule.bytes.data() + node.figures * bytes;
        std::copy_n(place, sizeof rule.free, reinterpret_cast<std::byte*>(&rule.free));
        std::fill_n(place, bytes, std::byte{});
    }
    return index;
}

// A node that stands in no list any more.
void WindowStage::release(size_t slot, uint32_t index) {
    Node& node = nodes_[index];
    Rule& rule = rule_of(slot);
    if (node.figures != kNil) {
        std::byte* const place = rule.bytes.data() + node.figures * rule.figures.bytes();
        std::copy_n(reinterpret_cast<const std::byte*>(&rule.free), sizeof rule.free, place);
        rule.free = node.figures;
    }
    node.next = free_;
    free_ = index;
    used_--;
}

void WindowStage::drop_first(size_t slot) {
    Slot& s = slots_[slot];
    const uint32_t index = s.head;
    s.head = nodes_[index].next;
    if (s.open == index) s.open = s.head;
    if (s.head == kNil) s.tail = kNil;
    release(slot, index);
}

int64_t WindowStage::next_deadline_ns() const {
    return heap_.next_ns([this](size_t slot) { return deadline_of(slot); },
                         [this](size_t slot) -> int64_t& { return queued_of(slot); });
}

void WindowStage::restart() {
    slots_.clear();
    heap_.clear();
    nodes_.clear();
    free_ = kNil;
    used_ = open_ = 0;
    for (Rule& rule : rules_) {
        rule.reorder.restart();
        rule.before.clear();
        rule.bytes.clear();
        rule.free = kNil;
    }
}

void WindowStage::arrival_back(int64_t by_ns) {
    for (Slot& slot : slots_)
        for (int64_t* ns : {&slot.last_arrival_ns, &slot.dirty_since_ns, &slot.queued_ns})
            *ns = base::DeadlineHeap::moved_back(*ns, by_ns);
    heap_.move_back(by_ns);
}

WindowStats WindowStage::stats() const {
    WindowStats stats = counts_;
    stats.kept = used_;
    stats.open = open_;
    for (const Rule& rule : rules_) {
        stats.reordering += rule.reorder.held();
        stats.hurried += rule.reorder.forced();
    }
    return stats;
}

void WindowStage::save(std::string& out) const {
    texts_.save(out);
    for (const Rule& rule : rules_) {
        if (!rule.figures.ordered()) continue;
        rule.reorder.save(out);
        base::put_varint(out, rule.before.size());
        for (const Before& before : rule.before) {
            base::put_signed(out, before.event_ns);
            base::put_double(out, before.value);
            out.push_back(static_cast<char>(before.kind));
            out.push_back(before.known ? 1 : 0);
        }
    }
    base::put_varint(out, slots_.size());
    for (size_t slot = 0; slot < slots_.size(); slot++) {
        const Slot& s = slots_[slot];
        const Rule& rule = rule_of(slot);
        base::put_signed(out, s.closed_until_ns);
        base::put_signed(out, s.last_arrival_ns);
        base::put_signed(out, s.dirty_since_ns);
        for (uint32_t at = s.head; at != kNil; at = nodes_[at].next) {
            const Node& node = nodes_[at];
            out.push_back(node.dirty ? 2 : 1);
            base::put_signed(out, node.start_ns);
            base::put_signed(out, node.end_ns);
            base::put_varint(out, node.revision);
            node.aggregate.save(out);
            if (node.figures != kNil) rule.figures.save(rule.bytes.data() + node.figures * rule.figures.bytes(), out);
        }
        out.push_back(0);
    }
}

bool WindowStage::load(base::ByteReader& in) {
    restart();
    if (!texts_.load(in)) return false;
    for (Rule& rule : rules_) {
        if (!rule.figures.ordered()) continue;
        if (!rule.reorder.load(in)) return false;
        const uint64_t known = in.varint();
        if (known > in.left()) return false;
        rule.before.resize(known);
        for (Before& before : rule.before) {
            before.event_ns = in.signed_varint();
            before.value = in.number();
            before.kind = static_cast<model::ValueKind>(std::min<uint8_t>(in.byte(), 2));
            before.known = in.byte() != 0;
        }
    }
    const uint64_t count = in.varint();
    if (count > in.left() || (rules_.empty() ? count != 0 : count % rules_.size() != 0)) return false;
    slots_.resize(count);
    for (size_t slot = 0; slot < slots_.size(); slot++)
        if (!load_slot(slot, in)) return false;
    return in.ok();
}

bool WindowStage::load_slot(size_t slot, base::ByteReader& in) {
    Slot& s = slots_[slot];
    const Rule& rule = rule_of(slot);
    s.closed_until_ns = in.signed_varint();
    s.last_arrival_ns = in.signed_varint();
    s.dirty_since_ns = in.signed_varint();
    if (!in.ok() || !sane(s.last_arrival_ns) || (s.dirty_since_ns != base::kNever && !sane(s.dirty_since_ns)))
        return false;
    int64_t previous_start_ns = INT64_MIN, previous_end_ns = INT64_MIN;
    for (uint8_t mark = in.byte(); mark != 0; mark = in.byte()) {
        const int64_t start = in.signed_varint(), end = in.signed_varint();
        const uint64_t revision = in.varint();
        Aggregate aggregate;
        if (mark > 2 || !aggregate.load(in) || !sane(start) || !sane(end) || start >= end ||
            start <= previous_start_ns || end <= previous_end_ns || revision > UINT32_MAX)
            return false;
        previous_start_ns = start, previous_end_ns = end;
        const uint32_t node = window_at(slot, start, end);
        nodes_[node].aggregate = aggregate;
        nodes_[node].revision = static_cast<uint32_t>(revision);
        nodes_[node].dirty = mark == 2;
        if (nodes_[node].figures != kNil &&
            !rule.figures.load(rule_of(slot).bytes.data() + nodes_[node].figures * rule.figures.bytes(), in))
            return false;
    }
    if (!in.ok()) return false;
    heap_.queue(slot, deadline_of(slot), s.queued_ns);
    return true;
}

}  // namespace tributary::stream
