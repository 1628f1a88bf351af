// SPDX-License-Identifier: Apache-2.0
#include "store/schema.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cstdio>
#include <cstdlib>

#include "base/clock.hpp"
#include "base/files.hpp"
#include "base/log.hpp"
#include "base/text.hpp"
#include "store/store.hpp"

namespace tributary::store {
namespace {

constexpr int64_t kApplicationId = 0x54524253;  // "TRBS"
constexpr int64_t kVersion = 1;

constexpr const char* kCreate = R"(
BEGIN IMMEDIATE;
CREATE TABLE block(
    id INTEGER PRIMARY KEY, log INTEGER NOT NULL, seq INTEGER NOT NULL CHECK(seq > 0),
    count INTEGER NOT NULL CHECK(count > 0), first_time INTEGER NOT NULL, last_time INTEGER NOT NULL,
    incarnation TEXT NOT NULL, class INTEGER NOT NULL, crc INTEGER NOT NULL, body BLOB NOT NULL) STRICT;
CREATE UNIQUE INDEX block_by_seq ON block(log, seq);
CREATE TABLE state(
    kind TEXT NOT NULL, name TEXT NOT NULL, item TEXT NOT NULL, n INTEGER NOT NULL CHECK(n >= 0),
    PRIMARY KEY(kind, name, item)) STRICT, WITHOUT ROWID;
CREATE TABLE meta(name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE config_history(seq INTEGER PRIMARY KEY, crc INTEGER NOT NULL, body BLOB NOT NULL) STRICT;
CREATE TABLE checkpoint(
    id INTEGER PRIMARY KEY, seq INTEGER NOT NULL, version TEXT NOT NULL, crc INTEGER NOT NULL,
    body BLOB NOT NULL) STRICT;
PRAGMA application_id = 1414677075;
PRAGMA user_version = 1;
COMMIT;
)";

// What leads from each version to the next one, each in a transaction of its own. Version 0 was never in use; a file
// says so only when its head was damaged.
constexpr std::array<const char*, kVersion> kMigrations{""};

struct Pragma {
    const char *name, *set, *read_back;
};
// page_size comes before journal_mode: it can only be chosen while the file is empty.
// secure_delete is on in Debian's build: every freed page would be written once more, as zeros.
constexpr std::array<Pragma, 9> kPragmas{{
    {"page_size", "4096", "4096"},
    {"auto_vacuum", "NONE", "0"},
    {"journal_mode", "WAL", "wal"},
    {"synchronous", "FULL", "2"},
    {"wal_autocheckpoint", "1000", "1000"},
    {"journal_size_limit", "4194304", "4194304"},
    {"secure_delete", "OFF", "0"},
    {"cache_size", "-1024", "-1024"},
    {"cell_size_check", "ON", "1"},
}};

base::Error cannot(const char* doing, const std::string& path, int number) {
    const char* code = number == ENOSPC || number == EDQUOT ? kFull : kPath;
    return {code, base::format("cannot {} {}: {}; the folder must exist and belong to the gateway's user", doing, path,
                               base::errno_text(number))};
}

base::Error newer(const std::string& path, int64_t version) {
    return {kNewer, base::format("the store {} has format {}, this version knows {}; it was left untouched: install "
                                 "the newer version again or choose another store.path",
                                 path, version, kVersion)};
}

int64_t big_endian(const unsigned char* at) {
    return int64_t{at[0]} << 24 | int64_t{at[1]} << 16 | int64_t{at[2]} << 8 | int64_t{at[3]};
}

// SQLite believes the number of free pages in the head of the file until it needs one.
bool look_at_sizes(Database& database) {
    const auto pages = std::strtoll(database.pragma("page_count").c_str(), nullptr, 10);
    const auto free_pages = std::strtoll(database.pragma("freelist_count").c_str(), nullptr, 10);
    if (database.failed()) return false;
    return (free_pages >= 0 && free_pages <= pages) || database.note(SQLITE_CORRUPT);
}

// Reads whole rows, so that a bad page shows now and not in the middle of the night. Bounded: not the whole file.
bool look_at_tables(Database& database) {
    for (const char* sql : {"SELECT * FROM state", "SELECT * FROM meta", "SELECT * FROM checkpoint",
                            "SELECT * FROM config_history ORDER BY seq DESC LIMIT 2",
                            "SELECT log, seq, body FROM block ORDER BY id DESC LIMIT 8",
                            "SELECT id, log, seq FROM block ORDER BY id LIMIT 8",
                            "SELECT log, seq FROM block INDEXED BY block_by_seq WHERE log > 0 LIMIT 8"}) {
        Statement statement;
        if (!statement.prepare(database, sql)) return false;
        statement.start();
        while (statement.next())
            for (int i = 0; i < statement.columns(); i++) statement.blob(i);
        if (!statement.ok()) return false;
    }
    return true;
}

base::Result<> set_pragmas(Database& database, const std::string& path) {
    for (const auto& [name, set, read_back] : kPragmas) {
        if (!database.exec(base::format("PRAGMA {} = {}", name, set).c_str())) return database.error("set up");
        const auto now = database.pragma(name);
        if (database.failed()) return database.error("read");
        // These two belong to the file: somebody flipped a bit in its head.
        if (now != read_back && (name == std::string_view("page_size") || name == std::string_view("auto_vacuum")))
            database.note_damage();
        if (now != read_back)
            return base::Error{kPath, base::format("the store {} cannot be used: {} is {} instead of {}; is it on a "
                                                   "network file system?",
                                                   path, name, now, read_back)};
    }
    return {};
}

}  // namespace

WriterLock::~WriterLock() {
    if (fd_ >= 0) close(fd_);
}

base::Result<> WriterLock::take(const std::string& store_path) {
    const std::string path = store_path + ".lock";
    fd_ = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0640);
    if (fd_ < 0) return cannot("open", path, errno);
    std::array<char, 32> pid{};
    if (flock(fd_, LOCK_EX | LOCK_NB) != 0) {
        const int number = errno;
        if (number != EWOULDBLOCK) return cannot("lock", path, number);
        const ssize_t got = pread(fd_, pid.data(), pid.size() - 1, 0);
        const std::string_view text(pid.data(), got > 0 ? static_cast<size_t>(got) : 0);
        return base::Error{kLocked, base::format("the store {} is in use by another process, pid {}", store_path,
                                                 text.empty() ? "unknown" : text.substr(0, text.find('\n')))};
    }
    // The number is for people only; a full disk must not keep us from starting.
    const int size = std::snprintf(pid.data(), pid.size(), "%ld\n", static_cast<long>(getpid()));
    if (ftruncate(fd_, 0) != 0 || pwrite(fd_, pid.data(), static_cast<size_t>(size), 0) != size)
        base::log::warning("cannot write the pid into {}", path);
    return {};
}

