// SPDX-License-Identifier: Apache-2.0
// How the write side gets its file, at start and after a failure.
#include <algorithm>

#include "base/log.hpp"
#include "store/writer.hpp"

namespace tributary::store {
namespace {

constexpr uint64_t kHighestSeq = uint64_t{1} << 62;

}  // namespace

base::Result<std::unique_ptr<Store>> Store::open(const Options& options) {
    auto writer = std::make_unique<Writer>(options);
    if (auto started = writer->start(); !started) return started.error();
    return std::unique_ptr<Store>(std::move(writer));
}

base::Result<> Writer::start() {
    if (auto locked = lock_.take(options_.path); !locked) return locked;
    if (auto known = refuse_newer(options_.path); !known) return known;
    return connect_or_set_aside();
}

base::Result<> Writer::reopen() {
    if (broken_.empty()) broken_ = "being closed";
    connection_.reset();
    report_.clear();
    if (auto known = refuse_newer(options_.path); !known) return known;
    if (auto connected = connect_or_set_aside(); !connected) return connected;
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

base::Result<> Writer::connect_or_set_aside() {
    base::Result<> connected;
    if (!damaged_) connected = connect();
    if (connected && !damaged_) return {};
    if (!damaged_) {
        connection_.reset();
        return connected;
    }
    connection_.reset();
    const std::string why = connected ? broken_ : connected.error().message;
    const auto aside = set_aside(options_.path);
    if (!aside) return aside.error();
    damaged_ = false;
    const Seqs used = tentative_;
    connected = connect();
    if (!connected) return connected;
    // Ids stay unique: within one run of the process the numbers go on in the fresh file.
    next_ = first_ = tentative_ = used;
    report_ = base::format("the store was damaged and is kept as {}; a fresh one was begun ({})", *aside, why);
    base::log::error("{}", report_);
    return {};
}

base::Result<> Writer::connect() {
    connection_ = std::make_unique<Connection>();
    auto& database = connection_->database;
    base::Result<> done;
    if (!database.open(options_.path, Database::Mode::write))
        done = database.error("open");
    else
        done = prepare_file(database, options_.path);
    if (done && (!connection_->prepare() || !load_seqs())) done = database.error("read");
    damaged_ = database.damaged();
    if (!done) connection_.reset();
    return done;
}

bool Writer::load_seqs() {
    auto& database = connection_->database;
    Statement stored, newest;
    if (!stored.prepare(database, "SELECT n FROM state WHERE kind = 'next_seq' AND name = ?") ||
        !newest.prepare(database, "SELECT seq + count FROM block WHERE log = ? ORDER BY seq DESC LIMIT 1"))
        return false;
    for (const model::Log log : model::kLogs) {
        const auto number = static_cast<size_t>(log);
        uint64_t from_state = 1, from_blocks = 1;
        if (stored.first(model::log_name(log))) from_state = static_cast<uint64_t>(stored.integer(0));
        if (newest.first(static_cast<int>(log))) from_blocks = static_cast<uint64_t>(newest.integer(0));
        if (!stored.ok() || !newest.ok()) return false;
        stored.reset(), newest.reset();
        // The two are written in one transaction; a file where they differ was tampered with, but nothing is lost by
        // going on above both.
        next_[number] = std::max({from_state, from_blocks, uint64_t{1}});
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
