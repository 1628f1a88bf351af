// SPDX-License-Identifier: Apache-2.0
// How the write side gets its file, at start and after a failure.
#include <unistd.h>

#include <algorithm>

#include "base/log.hpp"
#include "store/pages.hpp"
#include "store/salvage.hpp"
#include "store/writer.hpp"

namespace tributary::store {
namespace {

// Damage that SQLite does not see: it takes the first damaged frame of a WAL for its end, and an empty file for a
// reason to delete the WAL beside it. "" = none.
std::string hidden_damage(const std::string& path) {
    const auto wal = scan_wal(path + "-wal");
    if (wal.damaged) return base::format("{} of {} frames of its WAL are damaged", wal.bad, wal.bad + wal.good);
    if (!wal.newest.empty() && file_bytes(path) <= 1) return "only its WAL is there";  // to SQLite one byte is none
    return {};
}

}  // namespace

base::Result<std::unique_ptr<Store>> Store::open(const Options& options) {
    auto writer = std::make_unique<Writer>(options);
    if (auto started = writer->start(); !started) return started.error();
    return std::unique_ptr<Store>(std::move(writer));
}

base::Result<> Writer::start() {
    if (auto locked = lock_.take(options_.path); !locked) return locked;
    const auto finished = finish_replacing(options_.path);
    if (!finished) return finished.error();
    if (auto known = refuse_newer(options_.path); !known) return known;
    broken_ = hidden_damage(options_.path);
    damaged_ = !broken_.empty();
    if (auto connected = connect_or_salvage(); !connected) return connected;
    broken_.clear();
    if (*finished)
        report_ = "a salvage that had been interrupted was finished" + (report_.empty() ? "" : "; " + report_);
    return {};
}

base::Result<> Writer::reopen() {
    if (broken_.empty()) broken_ = "being closed";
    connection_.reset();
    report_.clear();
    if (auto known = refuse_newer(options_.path); !known) return known;
    if (auto connected = connect_or_salvage(); !connected) return connected;
    // After a failed fsync the kernel may call pages clean that never reached the disk. What is believed from here on
    // is written once more, into the file, and synced there.
    if (!connection_->database.checkpoint()) {
        auto error = connection_->database.failed()
                         ? connection_->database.error("checkpoint")
                         : base::Error{kBroken, "the store " + options_.path + " is held by a reader"};
        connection_.reset();
        return error;
    }
    broken_.clear();
    return {};
}

base::Result<> Writer::connect_or_salvage() {
    std::string why = broken_;
    if (!damaged_) {
        auto connected = connect();
        // A single bad read looks the same: only what is seen twice is believed.
        if (damaged_) connected = connect();
        if (!damaged_) return connected;
        if (!connected) why = connected.error().message;
    }
    connection_.reset();
    return salvage_file(why);
}

base::Result<> Writer::salvage_file(const std::string& why) {
    const auto& path = options_.path;
    base::log::error("{}: the store {} is damaged ({}); what is sound in it is being saved", kBroken, path, why);
    auto saved = salvage(path, salvage_path(path), Take::everything, options_.working);
    // Without room for a second copy intake goes on all the same: the numbers go on, and the file is kept.
    if (!saved && saved.error().code == kFull)
        saved = salvage(path, salvage_path(path), Take::all_but_blocks, options_.working);
    // Nothing in the damaged file makes it fail: it is the moment, or the disk. Tried again, like any other failure.
    if (!saved) return saved.error();
    const auto aside = set_aside(path);
    if (!aside) return aside.error();
    damaged_ = false;
    damage_seen_ = std::make_shared<std::atomic<bool>>(false);
    const Seqs used = tentative_;
    if (auto connected = connect(); !connected) return connected;
    // Ids stay unique: within one run of the process the numbers go on in the fresh file.
    for (size_t i = 0; i < used.size(); i++) {
        const bool empty = first_[i] == next_[i];
        next_[i] = tentative_[i] = std::max(next_[i], used[i]);
        if (empty) first_[i] = next_[i];
    }
    report_ = base::format("the store was damaged ({}) and is kept as {}; {}{}{}", why, *aside, saved->text(),
                           report_.empty() ? "" : "; ", report_);
    base::log::error("{}: {}", kBroken, report_);
    return {};
}

base::Result<> Writer::connect() {
    damaged_ = false;
    connection_ = std::make_unique<Connection>();
    auto& database = connection_->database;
    base::Result<> done;
    if (!database.open(options_.path, Database::Mode::write))
        done = database.error("open");
    else
        done = prepare_file(database, options_.path);
    if (done && (!connection_->prepare() || !mend() || !load_seqs())) done = database.error("read");
    damaged_ = database.damaged();
    if (!done) connection_.reset();
    return done;
}

// What is not as it was written must not decide anything: without a cursor everything that is kept is sent again, with
// the same ids; without meta nothing is known about clocks and subscriptions; without a configuration the reader of
// report() gives one. The ledger is left as it is, and said.
bool Writer::mend() {
    auto& state = connection_->state;
    std::vector<uint64_t> configs;
    if (!damaged_configs(configs)) return false;
    if (state.unfit().empty() && configs.empty()) return true;
    std::string what;
    for (const auto& kind : state.unfit()) what += (what.empty() ? "" : ", ") + kind;
    if (!what.empty()) report_ = base::format("the check of its {} does not fit", what);
    if (!configs.empty())
        report_ += base::format("{}{} recorded configurations are damaged, the first at intake {}",
                                report_.empty() ? "" : "; ", configs.size(), configs.front());
    bool mended = connection_->begin.run();
    for (const char* kind : {"cursor", "meta"}) mended = mended && (state.fits(kind) || state.forget(kind));
    for (const std::string& kind : std::set<std::string>(state.unfit().begin(), state.unfit().end()))
        state.accept(kind);
    for (const uint64_t seq : configs) mended = mended && connection_->forget_config.run(seq);
    if (!mended || !state.write_checks() || !connection_->commit.run()) return false;
    base::log::error("{}: the store {}: {}; cursors are back at the beginning when they are among it", kBroken,
                     options_.path, report_);
    return true;
}

bool Writer::damaged_configs(std::vector<uint64_t>& seqs) {
    Statement all;
    if (!all.prepare(connection_->database, "SELECT seq, crc, body FROM config_history")) return false;
    all.start();
    while (all.next())
        if (const auto seq = static_cast<uint64_t>(all.integer(0));
            static_cast<int64_t>(text_crc(seq, {}, all.blob(2))) != all.integer(1))
            seqs.push_back(seq);
    return all.ok();
}

bool Writer::load_seqs() {
    auto& database = connection_->database;
    const auto& state = connection_->state;
    Statement newest;
    if (!newest.prepare(database, "SELECT seq + count FROM block WHERE log = ? ORDER BY seq DESC LIMIT 1"))
        return false;
    for (const model::Log log : model::kLogs) {
        const auto number = static_cast<size_t>(log);
        uint64_t from_blocks = 1;
        if (newest.first(static_cast<int>(log))) from_blocks = static_cast<uint64_t>(newest.integer(0));
        if (!newest.ok()) return false;
        newest.reset();
        // They are written in one transaction; a file where they differ was damaged, but nothing is lost by going on
        // above all of them.
        next_[number] = std::max({state.get("next_seq", model::log_name(log)), from_blocks,
                                  state.greatest("cursor", ":" + std::string(model::log_name(log))),
                                  log == model::Log::intake ? state.get("cursor", "engine") : 0, uint64_t{1}});
        if (next_[number] > kHighestSeq) return database.note(SQLITE_CORRUPT);
        if (!load_first(log)) return false;
    }
    tentative_ = next_;
    return true;
}

bool Writer::load_first(model::Log log) {
    auto& oldest = connection_->oldest;
    const auto number = static_cast<size_t>(log);
    first_[number] = oldest.first(static_cast<int>(log)) ? static_cast<uint64_t>(oldest.integer(0)) : next_[number];
    const bool ok = oldest.ok();
    oldest.reset();
    return ok;
}

}  // namespace tributary::store
