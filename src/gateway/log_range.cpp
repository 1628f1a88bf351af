// SPDX-License-Identifier: Apache-2.0
#include "gateway/log_range.hpp"

#include <algorithm>
#include <charconv>

#include "base/text.hpp"
#include "model/intake.hpp"
#include "model/priority.hpp"

namespace tributary::gateway {
namespace {

// The first record of the block with an arrival at or after `from`, or the last one at or before `to`. Outputs have the
// time of their block.
uint64_t within(store::Reader& reader, model::Log log, const store::BlockFacts& facts, std::optional<int64_t> from_ns,
                std::optional<int64_t> to_ns) {
    uint64_t found = from_ns ? facts.first_seq : facts.end_seq() - 1;
    if (log != model::Log::intake) return found;
    const auto block = reader.block_at(log, facts.first_seq);
    if (!block || !*block || (**block).first_seq != facts.first_seq) return found;
    model::IntakeBlockReader records((**block).body, facts.first_seq);
    for (model::IntakeRecord record; records.next(record);) {
        if (from_ns && record.arrival_ns >= *from_ns) return record.seq;
        if (to_ns && record.arrival_ns <= *to_ns) found = record.seq;
    }
    return found;
}

}  // namespace

std::optional<Border> border(const std::string& text) {
    Border found;
    if (text.empty()) return found;
    uint64_t seq = 0;
    const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), seq);
    if (fault == std::errc() && end == text.data() + text.size())
        found.seq = seq;
    else
        found.time_ns = base::parse_time_ns(text);
    return found.open() ? std::nullopt : std::optional(found);
}

base::Result<LogRange> find_range(store::Reader& reader, model::Log log, const Border& from, const Border& to,
                                  uint64_t end) {
    LogRange range;
    range.log = log;
    std::vector<store::BlockFacts> blocks;
    const auto read = reader.facts(log, false, [&](const store::BlockFacts& block) {
        if (block.first_seq < end) blocks.push_back(block);
        return block.first_seq < end;
    });
    if (!read) return read.error();
    // Times go forward, but for steps of the clock: everything between the first and the last that fit.
    const auto first = std::find_if(blocks.begin(), blocks.end(), [&](const auto& block) {
        return from.time_ns ? block.last_time_ns >= *from.time_ns : block.end_seq() > from.seq.value_or(1);
    });
    const auto last = std::find_if(blocks.rbegin(), blocks.rend(), [&](const auto& block) {
        return to.time_ns ? block.first_time_ns <= *to.time_ns : block.first_seq <= to.seq.value_or(end);
    });
    const uint64_t newest = end - 1;
    range.from = from.seq                ? std::max<uint64_t>(*from.seq, 1)
                 : first == blocks.end() ? end
                 : from.time_ns          ? within(reader, log, *first, from.time_ns, std::nullopt)
                                         : first->first_seq;
    range.to = to.seq                  ? std::min(*to.seq, newest)
               : last == blocks.rend() ? 0
               : to.time_ns            ? std::min(within(reader, log, *last, std::nullopt, to.time_ns), newest)
                                       : newest;
    if (range.empty()) return range;
    if (from.time_ns && first == blocks.begin() && first->first_seq > 1 && first->first_time_ns > *from.time_ns)
        range.kept_from_ns = first->first_time_ns;
    uint64_t expected = range.from;
    for (const auto& block : blocks) {
        if (block.end_seq() <= range.from || block.first_seq > range.to) continue;
        if (block.first_seq > expected) range.missing.push_back({log, expected, block.first_seq - 1});
        expected = std::max(expected, block.end_seq());
        range.thinned |= model::grade_of(block.block_class) > 0 && log == model::Log::intake;
    }
    if (expected <= range.to) range.missing.push_back({log, expected, range.to});
    return range;
}

}  // namespace tributary::gateway
