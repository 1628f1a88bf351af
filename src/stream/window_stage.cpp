// SPDX-License-Identifier: Apache-2.0
#include "stream/window_stage.hpp"

#include <algorithm>

namespace tributary::stream {
namespace {

// Later than any event time the codec lets through plus any size or lateness that `check` lets through.
constexpr int64_t kMostSettingNs = INT64_MAX / 8;

int64_t floor_to(int64_t time_ns, int64_t size_ns) {
    const int64_t rest = time_ns % size_ns;
    return time_ns - (rest < 0 ? rest + size_ns : rest);
}

// Sums with a setting stay in range.
bool sane(int64_t time_ns) { return time_ns >= INT64_MIN / 4 * 3 && time_ns <= INT64_MAX / 4 * 3; }

// For std::*_heap, which keep the greatest on top: the earliest deadline, then the smallest slot.
constexpr auto kLater = [](const auto& a, const auto& b) {
    return a.deadline_ns != b.deadline_ns ? a.deadline_ns > b.deadline_ns : a.slot > b.slot;
};

}  // namespace

WindowStage::WindowStage(const std::vector<config::WindowSettings>& settings) {
    for (const auto& window : settings)
        rules_.push_back({std::clamp<int64_t>(window.size_ns, 1, kMostSettingNs),
                          std::clamp<int64_t>(window.lateness_ns, 0, kMostSettingNs),
                          std::clamp<int64_t>(window.idle_ns, 1, kMostSettingNs)});
}

uint32_t WindowStage::add(model::SeriesId series, int64_t event_ns, double value, model::TimeMark mark, int64_t now_ns,
                          std::vector<Closed>& closed, std::vector<Late>& late) {
    const size_t first = size_t{series} * rules_.size();
    if (slots_.size() < first + rules_.size()) slots_.resize(first + rules_.size());
    uint32_t taken = 0;
    for (uint32_t w = 0; w < rules_.size(); w++) {
        const Rule& rule = rules_[w];
        Slot& slot = slots_[first + w];
        const int64_t start = floor_to(event_ns, rule.size_ns);
        slot.last_arrival_ns = now_ns;
        if (start + rule.size_ns <= slot.closed_until_ns) {
            late.push_back({w, start + rule.size_ns});
            continue;
        }
        slot.closed_until_ns = std::max(slot.closed_until_ns, event_ns - rule.lateness_ns);
        while (slot.head != kNil && nodes_[slot.head].aggregate.start_ns + rule.size_ns <= slot.closed_until_ns)
            close_first(first + w, closed);
        window_at(slot, start).add(event_ns, value, mark);
        if (!slot.queued) queue(first + w);
        taken++;
    }
    return taken;
}

Aggregate& WindowStage::window_at(Slot& slot, int64_t start_ns) {
    if (slot.head == kNil) {
        slot.head = slot.tail = allocate(start_ns, kNil);
    } else if (nodes_[slot.tail].aggregate.start_ns < start_ns) {
        const uint32_t fresh = allocate(start_ns, kNil);
        nodes_[slot.tail].next = fresh;
        slot.tail = fresh;
    } else if (nodes_[slot.head].aggregate.start_ns > start_ns) {
        slot.head = allocate(start_ns, slot.head);
        return nodes_[slot.head].aggregate;
    } else if (nodes_[slot.tail].aggregate.start_ns != start_ns) {
        uint32_t at = slot.head;
        while (nodes_[nodes_[at].next].aggregate.start_ns <= start_ns) at = nodes_[at].next;
        if (nodes_[at].aggregate.start_ns == start_ns) return nodes_[at].aggregate;
        const uint32_t fresh = allocate(start_ns, nodes_[at].next);
        nodes_[at].next = fresh;
        return nodes_[fresh].aggregate;
    }
    return nodes_[slot.tail].aggregate;
}

uint32_t WindowStage::allocate(int64_t start_ns, uint32_t next) {
    uint32_t index = free_;
    if (index != kNil) {
        free_ = nodes_[index].next;
        free_count_--;
    } else {
        index = static_cast<uint32_t>(nodes_.size());
        nodes_.emplace_back();
    }
    nodes_[index] = {};
    nodes_[index].aggregate.start_ns = start_ns;
    nodes_[index].next = next;
    return index;
}

void WindowStage::close_first(size_t slot, std::vector<Closed>& closed) {
    Slot& s = slots_[slot];
    const uint32_t index = s.head;
    Node& node = nodes_[index];
    closed.push_back({static_cast<model::SeriesId>(slot / rules_.size()), static_cast<uint32_t>(slot % rules_.size()),
                      node.aggregate});
    s.closed_until_ns = std::max(s.closed_until_ns, node.aggregate.start_ns + rule_of(slot).size_ns);
    s.head = node.next;
    if (s.head == kNil) s.tail = kNil;
    node.next = free_;
    free_ = index;
    free_count_++;
}

void WindowStage::queue(size_t slot) const {
    slots_[slot].queued = true;
    heap_.push_back({deadline_of(slot), static_cast<uint32_t>(slot)});
    std::push_heap(heap_.begin(), heap_.end(), kLater);
}

WindowStage::Deadline WindowStage::unqueue() const {
    std::pop_heap(heap_.begin(), heap_.end(), kLater);
    const Deadline top = heap_.back();
    heap_.pop_back();
    slots_[top.slot].queued = false;
    return top;
}

int64_t WindowStage::next_deadline_ns() const {
    while (!heap_.empty()) {
        const Deadline top = heap_.front();
        if (slots_[top.slot].head != kNil && deadline_of(top.slot) == top.deadline_ns) return top.deadline_ns;
        unqueue();
        if (slots_[top.slot].head != kNil) queue(top.slot);
    }
    return base::kNever;
}

void WindowStage::close_idle(int64_t now_ns, std::vector<Closed>& closed) {
    while (bound_ns() <= now_ns && next_deadline_ns() <= now_ns) {
        const uint32_t slot = unqueue().slot;
        while (slots_[slot].head != kNil) close_first(slot, closed);
    }
}

int64_t WindowStage::complete_until_ns() const {
    int64_t earliest = base::kNever;
    for (const auto& slot : slots_)
        if (slot.head != kNil) earliest = std::min(earliest, nodes_[slot.head].aggregate.start_ns);
    return earliest;
}

void WindowStage::flush(std::vector<Closed>& closed) {
    for (size_t slot = 0; slot < slots_.size(); slot++)
        while (slots_[slot].head != kNil) close_first(slot, closed);
}

void WindowStage::restart() {
    slots_.clear();
    heap_.clear();
    nodes_.clear();
    free_ = kNil;
    free_count_ = 0;
}

void WindowStage::save(std::string& out) const {
    base::put_varint(out, slots_.size());
    for (const Slot& slot : slots_) {
        base::put_signed(out, slot.closed_until_ns);
        base::put_signed(out, slot.last_arrival_ns);
        for (uint32_t at = slot.head; at != kNil; at = nodes_[at].next) {
            out.push_back(1);
            nodes_[at].aggregate.save(out);
        }
        out.push_back(0);
    }
}

bool WindowStage::load(base::ByteReader& in) {
    restart();
    const uint64_t count = in.varint();
    if (count > in.left() || (rules_.empty() ? count != 0 : count % rules_.size() != 0)) return false;
    slots_.resize(count);
    for (size_t i = 0; i < slots_.size(); i++) {
        Slot& slot = slots_[i];
        slot.closed_until_ns = in.signed_varint();
        slot.last_arrival_ns = in.signed_varint();
        while (in.byte() == 1) {
            Aggregate aggregate;
            if (!aggregate.load(in) || !sane(aggregate.start_ns) ||
                aggregate.start_ns != floor_to(aggregate.start_ns, rule_of(i).size_ns) ||
                (slot.tail != kNil && nodes_[slot.tail].aggregate.start_ns >= aggregate.start_ns))
                return false;
            window_at(slot, aggregate.start_ns) = aggregate;
        }
        if (!in.ok() || !sane(slot.last_arrival_ns)) return false;
        if (slot.head != kNil) queue(i);
    }
    return in.ok();
}

}  // namespace tributary::stream
