// SPDX-License-Identifier: Apache-2.0
// Which messages give way first when room is short: the priority of a stream, and below all of them what a stream sends
// beyond its quota. Together with the grade, how far a block has been thinned, it is the class of a block in the store
// (docs/formats/store.md). Pure functions. What it does not do: say which message has which (gateway/classes).
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace tributary::model {

// The numbers stand on disk.
enum class Priority : uint8_t { normal = 0, low = 1, high = 2, over_quota = 3 };

constexpr size_t kPriorities = 4;
// In the order in which they give way.
constexpr std::array<Priority, kPriorities> kPrioritiesByRank{Priority::over_quota, Priority::low, Priority::normal,
                                                              Priority::high};
constexpr uint8_t rank(Priority priority) {
    constexpr std::array<uint8_t, kPriorities> kRanks{2, 1, 3, 0};
    return kRanks[static_cast<size_t>(priority)];
}
constexpr Priority higher(Priority a, Priority b) { return rank(a) < rank(b) ? b : a; }

constexpr std::string_view priority_name(Priority priority) {
    constexpr std::array<std::string_view, kPriorities> kNames{"normal", "low", "high", "over-quota"};
    return kNames[static_cast<size_t>(priority)];
}

// grade: 0 = as it came; what the others mean depends on the log.
constexpr uint8_t block_class(Priority priority, uint8_t grade) {
    return static_cast<uint8_t>(static_cast<unsigned>(priority) << 4 | grade);
}
constexpr Priority priority_of(uint8_t block_class) { return static_cast<Priority>(block_class >> 4 & 3); }
constexpr uint8_t grade_of(uint8_t block_class) { return block_class & 15; }
constexpr size_t kBlockClasses = kPriorities << 4;

}  // namespace tributary::model
