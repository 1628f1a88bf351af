// SPDX-License-Identifier: Apache-2.0
#include "store/writer.hpp"

#include <sys/statvfs.h>

#include <algorithm>

#include "base/hash.hpp"
#include "base/log.hpp"
#include "base/units.hpp"

namespace tributary::store {
namespace {

constexpr int kTrimBlocks = 64;
// Deletes touch other pages than appends do, so they ride in every eighth appending transaction only: at 150 messages
// a commit that is 211 device bytes a message instead of 234.
constexpr int kTrimEvery = 8;
constexpr int64_t kWalBytesTooMany = 4 * kWalPages * kPageBytes;
constexpr int64_t kBlockExtraBytes = 200;              // its other columns and its index entry
constexpr int64_t kBatchExtraBytes = 16 * kPageBytes;  // pages touched besides: state, inner pages
// Kept from the appends, so that cursors and trims find room in a full store.
constexpr int64_t kReserveBytes = 256 << 10;
// Kept from intake besides: outputs of what is stored already must find room, or nothing could ever be thinned; and a
// file that has grown up to the cap would leave none for the WAL.
constexpr int64_t kIntakeReserveBytes = 4 << 20, kIntakeReserveShare = 8;  // the lesser of the two

size_t slot(model::Log log) { return static_cast<size_t>(log); }

int64_t reserve_bytes(int64_t max_bytes) { return std::min(kReserveBytes, max_bytes / 8); }
int64_t intake_reserve_bytes(int64_t max_bytes) {
    return reserve_bytes(max_bytes) + std::min(kIntakeReserveBytes, max_bytes / kIntakeReserveShare);
}

// What the batch has to leave free behind it.
int64_t reserve_for(const Batch& batch, int64_t max_bytes) {
    if (batch.cut) return 0;
    const bool intake = std::any_of(batch.appends.begin(), batch.appends.end(),
                                    [](const Append& append) { return append.log == model::Log::intake; });
    return intake ? intake_reserve_bytes(max_bytes) : reserve_bytes(max_bytes);
}

}  // namespace

bool Cut::takes(uint64_t first_seq, uint64_t end_seq) const {
    const auto behind = std::upper_bound(kept.begin(), kept.end(), first_seq,
                                         [](uint64_t seq, const Rewritten& one) { return seq < one.first_seq; });
    if (behind == kept.begin()) return false;
    const auto& one = *std::prev(behind);
    return end_seq <= one.first_seq + one.count;
}

bool Connection::prepare() {
    auto& db = database;
    return begin.prepare(db, "BEGIN IMMEDIATE") && commit.prepare(db, "COMMIT") && rollback.prepare(db, "ROLLBACK") &&
           insert_block.prepare(db,
                                "INSERT INTO block(log, seq, count, first_time, last_time, incarnation, class, crc, "
                                "body) VALUES(?,?,?,?,?,?,?,?,?)") &&
           oldest.prepare(db, "SELECT seq FROM block WHERE log = ? ORDER BY seq LIMIT 1") &&
           trim.prepare(db,
                        "DELETE FROM block WHERE id IN (SELECT id FROM block WHERE log = ?1 AND seq < ?2 AND "
                        "seq + count <= ?2 ORDER BY seq LIMIT ?3)") &&
           cut.prepare(db, "DELETE FROM block WHERE log = ?1 AND seq >= ?2 AND seq < ?3 AND seq + count <= ?3") &&
           state.load(db) &&
           set_config.prepare(db, "INSERT OR REPLACE INTO config_history(seq, crc, body) VALUES(?,?,?)") &&
           forget_config.prepare(db, "DELETE FROM config_history WHERE seq = ?") &&
           trim_configs.prepare(db,
                                "DELETE FROM config_history WHERE seq < (SELECT max(seq) FROM config_history WHERE "
                                "seq <= ?)") &&
           insert_checkpoint.prepare(db, "INSERT INTO checkpoint(seq, version, crc, body) VALUES(?,?,?,?)") &&
           trim_checkpoints.prepare(db,
                                    "DELETE FROM checkpoint WHERE id NOT IN (SELECT id FROM checkpoint ORDER BY id "
                                    "DESC LIMIT 2)") &&
           page_count.prepare(db, "PRAGMA page_count") && freelist_count.prepare(db, "PRAGMA freelist_count");
}

Writer::Writer(const Options& options)
    : options_(options), incarnation_(base::random_hex(8)), packer_(options.zstd_level) {
    next_.fill(1);
    first_.fill(1);
    tentative_.fill(1);
}

Writer::~Writer() {
    if (connection_) connection_->database.checkpoint();
}

// Deletes come first: the pages they free are used by the blocks of the same transaction.
bool Writer::write(const Batch& batch, std::vector<Appended>& appended) {
    return write_cut(batch) && write_trims(batch) && write_blocks(batch, appended) && write_state(batch) &&
           write_ledger(batch.ledger) && connection_->state.write_checks();
}

bool Writer::insert(const BlockHead& head, std::string_view packed) {
    return connection_->insert_block.run(static_cast<int>(head.log), head.seq, head.count, head.first_time_ns,
                                         head.last_time_ns, head.incarnation, static_cast<int>(head.block_class),
                                         block_crc(head, packed), Blob{packed});
}

bool Writer::write_cut(const Batch& batch) {
    if (!batch.cut) return true;
    const Cut& cut = *batch.cut;
    for (size_t i = 0; i < cut.kept.size(); i++) {
        const auto& k = cut.kept[i];
        if (!connection_->cut.run(static_cast<int>(cut.log), k.first_seq, k.first_seq + k.count)) return false;
        if (!insert({static_cast<uint8_t>(cut.log), k.first_seq, k.count, k.first_time_ns, k.last_time_ns,
                     k.incarnation, k.block_class},
                    packed_kept_[i]))
            return false;
    }
    return load_first(cut.log);
}

bool Writer::write_trims(const Batch& batch) {
    if (batch.trim_below.empty()) return true;
    if (!batch.appends.empty() && ++skipped_trims_ < kTrimEvery) return true;
    skipped_trims_ = 0;
    int left = kTrimBlocks;
    for (const auto& [log, below] : batch.trim_below) {
        if (left == 0) break;
        if (first_[slot(log)] >= std::min(below, next_[slot(log)])) continue;
        if (!connection_->trim.run(static_cast<int>(log), below, left)) return false;
        left -= sqlite3_changes(connection_->database.handle());
        if (!load_first(log)) return false;
        if (log == model::Log::intake && !connection_->trim_configs.run(first_[slot(log)])) return false;
    }
    return true;
}

bool Writer::write_blocks(const Batch& batch, std::vector<Appended>& appended) {
    std::array<bool, kLogSlots> touched{};
    for (size_t i = 0; i < batch.appends.size(); i++) {
        const Append& append = batch.appends[i];
        uint64_t& next = tentative_[slot(append.log)];
        const BlockHead head{static_cast<uint8_t>(append.log),
                             next,
                             append.count,
                             append.first_time_ns,
                             append.last_time_ns,
                             incarnation_,
                             append.block_class};
        if (!insert(head, packed_[i])) return false;
        appended.push_back({append.log, next, append.count});
        next += append.count;
        touched[slot(append.log)] = true;
    }
    for (const model::Log log : model::kLogs) {
        if (!touched[slot(log)]) continue;
        if (!connection_->state.set("next_seq", model::log_name(log), "", tentative_[slot(log)])) return false;
    }
    return true;
}

bool Writer::write_state(const Batch& batch) {
    for (const auto& [name, position] : batch.cursors)
        if (!connection_->state.set("cursor", name, "", position)) return false;
    for (const auto& [name, value] : batch.meta)
        if (!connection_->state.set_meta(name, value)) return false;
    for (const auto& [seq, text] : batch.configs) {
        std::string body;
        packer_.pack(text, body);
        if (!connection_->set_config.run(seq, text_crc(seq, {}, body), Blob{body})) return false;
    }
    return true;
}

bool Writer::write_ledger(const model::Ledger& delta) {
    const auto add = [this](const char* kind, std::string_view name, std::string_view item, uint64_t n) {
        return n == 0 || connection_->state.add(kind, name, item, n);
    };
    for (const auto& [name, account] : delta.streams) {
        if (!add("stream", name, "received", account.received)) return false;
        for (size_t i = 0; i < model::kFates; i++)
            if (!add("stream", name, model::kFateNames[i], account.fates[i])) return false;
    }
    for (const auto& [log, account] : delta.logs) {
        const auto name = model::log_name(log);
        if (!add("log", name, "appended", account.appended) || !add("log", name, "delivered", account.delivered) ||
            !add("log", name, "refused", account.refused) || !add("log", name, "thinned", account.thinned) ||
            !add("log", name, "damaged", account.damaged))
            return false;
    }
    return true;
}

base::Result<std::vector<Appended>> Writer::commit(const Batch& batch) {
    std::vector<Appended> appended;
    if (batch.empty()) return appended;
    if (auto can = usable(); !can) return can.error();
    int64_t body_bytes = 0, stored_bytes = 0;
    packed_.resize(std::max(packed_.size(), batch.appends.size()));
    for (size_t i = 0; i < batch.appends.size(); i++) {
        TRB_ASSERT(batch.appends[i].count > 0);
        packer_.pack(batch.appends[i].body, packed_[i]);
        if (auto can = fits("a block", packed_[i].size()); !can) return can.error();
        body_bytes += static_cast<int64_t>(batch.appends[i].body.size());
        stored_bytes += static_cast<int64_t>(packed_[i].size());
    }
    int64_t needed = stored_bytes + static_cast<int64_t>(batch.appends.size()) * kBlockExtraBytes + kBatchExtraBytes;
    packed_kept_.resize(batch.cut ? batch.cut->kept.size() : 0);
    for (size_t i = 0; i < packed_kept_.size(); i++) {
        packer_.pack(batch.cut->kept[i].body, packed_kept_[i]);
        if (auto can = fits("a block", packed_kept_[i].size()); !can) return can.error();
        needed += static_cast<int64_t>(packed_kept_[i].size()) + kBlockExtraBytes;
    }
    for (const auto& [seq, text] : batch.configs)
        if (auto can = fits("a configuration", text.size()); !can) return can.error();
    for (const auto& [name, value] : batch.meta)
        if (auto can = fits(name, value.size()); !can) return can.error();
    if (!batch.appends.empty() || batch.cut)
        if (auto room = room_for(needed, reserve_for(batch, options_.max_size_bytes)); !room) return room.error();
    const Seqs first_before = first_;
    appended.reserve(batch.appends.size());
    if (!connection_->begin.run() || !write(batch, appended) || !connection_->commit.run()) {
        first_ = first_before;
        return broken("write to");
    }
    next_ = tentative_;
    if (!batch.appends.empty()) no_space_ = false;
    usage_.body_bytes += body_bytes, usage_.stored_bytes += stored_bytes, usage_.commits++;
    // Readers that always overlap keep the WAL from starting over. When it fails the transaction is there all the same;
    // what was wrong must not be said of a later one.
    auto& database = connection_->database;
    if (file_bytes(options_.path + "-wal") > std::min(kWalBytesTooMany, options_.max_size_bytes / 8) &&
        !database.checkpoint() && database.failed())
        base::log::warning("{}", database.error("checkpoint").text());
    return appended;
}

base::Result<> Writer::save_checkpoint(const Checkpoint& checkpoint) {
    if (auto can = usable(); !can) return can;
    std::string body;
    packer_.pack(checkpoint.state, body);
    if (auto can = fits("the engine's checkpoint", body.size()); !can) return can;
    if (auto room = room_for(static_cast<int64_t>(body.size()) + kBatchExtraBytes, 0); !room) return room;
    const uint32_t crc = text_crc(checkpoint.seq, checkpoint.version, body);
    if (!connection_->begin.run() ||
        !connection_->insert_checkpoint.run(checkpoint.seq, checkpoint.version, crc, Blob{body}) ||
        !connection_->trim_checkpoints.run() || !connection_->commit.run())
        return broken("write a checkpoint to");
    return {};
}

// Asked before, because later it would look like damage: a row that claims to be larger than any.
base::Result<> Writer::fits(std::string_view what, size_t bytes) {
    const int64_t most = connection_->database.most_row_bytes() - kBlockExtraBytes;
    if (static_cast<int64_t>(bytes) <= most) return {};
    return base::Error{kTooBig, base::format("{} of {} bytes does not fit into the store {}: SQLite takes {} in a row",
                                             what, bytes, options_.path, most)};
}

// File and WAL together are to stay within the cap, also while the WAL is brought home: the pages of the file, what
// stands in the WAL, and these bytes in both.
base::Result<> Writer::room_for(int64_t bytes, int64_t reserve) {
    const std::string wal = options_.path + "-wal";
    const auto total = [&] {
        return std::max(page_bytes(true), page_bytes(false) + bytes + reserve) + file_bytes(wal) + bytes;
    };
    const int64_t cap = cap_bytes();
    auto& database = connection_->database;
    const bool fits_at_once = total() <= cap;
    if (database.failed()) return broken("read");
    if (fits_at_once) return {};
    // What stands in the WAL only is counted twice: bring it home before saying no.
    const bool home = database.checkpoint();
    if (database.failed()) return broken("checkpoint");
    const bool fits_then = home && total() <= cap;
    if (database.failed()) return broken("read");
    if (fits_then) return {};
    no_space_ = cap < options_.max_size_bytes;
    const std::string used = base::format_size(page_bytes(false));
    if (no_space_)
        return base::Error{kFull, base::format("the file system of {} has less left than store.min_free, {}; the store "
                                               "holds {}",
                                               options_.path, base::format_size(options_.min_free_bytes), used)};
    return base::Error{kFull, base::format("the store {} is full: {} of {} (store.max_size) are used", options_.path,
                                           used, base::format_size(options_.max_size_bytes))};
}

// What file and WAL may take together.
int64_t Writer::cap_bytes() const {
    struct statvfs system {};
    if (options_.min_free_bytes == 0 || statvfs(options_.path.c_str(), &system) != 0) return options_.max_size_bytes;
    const auto free = static_cast<int64_t>(system.f_bavail) * static_cast<int64_t>(system.f_frsize);
    const int64_t now = file_bytes(options_.path) + file_bytes(options_.path + "-wal");
    const int64_t kept = options_.min_free_bytes + (no_space_ ? options_.min_free_bytes / 8 : 0);
    return std::min(options_.max_size_bytes, now + std::max<int64_t>(free - kept, 0));  // what we have is ours
}

int64_t Writer::page_bytes(bool with_free) const {
    Statement& pages = connection_->page_count;
    Statement& unused_pages = connection_->freelist_count;
    const int64_t all = pages.first() ? pages.integer(0) : 0;
    const int64_t unused = !with_free && unused_pages.first() ? unused_pages.integer(0) : 0;
    pages.reset(), unused_pages.reset();  // an open statement is an open read transaction
    return (all - unused) * kPageBytes;
}

Usage Writer::usage() const {
    Usage usage = usage_;
    usage.file_bytes = file_bytes(options_.path) + file_bytes(options_.path + "-wal");
    if (connection_)
        usage.used_bytes = page_bytes(false),
        usage.room_bytes = cap_bytes() - intake_reserve_bytes(options_.max_size_bytes);
    return usage;
}

base::Result<> Writer::usable() {
    // What failed and was survived, reading how full it is, say, is no reason of what may fail now.
    if (connection_) connection_->database.forget();
    if (broken_.empty() && damage_seen_->load()) {
        damaged_ = true;
        broken_ = "a reader found it damaged";
    }
    if (broken_.empty()) return {};
    return base::Error{kBroken, "the store must be opened again after: " + broken_};
}

base::Error Writer::broken(std::string_view doing) {
    auto error = connection_->database.error(doing);
    if (sqlite3_get_autocommit(connection_->database.handle()) == 0) connection_->rollback.run();
    damaged_ = connection_->database.damaged();
    broken_ = error.message;
    return error;
}

}  // namespace tributary::store
