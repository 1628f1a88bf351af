// SPDX-License-Identifier: Apache-2.0
// What to do as the store fills up: a pure function of how full it is and of which priorities there are. The steps are
// tried in order; the first that finds something is done (thinner, writer). Docs: docs/outages.md. What it does not do:
// look into the store. Any thread.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "model/priority.hpp"

namespace tributary::gateway {

enum class WhenFull : uint8_t { thin, drop_oldest, block };
WhenFull when_full_by_name(std::string_view name);  // "thin" | "drop-oldest" | "block"; anything else: block

enum class Level : uint8_t { roomy, filling, tight, full };
constexpr int kFillingPercent = 70, kTightPercent = 85, kFullPercent = 95;
constexpr int kCalmPercent = 60;  // the state of health ends here

// What a step of the ladder takes away, oldest first.
enum class Step : uint8_t {
    compact,        // delivered messages that only wait for raw context: all but those it needs
    thin_raw,       // unsent messages into summaries, a good part at once
    thin_raw_now,   // however few, and also what context of later events may ask for
    thin_1s,        // summaries of 1 s into those of 1 min
    thin_1min_old,  // summaries of 1 min, older than a day, into those of 15 min
    thin_1min,      // of any age
    drop_15min,     // summaries
    drop_1min,
    drop_1s,
    drop_raw,   // unsent messages without a summary
    drop_kept,  // what was kept for raw context
};
constexpr size_t kSteps = 11;
std::string_view step_name(Step step);

// One try: a step, for the blocks of one priority.
struct Try {
    Step step = Step::compact;
    model::Priority priority = model::Priority::normal;
    bool good_part_only = false;  // as long as there is a good part of it; a step that drops does not ask otherwise
};

// What was done since the start; for status and metrics.
struct LadderStats {
    Level level = Level::roomy;
    std::array<uint64_t, kSteps> steps{};  // done, by Step
    uint64_t thinned = 0, evicted = 0;     // messages
    uint64_t summaries_thinned = 0, summaries_dropped = 0;
};
std::string_view level_name(Level level);

Level level_of(int64_t used_bytes, int64_t cap_bytes);
std::span<const Step> steps_at(WhenFull when_full, Level level);
// used: by rank, the priorities of which there are blocks.
using PrioritiesUsed = std::array<bool, model::kPriorities>;
std::vector<Try> tries_at(WhenFull when_full, Level level, const PrioritiesUsed& used);

// Grades of blocks in the intake log that have been thinned: with what was kept, and with nothing for raw context.
constexpr uint8_t kKept = 1, kGone = 2;
// Lengths of the summaries' windows by the grade of their block (docs/formats/store.md), from 1.
constexpr uint8_t kSeconds = 1, kMinutes = 2, kQuarters = 3;
int64_t bucket_ns(uint8_t grade);
std::string_view bucket_name(uint8_t grade);  // "thinned-1s", ...

}  // namespace tributary::gateway
