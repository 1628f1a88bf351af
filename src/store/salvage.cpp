// SPDX-License-Identifier: Apache-2.0
#include "store/salvage.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <map>

#include "base/files.hpp"
#include "base/log.hpp"
#include "store/database.hpp"
#include "store/pack.hpp"
#include "store/pages.hpp"
#include "store/schema.hpp"
#include "store/state.hpp"
#include "store/store.hpp"

namespace tributary::store {
namespace {

constexpr uint32_t kPagesBetweenWords = 1024;
constexpr std::array<std::string_view, 5> kKinds{"next_seq", "cursor", "stream", "log", "check"};

bool is_log(int64_t number) {
    return std::any_of(model::kLogs.begin(), model::kLogs.end(),
                       [number](model::Log log) { return static_cast<int64_t>(log) == number; });
}

class Salvager {
  public:
    Salvager(PageFile& from, Take take) : from_(from), take_(take) {}

    bool begin(const std::string& to);
    bool copy(const std::function<void()>& working);
    bool finish();
    Database& database() { return database_; }
    Salvaged found;

  private:
    void row(const Row& row);
    void block(const Row& row);
    bool sort_out();
    uint64_t first_expected(const StateTable& state, model::Log log) const;
    bool write_small();

    PageFile& from_;
    const Take take_;
    Database database_;
    Statement known_, forget_, insert_, insert_anywhere_, config_, checkpoint_;
    bool ok_ = true;
    std::map<std::array<std::string, 3>, uint64_t> state_;
    std::map<std::string, std::string> meta_;
};

bool Salvager::begin(const std::string& to) {
    constexpr const char* kInsert =
        "INSERT OR IGNORE INTO block(id, log, seq, count, first_time, last_time, incarnation, class, crc, body) "
        "VALUES(?,?,?,?,?,?,?,?,?,?)";
    constexpr const char* kAnywhere =
        "INSERT OR IGNORE INTO block(log, seq, count, first_time, last_time, incarnation, class, crc, body) "
        "VALUES(?,?,?,?,?,?,?,?,?)";
    // Nobody sees the file before it is whole: no journal, one sync at the end.
    return database_.open(to, Database::Mode::write) &&
           database_.exec(
               "PRAGMA page_size = 4096; PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; "
               "PRAGMA secure_delete = OFF; PRAGMA cache_size = -4096") &&
           create_tables(database_) && database_.exec("BEGIN") &&
           known_.prepare(database_, "SELECT id FROM block WHERE log = ? AND seq = ?") &&
           forget_.prepare(database_, "DELETE FROM block WHERE id = ?") && insert_.prepare(database_, kInsert) &&
           insert_anywhere_.prepare(database_, kAnywhere) &&
           config_.prepare(database_, "INSERT OR IGNORE INTO config_history(seq, crc, body) VALUES(?,?,?)") &&
           checkpoint_.prepare(database_,
                               "INSERT OR IGNORE INTO checkpoint(id, seq, version, crc, body) VALUES(?,?,?,?,?)");
}

bool Salvager::copy(const std::function<void()>& working) {
    std::string page;
    found.pages = from_.pages();
    found.free_list_known = from_.free_list_known();
    for (uint32_t number = 1; number <= from_.pages() && ok_; number++) {
        if (working && number % kPagesBetweenWords == 0) working();
        if (from_.is_free(number)) continue;
        if (!from_.read(number, page)) {
            found.unreadable_pages++;
            continue;
        }
        for_each_row(from_, number, page, [this](const Row& found_row) { row(found_row); });
    }
    return ok_;
}

void Salvager::row(const Row& row) {
    const auto& v = row.values;
    if (row.of_index) {
        if (row.is("ttti") && std::find(kKinds.begin(), kKinds.end(), v[0].bytes) != kKinds.end() &&
            static_cast<uint64_t>(v[3].integer) <= kHighestSeq)
            state_[{std::string(v[0].bytes), std::string(v[1].bytes), std::string(v[2].bytes)}] =
                static_cast<uint64_t>(v[3].integer);
        if (row.is("tt")) meta_[std::string(v[0].bytes)] = v[1].bytes;
    } else if (row.is("niiiiitiib")) {
        if (take_ == Take::everything) block(row);
    } else if (row.is("nib")) {
        if (static_cast<int64_t>(text_crc(static_cast<uint64_t>(row.rowid), {}, v[2].bytes)) == v[1].integer)
            ok_ = ok_ && config_.run(row.rowid, v[1].integer, Blob{v[2].bytes});
    } else if (row.is("nitib")) {
        if (static_cast<int64_t>(text_crc(static_cast<uint64_t>(v[1].integer), v[2].bytes, v[4].bytes)) == v[3].integer)
            ok_ = ok_ && checkpoint_.run(row.rowid, v[1].integer, v[2].bytes, v[3].integer, Blob{v[4].bytes});
    }
}

void Salvager::block(const Row& row) {
    const auto& v = row.values;
    const auto seq = static_cast<uint64_t>(v[2].integer);
    if (!is_log(v[1].integer) || v[2].integer < 1 || v[3].integer < 1 || v[3].integer > UINT32_MAX ||
        seq + static_cast<uint64_t>(v[3].integer) > kHighestSeq)
        return;
    const BlockHead head{static_cast<uint8_t>(v[1].integer),
                         seq,
                         static_cast<uint32_t>(v[3].integer),
                         v[4].integer,
                         v[5].integer,
                         v[6].bytes,
                         static_cast<uint8_t>(v[7].integer)};
    const auto body = v[9].bytes;
    if (static_cast<int64_t>(block_crc(head, body)) != v[8].integer) return;
    // Twice there: a page that was given up and is not on the list any more. The later one counts.
    const bool known = known_.first(v[1].integer, seq);
    const int64_t known_id = known ? known_.integer(0) : 0;
    ok_ = ok_ && known_.ok();
    known_.reset();
    if (known && known_id >= row.rowid) return;
    if (known) ok_ = ok_ && forget_.run(known_id);
    const bool sane = row.rowid > 0 && static_cast<uint64_t>(row.rowid) < kHighestSeq;
    if (sane)
        ok_ = ok_ && insert_.run(row.rowid, v[1].integer, seq, v[3].integer, v[4].integer, v[5].integer, v[6].bytes,
                                 v[7].integer, v[8].integer, Blob{body});
    if (ok_ && (!sane || sqlite3_changes(database_.handle()) == 0))
        ok_ = insert_anywhere_.run(v[1].integer, seq, v[3].integer, v[4].integer, v[5].integer, v[6].bytes,
                                   v[7].integer, v[8].integer, Blob{body});
}

bool Salvager::write_small() {
    Statement state, meta;
    if (!state.prepare(database_, "INSERT INTO state(kind, name, item, n) VALUES(?,?,?,?)") ||
        !meta.prepare(database_, "INSERT INTO meta(name, value) VALUES(?,?)"))
        return false;
    for (const auto& [key, n] : state_)
        if (!state.run(key[0], key[1], key[2], n)) return false;
    for (const auto& [name, value] : meta_)
        if (!meta.run(name, value)) return false;
    return true;
}

// What lies below every cursor may be trimmed: that it is not there means nothing. A log without a cursor was never
// trimmed; when nothing at all is known, neither is this.
uint64_t Salvager::first_expected(const StateTable& state, model::Log log) const {
    if (!state.fits("cursor") || state_.empty()) return UINT64_MAX;
    uint64_t least = UINT64_MAX;
    const std::string ends = ":" + std::string(model::log_name(log));
    for (const auto& [key, n] : state_)
        if (key[0] == "cursor" && (key[1].ends_with(ends) || (log == model::Log::intake && key[1] == "engine")))
            least = std::min(least, n);
    return least == UINT64_MAX ? 1 : least;
}

// Overlaps out (of a transaction that was never finished, and of what came after it), holes noted.
bool Salvager::sort_out() {
    StateTable state;
    Statement rows;
    if (!state.load(database_) ||
        !rows.prepare(database_, "SELECT id, seq, count FROM block WHERE log = ? ORDER BY seq"))
        return false;
    std::vector<int64_t> overlaps;
    for (const model::Log log : model::kLogs) {
        uint64_t expected = first_expected(state, log);
        // What is back although it was trimmed has holes that mean nothing.
        const uint64_t floor = found.free_list_known || expected == UINT64_MAX ? 0 : expected;
        int64_t last_id = 0;
        uint64_t last_seq = 0, last_count = 0;
        rows.start(static_cast<int>(log));
        while (rows.next()) {
            const int64_t id = rows.integer(0);
            const auto seq = static_cast<uint64_t>(rows.integer(1)), count = static_cast<uint64_t>(rows.integer(2));
            if (last_seq != 0 && seq < expected) {
                overlaps.push_back(std::min(id, last_id));
                if (id < last_id) continue;
                found.blocks--, found.records -= last_count;
            } else if (seq > std::max(expected, floor)) {
                found.lost.push_back({log, std::max(expected, floor), seq - 1});
            }
            found.blocks++, found.records += count;
            expected = seq + count, last_id = id, last_seq = seq, last_count = count;
        }
        if (!rows.ok()) return false;
        const uint64_t next = state.fits("next_seq") ? state.get("next_seq", model::log_name(log)) : 0;
        if (expected == UINT64_MAX) expected = next;
        if (next > expected) found.lost.push_back({log, expected, next - 1});
    }
    for (const int64_t id : overlaps)
        if (!forget_.run(id)) return false;
    return true;
}

bool Salvager::finish() { return write_small() && sort_out() && database_.exec("COMMIT"); }

}  // namespace

std::string text_of(const std::vector<LostRange>& ranges) {
    constexpr size_t kShown = 20;
    std::string out;
    for (size_t i = 0; i < ranges.size() && i < kShown; i++)
        out += base::format("{}{} {}..{}", i == 0 ? "" : ", ", model::log_name(ranges[i].log), ranges[i].from,
                            ranges[i].to);
    if (ranges.size() > kShown) out += base::format(" and {} more", ranges.size() - kShown);
    return out.empty() ? "nothing" : out;
}

std::string Salvaged::text() const {
    std::string out = base::format("{} blocks with {} records were saved; lost: {}", blocks, records, text_of(lost));
    if (!with_blocks) out = base::format("there was no room to save its blocks; not in the new one: {}", text_of(lost));
    if (unreadable_pages > 0) out += base::format("; {} of {} pages could not be read", unreadable_pages, pages);
    if (!free_list_known) out += "; its list of free pages was damaged, so records trimmed before may be back";
    return out;
}

base::Result<Salvaged> salvage(const std::string& from, const std::string& to, Take take,
                               const std::function<void()>& working) {
    PageFile pages;
    if (auto opened = pages.open(from); !opened) return opened.error();
    for (const char* suffix : {"", "-journal", "-wal", "-shm"}) unlink((to + suffix).c_str());
    Salvaged found;
    {
        Salvager salvager(pages, take);
        salvager.found.with_blocks = take == Take::everything;
        if (!salvager.begin(to) || !salvager.copy(working) || !salvager.finish())
            return salvager.database().error("salvage into");
        found = salvager.found;
    }
    if (auto synced = sync_file(to); !synced) return synced.error();
    return found;
}

}  // namespace tributary::store
