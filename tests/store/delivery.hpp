// SPDX-License-Identifier: Apache-2.0
// What the tests of damaged files share: the bytes of a store that was running, consumers that read it as the gateway's
// do, and the judgement whether each block that could be delivered was, and each one that was not is named.
#pragma once

#include <fstream>
#include <regex>
#include <set>

#include "fault_vfs.hpp"
#include "reference.hpp"

namespace tributary::store {

using model::Log;

inline constexpr size_t kPage = 4096;
inline const std::string kKafkaIntake = "kafka:main:intake";

// File and WAL as they lay there while the store was running, and what is in them.
struct Image {
    std::string file, wal;
    Reference reference;
    std::set<std::pair<Log, uint64_t>> last;  // blocks of the newest transaction
};

inline Image make_image(int blocks, int checkpoint_after) {
    const MemoryFolder folder;
    FaultVfs fast;
    auto store = open_store(folder.file());
    Image image;
    auto& reference = image.reference;
    for (int i = 1; i <= blocks; i++) {
        auto step = intake_step(reference, static_cast<uint64_t>(i), 10, 3'000 + static_cast<size_t>(i) * 37 % 9'000);
        step.batch.cursors[kKafkaIntake] = reference.next_of(Log::intake) / 2 + 1;
        if (i % 20 == 0) step.batch.trim_below[Log::intake] = reference.next_of(Log::intake) / 3;
        image.last.clear();
        for (const auto& append : step.batch.appends) image.last.emplace(append.log, reference.next_of(append.log));
        commit(*store, step.batch);
        reference.apply(step.batch);
        if (i == checkpoint_after) {
            reference.checkpoint = Checkpoint{reference.next_of(Log::intake), "v", body_of(Log::intake, 7, 9'000)};
            REQUIRE(store->save_checkpoint(*reference.checkpoint).ok());
            REQUIRE(store->reopen().ok());
        }
    }
    image.file = bytes_of(folder.file());
    image.wal = bytes_of(folder.file() + "-wal");
    return image;
}

// The blocks that have bytes in this piece of a file. Bodies are noise: they stand there as they are.
inline std::set<std::pair<Log, uint64_t>> touched(const Image& image, std::string_view piece) {
    std::set<std::pair<Log, uint64_t>> found;
    for (const auto& [log, blocks] : image.reference.blocks)
        for (const auto& block : blocks) {
            const std::string_view body = block.body;
            bool here = piece.find(body.substr(body.size() - std::min<size_t>(body.size(), 8))) != piece.npos;
            for (size_t at = 0; at < body.size() && !here; at += 256)
                here = piece.find(body.substr(at, 8)) != piece.npos;
            if (here) found.emplace(log, block.seq);
        }
    return found;
}

// Consumers of all logs, as they are in the gateway.
struct Delivery {
    std::set<std::pair<Log, uint64_t>> blocks;
    std::string said;  // every report and every error
    int salvaged = 0;
};

class Consumer {
  public:
    explicit Consumer(const std::string& path) : store_(open_store(path)) { report(); }
    Delivery run(const Reference& reference) {
        for (int round = 0; round < 4 && !read_all(reference); round++) {
            Batch batch;
            batch.meta["any"] = "thing";
            if (store_->commit(batch)) FAIL("a reader found damage and the store goes on: " << delivery_.said);
            REQUIRE(store_->reopen().ok());
            report();
        }
        // And it still works.
        Batch batch;
        const std::string body = body_of(Log::intake, 1, 50'000);
        batch.appends = {append(Log::intake, 5, body)};
        auto done = store_->commit(batch);
        if (!done) {
            REQUIRE(store_->reopen().ok());
            report();
            done = store_->commit(batch);
        }
        REQUIRE(done.ok());
        const auto back = open_reader(*store_)->block_at(Log::intake, (*done)[0].first_seq);
        REQUIRE(back.ok());
        CHECK((*back)->body == body);
        return std::move(delivery_);
    }

  private:
    void report() {
        if (store_->report().empty()) return;
        delivery_.said += store_->report() + "\n";
        delivery_.salvaged++;
    }
    bool read_all(const Reference& reference) {
        delivery_.blocks.clear();
        auto reader = store_->reader();
        if (!reader) return delivery_.said += reader.error().text() + "\n", false;
        const auto cursors = (*reader)->cursors();
        if (!cursors) return delivery_.said += cursors.error().text() + "\n", false;
        for (const Log log : model::kLogs) {
            const auto cursor = cursors->find("kafka:main:" + std::string(model::log_name(log)));
            if (!read_log(**reader, reference, log, cursor == cursors->end() ? 1 : cursor->second)) return false;
        }
        return (*reader)->meta().ok() && (*reader)->ledger().ok() && (*reader)->checkpoint().ok();
    }
    bool read_log(Reader& reader, const Reference& reference, Log log, uint64_t seq) {
        while (seq < store_->next_seq(log)) {
            auto block = reader.block_at(log, seq);
            if (!block) {
                delivery_.said += block.error().text() + "\n";
                if (block.error().code != kFormat) return false;
                const auto behind = reader.seq_behind(log, seq);
                if (!behind) return delivery_.said += behind.error().text() + "\n", false;
                REQUIRE(*behind > seq);
                seq = *behind;
                continue;
            }
            if (!*block) break;
            check((**block), reference);
            seq = (**block).end_seq();
        }
        return true;
    }
    // Nothing that was not written, nothing twice.
    void check(const Block& block, const Reference& reference) {
        const auto& blocks = reference.blocks.at(block.log);
        const auto found =
            std::find_if(blocks.begin(), blocks.end(), [&](const auto& kept) { return kept.seq == block.first_seq; });
        REQUIRE(found != blocks.end());
        REQUIRE(found->body == block.body);
        REQUIRE(delivery_.blocks.emplace(block.log, block.first_seq).second);
    }

    std::unique_ptr<Store> store_;
    Delivery delivery_;
};

inline bool names(const std::string& said, Log log, uint64_t from, uint64_t to) {
    static const std::regex kRange("([a-z]+) ([0-9]+)\\.\\.([0-9]+)");
    for (std::sregex_iterator at(said.begin(), said.end(), kRange), end; at != end; ++at)
        if (at->str(1) == model::log_name(log) && std::stoull(at->str(2)) <= from && std::stoull(at->str(3)) >= to)
            return true;
    return false;
}

struct Counts {
    int cases = 0, salvaged = 0, silent = 0;
    size_t lost = 0;
};

inline void one_case(const Image& image, const std::string& file, const std::string& wal,
                     std::set<std::pair<Log, uint64_t>> may_be_lost, Counts& counts,
                     const std::set<std::pair<Log, uint64_t>>& unproven = {}) {
    may_be_lost.insert(unproven.begin(), unproven.end());
    const MemoryFolder folder;
    FaultVfs fast;
    std::ofstream(folder.file(), std::ios::binary) << file;
    if (!wal.empty()) std::ofstream(folder.file() + "-wal", std::ios::binary) << wal;
    const auto delivery = Consumer(folder.file()).run(image.reference);
    counts.cases++;
    counts.salvaged += delivery.salvaged > 0 ? 1 : 0;
    counts.silent += delivery.said.empty() ? 1 : 0;
    CAPTURE(delivery.said);
    const uint64_t sent = image.reference.cursors.at(kKafkaIntake);
    for (const auto& [log, blocks] : image.reference.blocks)
        for (const auto& block : blocks) {
            if (log == Log::intake && block.seq + block.count <= sent) continue;
            if (delivery.blocks.count({log, block.seq}) == 1) continue;
            counts.lost++;
            CAPTURE(model::log_name(log));
            CAPTURE(block.seq);
            REQUIRE(may_be_lost.count({log, block.seq}) == 1);
            CHECK((names(delivery.said, log, std::max(block.seq, log == Log::intake ? sent : 1),
                         block.seq + block.count - 1) ||
                   unproven.count({log, block.seq}) == 1));
        }
}

}  // namespace tributary::store
