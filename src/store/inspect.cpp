// SPDX-License-Identifier: Apache-2.0
#include "store/inspect.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>

#include "base/files.hpp"
#include "base/log.hpp"
#include "store/database.hpp"
#include "store/schema.hpp"

namespace tributary::store {
namespace {

// Only for one that exists: the lock must not make the first file of a folder.
base::Result<> take(WriterLock& lock, const std::string& path) {
    if (access(path.c_str(), F_OK) != 0)
        return base::Error{kPath, base::format("cannot open {}: {}; is --store right?", path, base::errno_text(errno))};
    auto taken = lock.take(path);
    if (!taken && taken.error().code == kLocked)
        return base::Error{kLocked, taken.error().message + "; stop it first (systemctl stop tributary)"};
    return taken;
}

base::Error refused(std::string message) { return {kCommand, std::move(message)}; }

std::vector<std::string> beside(const std::string& path) {
    std::vector<std::string> found;
    const std::filesystem::path file(path);
    std::error_code ignored;
    const auto folder = file.has_parent_path() ? file.parent_path() : std::filesystem::path(".");
    for (const auto& entry : std::filesystem::directory_iterator(folder, ignored))
        if (entry.path().filename().string().starts_with(file.filename().string() + ".damaged-"))
            found.push_back(entry.path().string());
    std::sort(found.begin(), found.end());
    return found;
}

bool facts_of(Database& database, model::Log log, LogFacts& facts) {
    Statement sums, next;
    if (!sums.prepare(database,
                      "SELECT count(*), min(seq), sum(count), sum(length(body)), min(first_time), max(last_time) FROM "
                      "block WHERE log = ?") ||
        !next.prepare(database, "SELECT n FROM state WHERE kind = 'next_seq' AND name = ?") ||
        !sums.first(static_cast<int>(log)))
        return false;
    facts.log = log;
    facts.blocks = static_cast<uint64_t>(sums.integer(0));
    facts.records = static_cast<uint64_t>(sums.integer(2));
    facts.stored_bytes = sums.integer(3);
    facts.first_time_ns = sums.integer(4), facts.last_time_ns = sums.integer(5);
    facts.next_seq = next.first(model::log_name(log)) ? static_cast<uint64_t>(next.integer(0)) : 1;
    facts.first_seq = facts.blocks > 0 ? static_cast<uint64_t>(sums.integer(1)) : facts.next_seq;
    return next.ok();
}

}  // namespace

base::Result<Overview> overview(const std::string& path) {
    Overview found;
    found.path = path;
    auto reader = Reader::open(path);
    if (!reader) return reader.error();
    auto cursors = (*reader)->cursors();
    auto ledger = (*reader)->ledger();
    auto checkpoint = (*reader)->checkpoint();
    if (!cursors) return cursors.error();
    if (!ledger) return ledger.error();
    if (!checkpoint) return checkpoint.error();
    found.cursors = std::move(*cursors);
    found.ledger = std::move(*ledger);
    if (*checkpoint) found.checkpoint_seq = (**checkpoint).seq;
    Database database;
    if (!database.open(path, Database::Mode::read)) return database.error("open");
    for (const auto log : model::kLogs) {
        LogFacts facts;
        if (!facts_of(database, log, facts)) return database.error("read");
        found.logs.push_back(facts);
    }
    Statement configs;
    if (!configs.prepare(database, "SELECT seq FROM config_history ORDER BY seq")) return database.error("read");
    configs.start();
    while (configs.next()) found.config_seqs.push_back(static_cast<uint64_t>(configs.integer(0)));
    if (!configs.ok()) return database.error("read");
    found.file_bytes = file_bytes(path), found.wal_bytes = file_bytes(path + "-wal");
    found.running_pid = lock_holder(path);
    found.set_aside = beside(path);
    std::erase_if(found.set_aside,
                  [](const std::string& name) { return name.ends_with("-wal") || name.ends_with("-shm"); });
    return found;
}

std::string running_pid(const std::string& path) { return lock_holder(path); }

base::Result<Repaired> repair(const std::string& path) {
    Repaired done;
    {
        WriterLock lock;
        if (auto taken = take(lock, path); !taken) return taken.error();
        if (auto known = refuse_newer(path); !known) return known.error();
        const auto state = verify(path);
        if (state && state->clean()) return done;
        if (!state && state.error().code != kBroken) return state.error();
        done.needed = true;
        auto saved = salvage(path, salvage_path(path), Take::everything, {});
        if (!saved) {
            unlink(salvage_path(path).c_str());
            return saved.error();
        }
        auto aside = set_aside(path);
        if (!aside) return aside.error();
        done.set_aside = *aside;
        done.salvaged = *saved;
    }
    auto opened = Store::open({path});  // sees to cursors and facts that are not as they were written
    if (!opened) return opened.error();
    done.also = (*opened)->report();
    return done;
}

base::Result<Salvaged> repair_to(const std::string& path, const std::string& to) {
    WriterLock lock;
    if (auto taken = take(lock, path); !taken) return taken.error();
    if (access(to.c_str(), F_OK) == 0) return refused(base::format("{} exists already: choose another name", to));
    if (auto known = refuse_newer(path); !known) return known.error();
    return salvage(path, to, Take::everything, {});
}

base::Result<> backup(const std::string& path, const std::string& to) {
    if (access(to.c_str(), F_OK) == 0) return refused(base::format("{} exists already: choose another name", to));
    Database from;
    if (!from.open(path, Database::Mode::read)) return from.error("open");
    if (auto known = check_version(from, path); !known) return known;
    const std::string part = to + ".part";
    unlink(part.c_str());
    {
        Database copy;
        if (!copy.open(part, Database::Mode::write)) return copy.error("write");
        if (!copy.copy_of(from) || !copy.exec("PRAGMA journal_mode = DELETE")) {
            auto error = copy.error("write the backup of");
            unlink(part.c_str());
            return error;
        }
    }
    if (auto synced = sync_file(part); !synced) return synced;
    if (rename(part.c_str(), to.c_str()) != 0)
        return refused(base::format("cannot write {}: {}", to, base::errno_text(errno)));
    return {};
}

base::Result<Wiped> wipe(const std::string& path, bool damaged_too) {
    WriterLock lock;
    if (auto taken = take(lock, path); !taken) return taken.error();
    // -at: where the gateway notes how far processing was.
    std::vector<std::string> names{path, path + "-wal", path + "-shm", path + "-at", salvage_path(path)};
    if (damaged_too)
        for (auto& name : beside(path)) names.push_back(std::move(name));
    Wiped done;
    for (const auto& name : names) {
        if (unlink(name.c_str()) == 0)
            done.removed.push_back(name);
        else if (errno != ENOENT)
            return refused(base::format("cannot remove {}: {}", name, base::errno_text(errno)));
    }
    return done;
}

}  // namespace tributary::store