std::string lock_holder(const std::string& store_path) {
    const int fd = open((store_path + ".lock").c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) return {};
    std::array<char, 32> pid{};
    const bool free = flock(fd, LOCK_SH | LOCK_NB) == 0;
    if (!free && pread(fd, pid.data(), pid.size() - 1, 0) <= 0) pid[0] = '?';
    close(fd);
    const std::string_view text(pid.data());
    return free ? std::string() : std::string(text.substr(0, text.find('\n')));
}

base::Result<> refuse_newer(const std::string& path) {
    const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);  // a pipe would wait for its writer
    if (fd < 0) {
        if (errno == ENOENT) return {};
        return cannot("read", path, errno);
    }
    std::array<unsigned char, 100> head{};  // https://www.sqlite.org/fileformat.html, 1.3
    const ssize_t got = read(fd, head.data(), head.size());
    close(fd);
    if (got != static_cast<ssize_t>(head.size())) return {};
    const int64_t version = big_endian(&head[60]), application = big_endian(&head[68]);
    if (application == kApplicationId && version > kVersion) return newer(path, version);
    return {};
}

base::Result<> check_version(Database& database, const std::string& path) {
    const auto application = database.pragma("application_id");
    const auto version = database.pragma("user_version");
    if (database.failed()) return database.error("read");
    const auto number_of = [](const std::string& text) { return std::strtoll(text.c_str(), nullptr, 10); };
    if (std::popcount(static_cast<uint32_t>(number_of(application) ^ kApplicationId)) == 1) database.note_damage();
    if (application != base::format("{}", kApplicationId))
        return base::Error{kPath, base::format("{} is not a store of this program", path)};
    if (const auto number = number_of(version); number > kVersion) return newer(path, number);
    return {};
}

