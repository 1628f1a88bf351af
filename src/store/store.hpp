// SPDX-License-Identifier: Apache-2.0
// The log with cursors: one SQLite file (WAL, synchronous=FULL), blocks of records appended in order, cursors over
// them, the ledger and the engine's checkpoint. Bytes: docs/formats/store.md.
// Store is the write side and belongs to the writer thread alone. Reader is a read-only connection, one per thread.
// What it does not do: interpret records, decide when to commit, retry.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "model/ledger.hpp"
#include "model/log.hpp"

namespace tributary::store {

struct Options {
    std::string path;
    int64_t max_size_bytes = int64_t{2} << 30;
    int zstd_level = 1;
    // Called every few MB while a damaged file is salvaged, which may take minutes: for a watchdog.
    std::function<void()> working = {};
    int64_t min_free_bytes = 0;  // of the file system; to be left alone
};

// Error codes the caller tells apart (docs/errors.md): kNewer is exit 3; kFull is the size cap or ENOSPC; kBroken means
// the file cannot be used any more and reopen() must decide; kLocked = another process has it; kPath = folder missing
// or not writable.
inline constexpr const char* kNewer = "TRB-STORE-001";
inline constexpr const char* kPath = "TRB-STORE-002";
inline constexpr const char* kLocked = "TRB-STORE-003";
inline constexpr const char* kFull = "TRB-STORE-004";
inline constexpr const char* kBroken = "TRB-STORE-005";
inline constexpr const char* kFormat = "TRB-STORE-006";
inline constexpr const char* kCommand = "TRB-STORE-007";  // what was asked for is refused
inline constexpr const char* kTooBig = "TRB-STORE-008";   // for a row; the store is as before

// A cursor stands behind the last record that is done: position = seq of the next one. partial: for consumers that
// finish out of order inside a block nothing is stored; a cursor only moves over a gap-free prefix.
using Cursors = std::map<std::string, uint64_t, std::less<>>;
inline uint64_t cursor(const Cursors& cursors, const std::string& name, uint64_t otherwise = 1) {
    const auto found = cursors.find(name);
    return found == cursors.end() ? otherwise : found->second;
}

struct Append {
    model::Log log = model::Log::intake;
    uint32_t count = 0;
    int64_t first_time_ns = 0, last_time_ns = 0;
    uint8_t block_class = 0;  // model/priority.hpp; the store only tells classes apart
    std::string_view body;    // uncompressed records; copied or compressed before commit() returns
};

// What comes in the place of blocks that are cut out: it has seqs and incarnation already. Every seq stays in some
// row, so that a hole in a log is always damage.
struct Rewritten {
    uint64_t first_seq = 0;
    uint32_t count = 0;
    int64_t first_time_ns = 0, last_time_ns = 0;
    uint8_t block_class = 0;
    std::string incarnation;
    std::string body;  // uncompressed
};

// Each of `kept` takes the place of the blocks that lie wholly in its records. They are in order and do not overlap;
// what lies between them stays.
struct Cut {
    model::Log log = model::Log::intake;
    std::vector<Rewritten> kept;

    uint64_t from_seq() const { return kept.empty() ? 0 : kept.front().first_seq; }
    uint64_t to_seq() const { return kept.empty() ? 0 : kept.back().first_seq + kept.back().count; }
    // A block of this log with these records is in one of them.
    bool takes(uint64_t first_seq, uint64_t end_seq) const;
};

// What goes into one transaction.
struct Batch {
    std::vector<Append> appends;                            // in order; seqs are given out in this order
    Cursors cursors;                                        // new positions
    model::Ledger ledger;                                   // delta
    std::vector<std::pair<uint64_t, std::string>> configs;  // (seq of the config record, its text)
    std::map<std::string, std::string> meta;                // small facts: subscriptions, last session number, ...
    // Trim: intake and output blocks wholly below these positions are deleted, oldest first, at most 64 a transaction;
    // of the batches that append only every eighth does so.
    std::map<model::Log, uint64_t> trim_below;

    // Comes first, so that its room is there for the appends; such a batch, like one without intake, may use what is
    // kept from intake.
    std::optional<Cut> cut;

