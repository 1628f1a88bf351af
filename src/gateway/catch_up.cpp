// SPDX-License-Identifier: Apache-2.0
#include "gateway/catch_up.hpp"

#include <algorithm>
#include <charconv>

namespace tributary::gateway {
namespace {

// The next number of the text, behind any one separator.
bool take(std::string_view& text, uint64_t& number) {
    if (!text.empty() && (text.front() == ' ' || text.front() == '-')) text.remove_prefix(1);
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc()) return false;
    text.remove_prefix(static_cast<size_t>(end - text.data()));
    return true;
}

}  // namespace

CatchUp::CatchUp(uint64_t cursor, std::string_view text) : live_(cursor), backfill_(cursor) {
    if (text.empty()) return;
    bool sound = take(text, live_) && take(text, backfill_);
    for (uint64_t behind = 0; sound && !text.empty();) {
        Stretch stretch;
        sound =
            take(text, stretch.from) && take(text, stretch.to) && behind <= stretch.from && stretch.from < stretch.to;
        behind = stretch.to;
        left_.push_back(stretch);
    }
    if (sound && this->cursor() == cursor) return;
    live_ = backfill_ = cursor;
    left_.clear();
}

bool CatchUp::leave(uint64_t from, uint64_t to) {
    if (from >= to || (!left_.empty() && from < left_.back().to)) return false;
    if (!left_.empty() && left_.back().to == from) return left_.back().to = to, true;
    if (left_.size() >= kMostLeft) return false;
    left_.push_back({from, to});
    return true;
}

uint64_t CatchUp::owed() const {
    uint64_t sum = 0;
    for (const auto& stretch : left_)
        if (stretch.to > backfill_) sum += stretch.to - std::max(stretch.from, backfill_);
    return sum;
}

Stretch CatchUp::live(uint64_t seq) const {
    for (const auto& stretch : left_) {
        if (seq < stretch.from) return {seq, stretch.from};
        seq = std::max(seq, stretch.to);
    }
    return {seq, kLogEnd};
}

Stretch CatchUp::backfill(uint64_t seq) const {
    for (const auto& stretch : left_)
        if (seq < stretch.to) return {std::max(seq, stretch.from), stretch.to};
    return {kLogEnd, kLogEnd};
}

void CatchUp::live_done(uint64_t cursor) {
    live_ = std::max(live_, cursor);
    forget_done();
}

void CatchUp::backfill_done(uint64_t cursor) {
    backfill_ = std::max(backfill_, cursor);
    forget_done();
}

// Not before the live lane is past it: going back after trouble, it would send it again.
void CatchUp::forget_done() {
    while (!left_.empty() && left_.front().to <= std::min(live_, backfill_)) left_.erase(left_.begin());
}

uint64_t CatchUp::cursor() const { return std::min(live_, backfill(backfill_).from); }

std::vector<Stretch> CatchUp::ahead() const {
    std::vector<Stretch> out;
    uint64_t from = cursor();
    for (const auto& stretch : left_) {
        if (stretch.to <= backfill_) continue;  // done: part of what is around it
        const uint64_t to = std::min(stretch.from, live_);
        if (from < to && !out.empty() && out.back().to == from)
            out.back().to = to;
        else if (from < to)
            out.push_back({from, to});
        from = stretch.to;
    }
    if (from < live_) out.push_back({from, live_});
    return out;
}

std::string CatchUp::text() const {
    if (left_.empty()) return "";
    std::string out = std::to_string(live_) + " " + std::to_string(backfill_);
    for (const auto& stretch : left_) out += " " + std::to_string(stretch.from) + "-" + std::to_string(stretch.to);
    return out;
}

}  // namespace tributary::gateway