namespace {

bool migrate(Database& database) {
    const auto version = std::strtoll(database.pragma("user_version").c_str(), nullptr, 10);
    for (auto from = std::max<int64_t>(version, 0); from < kVersion; from++) {
        const auto sql = base::format("BEGIN IMMEDIATE; {}; PRAGMA user_version = {}; COMMIT",
                                      kMigrations[static_cast<size_t>(from)], from + 1);
        if (!database.exec(sql.c_str())) return false;
        base::log::info("the store was brought from format {} to {}", from, from + 1);
    }
    return !database.failed();
}

}  // namespace

base::Result<> prepare_file(Database& database, const std::string& path) {
    const auto tables = [&] {
        Statement count;
        return count.prepare(database, "SELECT count(*) FROM sqlite_schema") && count.first() ? count.integer(0) : -1;
    }();
    if (database.failed()) return database.error("open");
    // Tables, application_id and user_version come in one transaction: an empty schema is a fresh file.
    if (tables > 0) {
        if (auto fits = check_version(database, path); !fits) return fits;
    }
    database.allow_writes();
    if (auto done = set_pragmas(database, path); !done) return done;
    if (tables == 0 && !create_tables(database)) return database.error("create");
    if (tables > 0 && !migrate(database)) return database.error("bring to the present format");
    if (!look_at_sizes(database) || !look_at_tables(database)) return database.error("read");
    return {};
}

bool create_tables(Database& database) { return database.exec(kCreate); }

std::string salvage_path(const std::string& path) { return path + ".salvage"; }

base::Result<> sync_file(const std::string& path) {
    const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
    const bool done = fd >= 0 && fsync(fd) == 0;
    const int number = errno;
    if (fd >= 0) close(fd);
    if (!done) return cannot("sync", path, number);
    return {};
}

// The file first: without it whoever is interrupted here finds out that this is not done. The WAL must not be left to
// the next file, which SQLite would take it for.
base::Result<std::string> set_aside(const std::string& path) {
    std::string stamp = base::format_time_ms(base::SystemClock().wall_ns() / base::kNsPerMs);
    std::erase(stamp, ':');  // file systems and shells
    const std::string aside = path + ".damaged-" + stamp;
    for (const char* suffix : {"", "-wal", "-shm"}) {
        if (rename((path + suffix).c_str(), (aside + suffix).c_str()) != 0 && errno != ENOENT)
            return cannot("set aside", path + suffix, errno);
    }
    const auto salvaged = salvage_path(path);
    if (rename(salvaged.c_str(), path.c_str()) != 0 && errno != ENOENT) return cannot("rename", salvaged, errno);
    const auto slash = path.rfind('/');
    if (auto synced = sync_file(slash == std::string::npos ? "." : path.substr(0, slash + 1)); !synced)
        return synced.error();
    return aside;
}

base::Result<bool> finish_replacing(const std::string& path) {
    const auto salvaged = salvage_path(path);
    if (access(salvaged.c_str(), F_OK) != 0) return false;
    if (access(path.c_str(), F_OK) == 0) {  // never finished, or not begun to take its place
        unlink(salvaged.c_str());
        return false;
    }
    auto aside = set_aside(path);
    if (!aside) return aside.error();
    return true;
}

int64_t file_bytes(const std::string& path) {
    struct stat status {};
    return stat(path.c_str(), &status) == 0 ? status.st_size : 0;
}

}  // namespace tributary::store
