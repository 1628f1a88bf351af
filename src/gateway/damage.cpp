// SPDX-License-Identifier: Apache-2.0
#include "gateway/damage.hpp"

#include <algorithm>

#include "gateway/writer.hpp"

namespace tributary::gateway {

std::set<model::Log> damaged_logs(std::string_view text) {
    std::set<model::Log> logs;
    for (const auto log : model::kLogs)
        for (size_t at = 0; at < text.size();) {
            const size_t end = std::min(text.find(' ', at), text.size());
            if (text.substr(at, end - at) == model::log_name(log)) logs.insert(log);
            at = end + 1;
        }
    return logs;
}

std::string text_of(const std::set<model::Log>& logs) {
    std::string text;
    for (const auto log : logs) text += (text.empty() ? "" : " ") + std::string(model::log_name(log));
    return text;
}

// Whose ids they were and of what time, the neighbours tell.
model::Gap damaged_gap(BlockSource& source, model::Log log, uint64_t from, uint64_t to, const store::Block* behind) {
    model::Gap gap;
    gap.log = log;
    gap.from_seq = from, gap.to_seq = to - 1, gap.count = to - from;
    gap.reason = model::GapReason::damaged;
    if (behind != nullptr) gap.start_ns = gap.end_ns = behind->first_time_ns;
    const auto found = source.reader().block_at(log, from - 1);
    if (!found || !*found || (**found).end_seq() != from) return gap;
    const auto& before = **found;
    gap.start_ns = before.last_time_ns;
    gap.end_ns = behind == nullptr ? gap.start_ns : std::max(gap.start_ns, behind->first_time_ns);
    if (behind != nullptr && behind->incarnation == before.incarnation) gap.incarnation = before.incarnation;
    return gap;
}

// A walk that went back notes everything ahead of it anew.
void Damage::note(model::Gap&& gap) {
    std::erase_if(gaps_, [&](const auto& old) { return old.log == gap.log && old.from_seq >= gap.from_seq; });
    gaps_.push_back(std::move(gap));
}

std::vector<model::Gap> Damage::take(model::Log log, uint64_t cursor) {
    std::vector<model::Gap> taken;
    std::erase_if(gaps_, [&](auto& gap) {
        const bool passed = gap.log == log && gap.to_seq < cursor;
        if (passed) taken.push_back(gap);
        return passed;
    });
    return taken;
}

base::Result<> mend_books(store::Store& store, store::Reader& reader) {
    const auto cursors = reader.cursors();
    if (!cursors) return cursors.error();
    store::Batch batch;
    std::set<model::Log> logs(model::kLogs.begin(), model::kLogs.end());
    logs.erase(model::Log::refused);  // stays here, nobody has a cursor over it
    if (store.next_seq(model::Log::intake) > 1 && !cursors->contains(kEngineCursor)) {
        batch.cursors[kEngineCursor] = store.first_seq(model::Log::intake);
        for (const auto log : logs)
            if (!cursors->contains(kafka_cursor(log))) batch.cursors[kafka_cursor(log)] = store.first_seq(log);
    }
    if (!store.report().empty()) batch.meta[kDamagedLogs] = text_of(logs);
    if (batch.empty()) return {};
    if (auto done = store.commit(batch); !done) return done.error();
    return {};
}

}  // namespace tributary::gateway
