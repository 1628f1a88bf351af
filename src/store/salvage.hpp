// SPDX-License-Identifier: Apache-2.0
// Takes out of a file that SQLite cannot use what is sound, page by page, into a fresh file: blocks, configurations and
// checkpoints whose own CRC fits, and the rows of `state` and `meta` as they stand, with their check (state.hpp), which
// whoever opens the fresh file looks at. Reads the damaged file and its WAL, changes neither. Memory does not grow with
// the file. What it does not do: rename anything, decide about cursors.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "model/log.hpp"

namespace tributary::store {

struct LostRange {
    model::Log log = model::Log::intake;
    uint64_t from = 0, to = 0;  // inclusive
    bool operator==(const LostRange&) const = default;
};
std::string text_of(const std::vector<LostRange>& ranges);  // "intake 101..110, windows 5..6"; "nothing"

struct Salvaged {
    uint64_t pages = 0, unreadable_pages = 0, blocks = 0, records = 0;
    bool with_blocks = true;
    // The list of free pages was damaged too: blocks that had been trimmed may be there again.
    bool free_list_known = true;
    std::vector<LostRange> lost;  // of each log, from its oldest cursor on
    std::string text() const;
};

enum class Take { everything, all_but_blocks };  // the latter needs hardly any room
// working: called every few MB, from this thread. `to` is replaced, and is on stable storage at the end.
base::Result<Salvaged> salvage(const std::string& from, const std::string& to, Take take,
                               const std::function<void()>& working);

}  // namespace tributary::store
