// SPDX-License-Identifier: Apache-2.0
// The store as it should be, in a few containers: what the fault, power cut and model tests compare the real one with.
// Bodies can be told from their log and seq, so a block that is in the wrong place shows.
#pragma once

#include <algorithm>
#include <deque>
#include <random>

#include "store/inspect.hpp"
#include "support.hpp"

namespace tributary::store {

struct Reference {
    struct Kept {
        uint64_t seq = 0;
        uint32_t count = 0;
        std::string body;
        uint8_t block_class = 0;
        uint64_t end() const { return seq + count; }
    };
    std::map<model::Log, std::deque<Kept>> blocks;
    std::map<model::Log, uint64_t> next;      // absent = 1
    std::map<model::Log, uint64_t> may_trim;  // below it blocks may be gone
    Cursors cursors;
    model::Ledger ledger;
    std::map<std::string, std::string> meta;
    std::optional<Checkpoint> checkpoint;

    uint64_t next_of(model::Log log) const {
        const auto found = next.find(log);
        return found == next.end() ? 1 : found->second;
    }
    static bool goes(const Cut& cut, const Kept& block) { return cut.takes(block.seq, block.end()); }
    void apply(const Cut& cut) {
        auto& mine = blocks[cut.log];
        std::erase_if(mine, [&](const Kept& block) { return goes(cut, block); });
        for (const auto& k : cut.kept) mine.push_back({k.first_seq, k.count, k.body, k.block_class});
        std::sort(mine.begin(), mine.end(), [](const Kept& a, const Kept& b) { return a.seq < b.seq; });
    }
    void apply(const Batch& batch) {
        if (batch.cut) apply(*batch.cut);
        for (const auto& append : batch.appends) {
            blocks[append.log].push_back(
                {next_of(append.log), append.count, std::string(append.body), append.block_class});
            next[append.log] = next_of(append.log) + append.count;
        }
        for (const auto& [name, position] : batch.cursors) cursors[name] = position;
        for (const auto& [name, value] : batch.meta) meta[name] = value;
        for (const auto& [log, below] : batch.trim_below) may_trim[log] = std::max(may_trim[log], below);
        ledger.add(batch.ledger);
    }
    // "" when the store holds exactly this; else what is different, in words. damaged: seqs that may be missing.
    std::string differs(Store& store) const {
        auto opened = store.reader();
        if (!opened) return "reader: " + opened.error().text();
        return differs(store, **opened);
    }
    std::string differs(const Store& store, Reader& reader) const;
    static std::string difference(const std::string& what, uint64_t want, uint64_t got) {
        return what + ": want " + std::to_string(want) + ", got " + std::to_string(got);
    }
};

inline std::string Reference::differs(const Store& store, Reader& reader) const {
    for (const auto log : model::kLogs) {
        const std::string name(model::log_name(log));
        if (store.next_seq(log) != next_of(log))
            return difference(name + " next_seq", next_of(log), store.next_seq(log));
        const auto trimmed = may_trim.find(log);
        const auto found = blocks.find(log);
        if (found == blocks.end()) continue;
        for (const auto& kept : found->second) {
            if (trimmed != may_trim.end() && kept.seq + kept.count <= trimmed->second &&
                kept.seq < store.first_seq(log))
                continue;
            auto block = reader.block_at(log, kept.seq);
            if (!block) return name + ": " + block.error().text();
            if (!*block) return difference(name + ": no block", kept.seq, 0);
            if ((**block).first_seq != kept.seq) return difference(name + ": block", kept.seq, (**block).first_seq);
            if ((**block).block_class != kept.block_class)
                return difference(name + ": class of block " + std::to_string(kept.seq), kept.block_class,
                                  (**block).block_class);
            if ((**block).count != kept.count || (**block).body != kept.body)
                return difference(name + ": body or count of block", kept.seq, (**block).count);
        }
    }
    const auto now = reader.cursors();
    if (!now || *now != cursors) return "cursors differ";
    const auto books = reader.ledger();
    if (!books || books->streams != ledger.streams || books->logs != ledger.logs) return "ledger differs";
    const auto facts = reader.meta();
    if (!facts) return "meta: " + facts.error().text();
    for (const auto& [key, value] : meta)
        if (const auto at = facts->find(key); at == facts->end() || at->second != value) return "meta differs: " + key;
    if (checkpoint) {
        const auto saved = reader.checkpoint();
        if (!saved || !*saved || (**saved).seq != checkpoint->seq || (**saved).state != checkpoint->state)
            return "checkpoint differs";
    }
    return {};
}

// "" when everything in the file is sound, SQLite's own check included when nobody has it open.
inline std::string unsound(const std::string& path) {
    const auto found = verify(path);
    if (!found) return found.error().text();
    std::string out = found->damaged.empty() ? "" : "damaged: " + text_of(found->damaged);
    if (!found->missing.empty()) out += "missing: " + text_of(found->missing);
    for (const auto& problem : found->problems) out += problem + "\n";
    return out;
}

inline std::string body_of(model::Log log, uint64_t seq, size_t size) {
    std::string body = std::string(model::log_name(log)) + " " + std::to_string(seq) + " ";
    for (uint32_t x = static_cast<uint32_t>(seq) * 2'654'435'761U + 7; body.size() < size;
         x = x * 1'664'525 + 1'013'904'223)
        body += static_cast<char>(x >> 24);
    return body;
}

// One step of a gateway's life: intake with outputs, cursors and ledger, all tied to each other.
struct Step {
    std::deque<std::string> bodies;
    Batch batch;

    void add(const Reference& reference, model::Log log, uint32_t count, size_t size) {
        bodies.push_back(body_of(log, reference.next_of(log), size));
        batch.appends.push_back({log, count, 1'000, 2'000, 0, bodies.back()});
    }
};
inline Step intake_step(const Reference& reference, uint64_t number, uint32_t count, size_t size) {
    Step step;
    step.add(reference, model::Log::intake, count, size);
    step.batch.cursors["engine"] = reference.next_of(model::Log::intake) + count;
    step.batch.ledger.received("s", count);
    step.batch.ledger.settle("s", model::Fate::summarised, count);
    if (number % 3 == 0) {
        step.add(reference, model::Log::windows, 2, size / 3);
        step.batch.ledger.logs[model::Log::windows].appended = 2;
    }
    if (number % 5 == 0) step.batch.configs.emplace_back(reference.next_of(model::Log::intake), "configuration");
    step.batch.meta["transaction"] = std::to_string(number);
    return step;
}

}  // namespace tributary::store
