// SPDX-License-Identifier: Apache-2.0
// Files that are not as we left them: newer, damaged, cut, tampered with, and disks that fail under way.
#include <signal.h>
#include <sys/resource.h>

#include <fstream>

#include "support.hpp"

using namespace tributary;
using namespace tributary::store;
using model::Log;

namespace {

void fill_slowly(const std::string& path, int blocks) {
    auto store = open_store(path);
    for (int i = 0; i < blocks; i++) {
        Batch batch;
        const std::string body = "block " + std::to_string(i) + std::string(3'000, static_cast<char>('a' + i % 26));
        batch.appends = {append(Log::intake, 10, body), append(Log::windows, 1, body)};
        batch.cursors = {{"engine", static_cast<uint64_t>(i)}};
        batch.meta["m"] = body;
        batch.configs = {{static_cast<uint64_t>(i) * 10 + 1, body}};
        batch.ledger.received("s", 10);
        commit(*store, batch);
    }
    REQUIRE(store->save_checkpoint({1, "v", "state"}).ok());
}

// Made once: every commit waits for the disk.
void fill(const std::string& path) {
    static const std::string bytes = [] {
        const TempFolder folder;
        fill_slowly(folder.file(), 50);
        return bytes_of(folder.file());
    }();
    std::ofstream(path, std::ios::binary) << bytes;
}

void overwrite(const std::string& path, int64_t at, std::string_view bytes) {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(at);
    file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    REQUIRE(file.good());
}

int set_aside_files(const std::string& folder) {
    int found = 0;
    for (const auto& entry : std::filesystem::directory_iterator(folder))
        found += entry.path().filename().string().starts_with("store.db.damaged-") ? 1 : 0;
    return found;
}

// Whatever the file was: the store opens and works.
void check_works(const std::string& path) {
    auto store = open_store(path);
    const uint64_t next = store->next_seq(Log::intake);
    Batch batch;
    batch.appends = {append(Log::intake, 2, "new")};
    batch.cursors = {{"engine", next}};
    auto result = store->commit(batch);
    if (!result.ok()) {
        REQUIRE(store->reopen().ok());
        result = store->commit(batch);
    }
    REQUIRE(result.ok());
    auto block = open_reader(*store)->block_at(Log::intake, (*result)[0].first_seq);
    REQUIRE(block.ok());
    CHECK((*block)->body == "new");
}

}  // namespace

TEST_CASE("a store of a newer version is left untouched, byte for byte") {
    const TempFolder folder;
    fill(folder.file());
    SUBCASE("in the file") { meddle(folder.file(), "PRAGMA user_version = 2"); }
    SUBCASE("in the WAL only") {
        // A copy of file and WAL while the newer version runs: as after its power cut.
        sqlite3* database = nullptr;
        REQUIRE(sqlite3_open(folder.file().c_str(), &database) == SQLITE_OK);
        REQUIRE(sqlite3_exec(database, "PRAGMA user_version = 2", nullptr, nullptr, nullptr) == SQLITE_OK);
        std::filesystem::copy_file(folder.file(), folder.path + "/copy");
        std::filesystem::copy_file(folder.file() + "-wal", folder.path + "/copy-wal");
        sqlite3_close(database);
        std::filesystem::rename(folder.path + "/copy", folder.file());
        std::filesystem::rename(folder.path + "/copy-wal", folder.file() + "-wal");
    }
    const auto before = bytes_of(folder.file());
    const bool has_wal = std::filesystem::exists(folder.file() + "-wal");
    const auto wal_before = has_wal ? bytes_of(folder.file() + "-wal") : std::string();
    auto store = Store::open({folder.file(), 1 << 30, 1});
    REQUIRE(!store.ok());
    CHECK(store.error().code == kNewer);
    CHECK(Reader::open(folder.file()).error().code == kNewer);
    CHECK(bytes_of(folder.file()) == before);
    if (has_wal) CHECK(bytes_of(folder.file() + "-wal") == wal_before);
    CHECK(set_aside_files(folder.path) == 0);
}

TEST_CASE("a file that is no database is set aside, and a fresh one begun") {
    const TempFolder folder;
    const std::string garbage = "this is not a database, " + std::string(10'000, '?');
    REQUIRE(base::write_file_atomically(folder.file(), garbage).ok());
    REQUIRE(base::write_file_atomically(folder.file() + "-wal", "rest").ok());
    CHECK(Reader::open(folder.file()).error().code == kBroken);
    {
        auto store = open_store(folder.file());
        CHECK(store->report().find(".damaged-") != std::string::npos);
        CHECK(store->next_seq(Log::intake) == 1);
    }
    CHECK(set_aside_files(folder.path) >= 2);  // SQLite may have made an index for the WAL
    check_works(folder.file());
    for (const auto& entry : std::filesystem::directory_iterator(folder.path)) {
        const auto name = entry.path().string();
        if (name.find(".damaged-") != std::string::npos && !name.ends_with("-wal") && !name.ends_with("-shm"))
            CHECK(bytes_of(name) == garbage);
    }
}

TEST_CASE("an empty file is a fresh store") {
    const TempFolder folder;
    REQUIRE(base::write_file_atomically(folder.file(), "").ok());
    check_works(folder.file());
    CHECK(set_aside_files(folder.path) == 0);
}

TEST_CASE("pages overwritten with garbage: it always starts") {
    for (int64_t page = 0; page < 12; page++) {
        CAPTURE(page);
        const TempFolder folder;
        fill(folder.file());
        std::string noise(4096, '\x5a');
        if (page == 0) noise.resize(50);  // the header: NOTADB
        overwrite(folder.file(), page * 4096, noise);
        check_works(folder.file());
    }
}

TEST_CASE("a file cut short: it always starts") {
    const TempFolder original;
    fill(original.file());
    const auto bytes = bytes_of(original.file());
    for (const size_t size : {size_t{1}, size_t{99}, size_t{512}, size_t{4096}, size_t{8192}, bytes.size() / 2,
                              bytes.size() - 4096, bytes.size() - 1}) {
        CAPTURE(size);
        const TempFolder folder;
        REQUIRE(base::write_file_atomically(folder.file(), std::string_view(bytes).substr(0, size)).ok());
        check_works(folder.file());
    }
}

TEST_CASE("a flipped byte in a block is found, named, and stepped over") {
    for (const std::string what : {"body = CAST(substr(body, 1, 20) || x'ff' || substr(body, 22) AS BLOB)",
                                   "count = 11", "count = 9", "first_time = 1001", "incarnation = '0123456789abcdef'",
                                   "class = 3", "crc = crc + 1", "body = x''", "body = x'07'"}) {
        CAPTURE(what);
        const TempFolder folder;
        fill(folder.file());
        meddle(folder.file(), "UPDATE block SET " + what + " WHERE log = 1 AND seq = 101");
        auto store = open_store(folder.file());
        CHECK(store->report().empty());
        auto reader = open_reader(*store);
        CHECK((*reader->block_at(Log::intake, 100))->first_seq == 91);
        const auto bad = reader->block_at(Log::intake, 101);
        REQUIRE(!bad.ok());
        CHECK(bad.error().code == kFormat);
        CHECK(bad.error().message.find("intake 101..110 ") != std::string::npos);
        CHECK(*reader->seq_behind(Log::intake, 101) == 111);
        CHECK((*reader->block_at(Log::intake, 111))->first_seq == 111);
        CHECK(reader->newest(Log::intake, 100'000)->size() == 49);
    }
}

TEST_CASE("the newest block claims more records than it has: a walk gets past it, and new records are read") {
    for (const std::string count : {"11", "2000000000", "-3", "0"}) {
        CAPTURE(count);
        const TempFolder folder;
        fill(folder.file());
        meddle(folder.file(), "PRAGMA ignore_check_constraints = ON; UPDATE block SET count = " + count +
                                  " WHERE log = 1 AND seq = (SELECT max(seq) FROM block WHERE log = 1)");
        auto store = open_store(folder.file());
        auto reader = open_reader(*store);
        uint64_t seq = 1;
        int damaged = 0;
        while (seq < store->next_seq(Log::intake)) {
            const auto block = reader->block_at(Log::intake, seq);
            if (block) {
                REQUIRE(*block);
                seq = (*block)->end_seq();
                continue;
            }
            CHECK(block.error().code == kFormat);
            const auto behind = reader->seq_behind(Log::intake, seq);
            REQUIRE(behind.ok());
            REQUIRE(*behind > seq);
            seq = *behind;
            REQUIRE(++damaged <= 2);  // not number by number
        }
        CHECK(damaged >= 1);
        reader.reset();
        store.reset();
        check_works(folder.file());
    }
}

TEST_CASE("garbage in every table") {
    for (const std::string sql : {
             "UPDATE state SET n = 9223372036854775807 WHERE kind = 'next_seq'",
             "UPDATE state SET n = 1 WHERE kind = 'next_seq'",
             "DELETE FROM state",
             "UPDATE state SET kind = 'nonsense'",
             "UPDATE state SET n = 9223372036854775807 WHERE kind = 'stream'",
             "INSERT INTO state VALUES('log', 'no such log', 'appended', 1), ('stream', 's', 'no such fate', 2)",
             "UPDATE meta SET value = CAST(x'fffe00' AS TEXT)",
             "UPDATE config_history SET body = x'01ffff', crc = -1",
             "UPDATE checkpoint SET body = zeroblob(100000)",
             "UPDATE block SET seq = 9223372036854775000 + id",
             "UPDATE block SET count = 9223372036854775807 WHERE id = 60",
             "UPDATE block SET body = zeroblob(10), crc = 0",
             "INSERT INTO block VALUES(9223372036854775807, 77, 1, 1, 0, 0, '', 0, 0, x'')",
             "DROP TABLE checkpoint",
             "DROP INDEX block_by_seq",
             "ALTER TABLE block DROP COLUMN crc",
             "DROP TABLE block; CREATE TABLE block(x INTEGER)",
         }) {
        CAPTURE(sql);
        const TempFolder folder;
        fill(folder.file());
        meddle(folder.file(), "PRAGMA ignore_check_constraints = 1; " + sql);
        {
            auto reader = Reader::open(folder.file());
            if (reader.ok()) {
                for (uint64_t seq = 1; seq < 600; seq += 7) {
                    (void)(*reader)->block_at(Log::intake, seq);
                    (void)(*reader)->seq_behind(Log::intake, seq);
                }
                (void)(*reader)->newest(Log::intake, 1'000);
                (void)(*reader)->cursors();
                (void)(*reader)->ledger();
                (void)(*reader)->meta();
                (void)(*reader)->checkpoint();
                (void)(*reader)->config_at(1);
            }
        }
        check_works(folder.file());
    }
}

TEST_CASE("damage found while running: commit says broken, reopen begins a fresh file and the numbers go on") {
    const TempFolder folder;
    fill(folder.file());
    auto store = open_store(folder.file());
    const uint64_t next = store->next_seq(Log::intake);
    // The next number is taken already: no sound file is like that.
    meddle(folder.file(), "INSERT INTO block SELECT NULL, log, " + std::to_string(next) +
                              ", count, 0, 0, '', 0, 0, x'' FROM block WHERE id = 1");
    Batch batch;
    batch.appends = {append(Log::intake, 5, "x")};
    const auto failed = store->commit(batch);
    REQUIRE(!failed.ok());
    CHECK(failed.error().code == kBroken);
    Batch cursor;
    cursor.cursors = {{"engine", 1}};
    CHECK(store->commit(cursor).error().code == kBroken);
    CHECK(store->save_checkpoint({1, "v", ""}).error().code == kBroken);
    REQUIRE(store->reopen().ok());
    CHECK(store->report().find(".damaged-") != std::string::npos);
    CHECK(store->next_seq(Log::intake) >= next);
    const auto appended = commit(*store, batch);
    CHECK(appended[0].first_seq >= next);
    CHECK(set_aside_files(folder.path) >= 1);
    const uint64_t after = store->next_seq(Log::intake);
    store.reset();
    CHECK(open_store(folder.file())->next_seq(Log::intake) == after);
}

TEST_CASE("a disk that fails in the middle of a commit: all of it or nothing, and then on") {
    const TempFolder folder;
    auto store = open_store(folder.file());
    Batch batch;
    std::string body;
    for (uint32_t x = 7; body.size() < 20'000; x = x * 1664525 + 1013904223) body += static_cast<char>(x >> 24);
    batch.appends = {append(Log::intake, 5, body), append(Log::windows, 5, body)};
    batch.cursors = {{"engine", 6}};
    commit(*store, batch);
    // The kernel refuses to let the WAL grow by more than a page.
    rlimit before{};
    REQUIRE(getrlimit(RLIMIT_FSIZE, &before) == 0);
    rlimit tight = before;
    tight.rlim_cur = std::filesystem::file_size(folder.file() + "-wal") + 5'000;
    const auto old_handler = signal(SIGXFSZ, SIG_IGN);
    REQUIRE(setrlimit(RLIMIT_FSIZE, &tight) == 0);
    batch.cursors = {{"engine", 11}};
    const auto failed = store->commit(batch);
    REQUIRE(setrlimit(RLIMIT_FSIZE, &before) == 0);
    signal(SIGXFSZ, old_handler);
    REQUIRE(!failed.ok());
    CHECK(failed.error().code == kBroken);
    REQUIRE(store->reopen().ok());
    CHECK(store->report().empty());
    CHECK(store->next_seq(Log::intake) == 6);
    CHECK(open_reader(*store)->cursors()->at("engine") == 6);
    CHECK(commit(*store, batch)[0].first_seq == 6);
}

TEST_CASE("a lock held by a stranger is an error, not a hang, and passes") {
    const TempFolder folder;
    auto store = open_store(folder.file());
    sqlite3* stranger = nullptr;
    REQUIRE(sqlite3_open(folder.file().c_str(), &stranger) == SQLITE_OK);
    REQUIRE(sqlite3_exec(stranger, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr) == SQLITE_OK);
    Batch batch;
    batch.appends = {append(Log::intake, 5, "x")};
    CHECK(store->commit(batch).error().code == kLocked);
    REQUIRE(sqlite3_exec(stranger, "ROLLBACK", nullptr, nullptr, nullptr) == SQLITE_OK);
    sqlite3_close(stranger);
    REQUIRE(store->reopen().ok());
    CHECK(commit(*store, batch)[0].first_seq == 1);
}
