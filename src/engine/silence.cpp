// SPDX-License-Identifier: Apache-2.0
#include "engine/silence.hpp"

#include <algorithm>

namespace tributary::engine {

int64_t Silence::deadline_of(const Slot& slot) const {
    if (!connected_ || slot.after_ns == base::kNever) return base::kNever;
    const int64_t from_ns = std::max(slot.arrival_ns, heard_since_ns_);
    return from_ns > base::kNever - slot.after_ns ? base::kNever : from_ns + slot.after_ns;
}

void Silence::queue_all() {
    heap_.clear();
    for (size_t slot = 0; slot < slots_.size(); slot++) {
        slots_[slot].queued_ns = base::kNever;
        heap_.queue(slot, deadline_of(slots_[slot]), slots_[slot].queued_ns);
    }
}

void Silence::arrived(size_t slot, int64_t now_ns, int64_t after_ns, model::TimeMark mark) {
    if (slots_.size() <= slot) slots_.resize(slot + 1);
    Slot& s = slots_[slot];
    s.arrival_ns = now_ns;
    s.after_ns = after_ns;
    s.mark = mark;
    s.known = true;
    heap_.queue(slot, deadline_of(s), s.queued_ns);
}

void Silence::forget(size_t slot) {
    if (slot >= slots_.size()) return;
    const int64_t queued_ns = slots_[slot].queued_ns;
    slots_[slot] = {};
    slots_[slot].queued_ns = queued_ns;
}

bool Silence::was_away(size_t slot) const {
    return slot < slots_.size() && slots_[slot].known && slots_[slot].arrival_ns < heard_since_ns_;
}

void Silence::listen(bool connected, int64_t now_ns) {
    connected_ = connected;
    heard_since_ns_ = now_ns;
    queue_all();
}

void Silence::arrival_back(int64_t back_ns) {
    for (Slot& slot : slots_) slot.arrival_ns -= back_ns;
    if (heard_since_ns_ != INT64_MIN) heard_since_ns_ -= back_ns;
    queue_all();
}

int64_t Silence::next_deadline_ns() const {
    return heap_.next_ns([this](size_t slot) { return deadline_of(slots_[slot]); },
                         [this](size_t slot) -> int64_t& { return queued_of(slot); });
}

std::optional<size_t> Silence::next_due(int64_t now_ns) {
    const int64_t deadline_ns = bound_ns() <= now_ns ? next_deadline_ns() : base::kNever;
    if (deadline_ns > now_ns) return std::nullopt;
    const size_t slot = heap_.take([this](size_t one) -> int64_t& { return queued_of(one); });
    slots_[slot].after_ns = base::kNever;
    return slot;
}

void Silence::save(std::string& out) const {
    out.push_back(connected_ ? 1 : 0);
    base::put_signed(out, heard_since_ns_);
    base::put_varint(out, slots_.size());
    for (const Slot& slot : slots_) {
        base::put_signed(out, slot.arrival_ns);
        base::put_signed(out, slot.after_ns);
        out.push_back(static_cast<char>(slot.mark));
        out.push_back(slot.known ? 1 : 0);
    }
}

bool Silence::load(base::ByteReader& in) {
    connected_ = in.byte() != 0;
    heard_since_ns_ = in.signed_varint();
    const uint64_t count = in.varint();
    if (!in.ok() || count > in.left()) return false;
    slots_.resize(count);
    for (Slot& slot : slots_) {
        slot.arrival_ns = in.signed_varint();
        slot.after_ns = std::max<int64_t>(in.signed_varint(), 0);
        slot.mark = static_cast<model::TimeMark>(std::min<uint8_t>(in.byte(), 3));
        slot.known = in.byte() != 0;
    }
    queue_all();
    return in.ok();
}

}  // namespace tributary::engine
