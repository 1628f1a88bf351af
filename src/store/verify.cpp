// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <map>

#include "base/log.hpp"
#include "store/database.hpp"
#include "store/inspect.hpp"
#include "store/pack.hpp"
#include "store/pages.hpp"
#include "store/schema.hpp"
#include "store/state.hpp"

namespace tributary::store {
namespace {

constexpr int kRowsAtOnce = 32;

class Verifier {
  public:
    explicit Verifier(std::string path) : path_(std::move(path)) {}
    base::Result<Verified> run();

  private:
    bool open();
    bool rows();
    void row(Statement& row);
    bool in_index(int64_t id, int64_t log, int64_t seq);
    bool holes();
    bool small_tables();
    bool structure();
    void problem(std::string text) {
        if (found_.problems.size() < 100) found_.problems.push_back(std::move(text));
    }

    const std::string path_;
    Database database_;
    Packer packer_{1};
    Statement rows_, index_, again_;
    std::string unpacked_;
    int64_t after_ = INT64_MIN;
    Verified found_;
};

bool Verifier::open() {
    return rows_.prepare(database_,
                         "SELECT id, log, seq, count, first_time, last_time, incarnation, class, crc, body FROM block "
                         "NOT INDEXED WHERE id > ? ORDER BY id LIMIT ?") &&
           index_.prepare(database_, "SELECT id FROM block WHERE log = ? AND seq = ?") &&
           again_.prepare(database_, "SELECT 1 FROM block NOT INDEXED WHERE id = ?");
}

// Not there: the index lies, or the row was trimmed since it was read.
bool Verifier::in_index(int64_t id, int64_t log, int64_t seq) {
    const bool found = index_.first(log, seq) && index_.integer(0) == id;
    index_.reset();
    const bool still = found || again_.first(id);
    again_.reset();
    return found || !still;
}

void Verifier::row(Statement& row) {
    const int64_t number = row.integer(1), seq = row.integer(2), count = row.integer(3);
    const auto log = static_cast<model::Log>(number);
    if (std::find(model::kLogs.begin(), model::kLogs.end(), log) == model::kLogs.end() || number < 0 || number > 255)
        return problem(base::format("block {} is of a log {} that does not exist", row.integer(0), number));
    const BlockHead head{static_cast<uint8_t>(number),
                         static_cast<uint64_t>(seq),
                         static_cast<uint32_t>(count),
                         row.integer(4),
                         row.integer(5),
                         row.text(6),
                         static_cast<uint8_t>(row.integer(7))};
    const auto body = row.blob(9);
    found_.blocks++, found_.records += static_cast<uint64_t>(count);
    if (static_cast<int64_t>(block_crc(head, body)) != row.integer(8) || !packer_.unpack(body, unpacked_))
        found_.damaged.push_back(
            {log, static_cast<uint64_t>(seq), static_cast<uint64_t>(seq + std::max<int64_t>(count, 1) - 1)});
}

bool Verifier::rows() {
    std::vector<std::array<int64_t, 3>> places;
    while (true) {
        int got = 0;
        places.clear();
        rows_.start(after_, kRowsAtOnce);
        while (rows_.next()) {
            after_ = rows_.integer(0), got++;
            places.push_back({after_, rows_.integer(1), rows_.integer(2)});
            row(rows_);
        }
        if (!rows_.ok()) return false;
        for (const auto& [id, log, seq] : places)
            if (!in_index(id, log, seq))
                problem(base::format("the index does not know block {} (log {}, {})", id, log, seq));
        if (!index_.ok() || !again_.ok()) return false;
        if (got < kRowsAtOnce) return true;
    }
}

// By the index, so that what it hides shows here too: rows() saw it.
bool Verifier::holes() {
    Statement next;
    if (!next.prepare(database_, "SELECT seq, count FROM block WHERE log = ? AND seq > ? ORDER BY seq LIMIT 256"))
        return false;
    for (const auto log : model::kLogs) {
        uint64_t end = 0, after = 0;
        for (int got = 256; got == 256;) {
            got = 0;
            next.start(static_cast<int>(log), after);
            while (next.next()) {
                const auto seq = static_cast<uint64_t>(next.integer(0));
                if (end != 0 && seq > end) found_.missing.push_back({log, end, seq - 1});
                if (seq < end) problem(base::format("two blocks of {} hold record {}", model::log_name(log), seq));
                after = seq, end = seq + static_cast<uint64_t>(next.integer(1)), got++;
            }
            if (!next.ok()) return false;
        }
    }
    return true;
}

bool Verifier::small_tables() {
    StateTable state;
    if (!state.load(database_)) return false;
    for (const auto& kind : state.unfit()) problem("the check of its " + kind + " does not fit");
    for (const auto log : model::kLogs) {
        const auto name = model::log_name(log);
        const uint64_t next = state.get("next_seq", name);
        if (const uint64_t far = state.greatest("cursor", ":" + std::string(name)); far > std::max<uint64_t>(next, 1))
            problem(base::format("a cursor of {} stands at {}, beyond its end {}", name, far, next));
    }
    Statement checkpoints, configs;
    if (!checkpoints.prepare(database_, "SELECT seq, version, crc, body FROM checkpoint") ||
        !configs.prepare(database_, "SELECT seq, crc, body FROM config_history"))
        return false;
    checkpoints.start();
    while (checkpoints.next())
        if (static_cast<int64_t>(text_crc(static_cast<uint64_t>(checkpoints.integer(0)), checkpoints.text(1),
                                          checkpoints.blob(3))) != checkpoints.integer(2))
            problem(base::format("the engine's checkpoint at {} is damaged", checkpoints.integer(0)));
    configs.start();
    while (configs.next())
        if (static_cast<int64_t>(text_crc(static_cast<uint64_t>(configs.integer(0)), {}, configs.blob(2))) !=
            configs.integer(1))
            problem(base::format("the configuration recorded at intake {} is damaged", configs.integer(0)));
    return checkpoints.ok() && configs.ok();
}

// One long statement: beside a running gateway it would keep the WAL from starting over.
bool Verifier::structure() {
    if (!lock_holder(path_).empty()) return true;
    found_.structure_checked = true;
    if (const auto wal = scan_wal(path_ + "-wal"); wal.damaged)
        problem(base::format("{} of {} frames of its WAL are damaged", wal.bad, wal.bad + wal.good));
    Statement check;
    if (!check.prepare(database_, "PRAGMA integrity_check(20)")) return false;
    check.start();
    while (check.next())
        if (check.text(0) != "ok") problem("SQLite: " + std::string(check.text(0)));
    return check.ok();
}

base::Result<Verified> Verifier::run() {
    if (!database_.open(path_, Database::Mode::read)) return database_.error("open");
    if (auto known = check_version(database_, path_); !known) {
        if (!database_.damaged()) return known.error();
        problem(known.error().message);
        return std::move(found_);
    }
    for (const auto part :
         {&Verifier::open, &Verifier::rows, &Verifier::holes, &Verifier::small_tables, &Verifier::structure}) {
        if ((this->*part)()) continue;
        const bool damaged = database_.damaged();
        auto error = database_.error("read");
        if (!damaged) return error;
        problem(error.message);
    }
    return std::move(found_);
}

}  // namespace

base::Result<Verified> verify(const std::string& path) { return Verifier(path).run(); }

}  // namespace tributary::store
