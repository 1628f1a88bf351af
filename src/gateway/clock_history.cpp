// SPDX-License-Identifier: Apache-2.0
#include "gateway/clock_history.hpp"

#include <charconv>

#include "base/log.hpp"

namespace tributary::gateway {

ClockHistory::ClockHistory(const std::string& text) {
    const char* at = text.data();
    const char* const end = at + text.size();
    while (at < end) {
        uint64_t seq = 0;
        unsigned state = 0;
        const auto number = std::from_chars(at, end, seq);
        if (number.ec != std::errc{} || number.ptr == end || *number.ptr != ':') return;
        const auto digit = std::from_chars(number.ptr + 1, end, state);
        if (digit.ec != std::errc{} || state > static_cast<unsigned>(model::ClockState::unsynced)) return;
        if (digit.ptr != end && *digit.ptr != ',') return;
        changes_.emplace_back(seq, static_cast<model::ClockState>(state));
        at = digit.ptr == end ? end : digit.ptr + 1;
    }
}

bool ClockHistory::add(uint64_t seq, model::ClockState state) {
    constexpr size_t kMost = 64;
    if (!changes_.empty() && changes_.back().second == state) return false;
    changes_.emplace_back(seq, state);
    if (changes_.size() > kMost) changes_.erase(changes_.begin());
    return true;
}

model::ClockState ClockHistory::at(uint64_t seq) const {
    auto state = model::ClockState::synced;  // as the engine assumes before the first record
    for (const auto& [from, there] : changes_)
        if (from <= seq) state = there;
    return state;
}

std::string ClockHistory::text() const {
    std::string out;
    for (const auto& [seq, state] : changes_)
        out += base::format("{}{}:{}", out.empty() ? "" : ",", seq, static_cast<unsigned>(state));
    return out;
}

}  // namespace tributary::gateway
