// SPDX-License-Identifier: Apache-2.0
// "From X to Y" of a log, as people write it: numbers of records or times. Which records of the store that is, and
// which of them are not there any more. The caller's thread; reads only. What it does not do: look into records that
// are neither first nor last.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "store/salvage.hpp"
#include "store/store.hpp"

namespace tributary::gateway {

// One end of a range: a sequence number, or a time of arrival (intake) or of writing (the other logs); neither: open.
struct Border {
    std::optional<uint64_t> seq;
    std::optional<int64_t> time_ns;
    bool open() const { return !seq && !time_ns; }
};
std::optional<Border> border(const std::string& text);  // nothing: the text is neither

struct LogRange {
    model::Log log = model::Log::intake;
    uint64_t from = 1, to = 0;  // both included; to < from: nothing
    // Gone, though asked for: holes, and what a numbered range names that is older than all there is.
    std::vector<store::LostRange> missing;
    // The range begins at a time that is older than all there is, and that is not the beginning of the log: the time at
    // which what is kept begins.
    std::optional<int64_t> kept_from_ns;
    bool thinned = false;  // some of it made room: summaries stand for it, or nothing
    bool empty() const { return to < from; }
};
// end: the log's records below it count.
base::Result<LogRange> find_range(store::Reader& reader, model::Log log, const Border& from, const Border& to,
                                  uint64_t end);

}  // namespace tributary::gateway