    bool empty() const {
        return appends.empty() && cursors.empty() && ledger.empty() && configs.empty() && meta.empty() &&
               trim_below.empty() && !cut;
    }
};

struct Appended {
    model::Log log;
    uint64_t first_seq = 0;
    uint32_t count = 0;
};

struct Block {
    model::Log log = model::Log::intake;
    uint64_t first_seq = 0;
    uint32_t count = 0;
    int64_t first_time_ns = 0, last_time_ns = 0;
    std::string incarnation;  // 16 hex digits of the process run that wrote it
    std::string body;         // uncompressed
    uint8_t block_class = 0;
    uint64_t end_seq() const { return first_seq + count; }
};

// What the index says of a block, without looking into it.
struct BlockFacts {
    uint64_t first_seq = 0;
    uint32_t count = 0;
    int64_t first_time_ns = 0, last_time_ns = 0;
    uint8_t block_class = 0;
    int64_t stored_bytes = 0;
    uint64_t end_seq() const { return first_seq + count; }
};

struct Checkpoint {
    uint64_t seq = 0;     // the engine's state after every intake record below this
    std::string version;  // of the engine that wrote it
    std::string state;
};

// Space and traffic, for status and metrics.
struct Usage {
    int64_t file_bytes = 0;    // database + WAL
    int64_t used_bytes = 0;    // without free pages
    int64_t room_bytes = 0;    // what used_bytes may be before messages are refused: max_size, or less when the file
                               // system is nearly full, without what is kept for the WAL and for outputs
    int64_t body_bytes = 0;    // uncompressed record bytes appended by this process
    int64_t stored_bytes = 0;  // the same, compressed
    uint64_t commits = 0;
};

class Reader;

class Store {
  public:
    // Opens or creates. A file that SQLite cannot use is renamed to <path>.damaged-<time>, and what is sound in it
    // stands in a fresh one; report() names the ranges that are lost. A file of a newer format is left untouched: error
    // kNewer.
    static base::Result<std::unique_ptr<Store>> open(const Options& options);
    virtual ~Store() = default;

    // One transaction. On success returns what was appended, in order. On an error nothing is assumed: the caller
    // calls reopen() and finds out by next_seq() whether the transaction is there (an fsync error is an unknown state).
    virtual base::Result<std::vector<Appended>> commit(const Batch& batch) = 0;
    // Opens the file again, under the same incarnation. What next_seq() says afterwards is on stable storage. A file
    // found damaged, by a reader too, is salvaged as by open(), see report(); readers must be made anew then.
    virtual base::Result<> reopen() = 0;

    virtual base::Result<> save_checkpoint(const Checkpoint& checkpoint) = 0;  // own transaction

    virtual uint64_t next_seq(model::Log log) const = 0;   // first seq is 1
    virtual uint64_t first_seq(model::Log log) const = 0;  // of the oldest record kept; = next_seq when empty
    virtual const std::string& incarnation() const = 0;    // of this run, random at open()
    virtual std::string report() const = 0;                // what open() had to do, for the log; "" = nothing
    virtual Usage usage() const = 0;

    virtual base::Result<std::unique_ptr<Reader>> reader() const = 0;
};

// Reads committed data. Own connection, own thread; never blocks the writer (WAL).
class Reader {
  public:
    static base::Result<std::unique_ptr<Reader>> open(const std::string& path);  // an existing store, e.g. for replay
    virtual ~Reader() = default;

    // The block that holds seq, or the next one above it (a gap), or nothing at the end of the log. A block whose CRC
    // does not fit is an error kFormat naming its range, and so is a log that ends below its next_seq; seq_behind()
    // tells where to go on. Damage to the file itself is kBroken: the store's next commit fails, its reopen() salvages.
    virtual base::Result<std::optional<Block>> block_at(model::Log log, uint64_t seq) = 0;
    // The first block of that class at or above seq, or nothing; a damaged one is an error as above.
    virtual base::Result<std::optional<Block>> block_of_class(model::Log log, uint64_t seq, uint8_t block_class) = 0;
    // Always above seq.
    virtual base::Result<uint64_t> seq_behind(model::Log log, uint64_t seq) = 0;
    // The blocks that hold the newest `records` records, oldest first.
    virtual base::Result<std::vector<Block>> newest(model::Log log, uint64_t records) = 0;

    // The blocks of a log, oldest or newest first, until each() says false. Quick, because bodies are not read; nothing
    // is checked.
    virtual base::Result<> facts(model::Log log, bool newest_first,
                                 const std::function<bool(const BlockFacts&)>& each) = 0;

    virtual base::Result<Cursors> cursors() = 0;
    virtual base::Result<std::optional<Checkpoint>> checkpoint() = 0;  // the newest whose CRC fits
    virtual base::Result<model::Ledger> ledger() = 0;
    virtual base::Result<std::map<std::string, std::string>> meta() = 0;
    // The configuration in force for the record at seq: (seq of the config record, text), newest at or below seq.
    virtual base::Result<std::optional<std::pair<uint64_t, std::string>>> config_at(uint64_t seq) = 0;
    virtual base::Result<uint64_t> next_seq(model::Log log) = 0;
};

}  // namespace tributary::store
