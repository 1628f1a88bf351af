// SPDX-License-Identifier: Apache-2.0
// What `tributary store` asks: overview, verify, repair, backup, wipe; beside a writer, and on damaged files.
#include "store/inspect.hpp"

#include "delivery.hpp"

using namespace tributary;
using namespace tributary::store;

namespace {

void write(const std::string& path, std::string_view bytes) { std::ofstream(path, std::ios::binary) << bytes; }

const Image& image() {
    static const Image made = make_image(60, 60);
    return made;
}

}  // namespace

TEST_CASE("an overview and a clean verdict, with a writer at work and without") {
    const Quiet quiet;
    const MemoryFolder folder;
    FaultVfs fast;
    write(folder.file(), image().file);
    auto store = open_store(folder.file());
    for (const bool running : {true, false}) {
        CAPTURE(running);
        if (!running) store.reset();
        const auto all = overview(folder.file());
        REQUIRE(all.ok());
        CHECK(all->running_pid == (running ? std::to_string(getpid()) : ""));
        CHECK(all->cursors == image().reference.cursors);
        CHECK(all->ledger.streams == image().reference.ledger.streams);
        CHECK(all->checkpoint_seq == image().reference.checkpoint->seq);
        uint64_t records = 0, next = 0;
        for (const auto& facts : all->logs)
            if (facts.log == Log::intake) records = facts.records, next = facts.next_seq - facts.first_seq;
        CHECK(records == next);
        CHECK(records > 300);
        const auto found = verify(folder.file());
        REQUIRE(found.ok());
        for (const auto& problem : found->problems) FAIL_CHECK(problem);
        CHECK(found->clean());
        CHECK(found->missing.empty());
        CHECK(found->structure_checked == !running);
        CHECK(found->blocks > 50);
    }
}

TEST_CASE("verify names what is damaged, repair mends it, and there is nothing to repair afterwards") {
    const Quiet quiet;
    const MemoryFolder folder;
    write(folder.file(), image().file);
    const auto& windows = image().reference.blocks.at(Log::windows);
    const LostRange rotten{Log::windows, windows[3].seq, windows[3].seq + windows[3].count - 1};
    std::string problem;
    bool block_gone = true;
    SUBCASE("a block") {
        meddle(folder.file(), "UPDATE block SET body = x'00' WHERE log = 2 AND seq = " + std::to_string(rotten.from));
    }
    SUBCASE("a block that is gone, index and all") {
        meddle(folder.file(), "DELETE FROM block WHERE log = 2 AND seq = " + std::to_string(rotten.from));
        const auto found = verify(folder.file());
        REQUIRE(found.ok());
        CHECK(found->clean());
        CHECK(found->missing == std::vector{rotten});
        return;
    }
    SUBCASE("a cursor") {
        meddle(folder.file(), "UPDATE state SET n = n + 64 WHERE name = 'kafka:main:intake'");
        problem = "the check of its cursor", block_gone = false;
    }
    SUBCASE("the index") {
        meddle(folder.file(),
               "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET rootpage = 4 WHERE name = 'block_by_seq'");
        problem = "index", block_gone = false;
    }
    SUBCASE("the configuration") {
        meddle(folder.file(), "UPDATE config_history SET crc = crc + 1");
        problem = "configuration", block_gone = false;
    }
    SUBCASE("the head") {
        auto file = image().file;
        file.replace(0, 16, 16, 'x');
        write(folder.file(), file);
        problem = "not a database", block_gone = false;
    }
    const auto found = verify(folder.file());
    REQUIRE(found.ok());
    CHECK(!found->clean());
    std::string said;
    for (const auto& text : found->problems) said += text + "\n";
    CAPTURE(said);
    CHECK(said.find(problem) != std::string::npos);
    if (block_gone) CHECK(found->damaged == std::vector{rotten});
    const auto before = bytes_of(folder.file());
    const auto copied = repair_to(folder.file(), folder.path + "/copy.db");
    REQUIRE(copied.ok());
    CHECK(bytes_of(folder.file()) == before);
    CHECK(repair_to(folder.file(), folder.path + "/copy.db").error().code == kCommand);
    const auto repaired = repair(folder.file());
    REQUIRE(repaired.ok());
    CHECK(repaired->needed);
    CHECK(bytes_of(repaired->set_aside) == before);
    if (block_gone) CHECK(repaired->salvaged.lost == std::vector{rotten});
    const auto after = verify(folder.file());
    REQUIRE(after.ok());
    for (const auto& text : after->problems) FAIL_CHECK(text);
    CHECK(after->clean());
    CHECK(!repair(folder.file())->needed);
    CHECK(overview(folder.file())->set_aside == std::vector{repaired->set_aside});
}

TEST_CASE("a backup is one file with everything in it, made beside a writer") {
    const Quiet quiet;
    const MemoryFolder folder;
    write(folder.file(), image().file);
    const auto to = folder.path + "/backup.db";
    {
        auto store = open_store(folder.file());
        Batch batch;
        batch.appends = {append(Log::intake, 5, "only in the WAL")};
        commit(*store, batch);
        REQUIRE(backup(folder.file(), to).ok());
        CHECK(backup(folder.file(), to).error().code == kCommand);
        commit(*store, batch);
    }
    CHECK(!std::filesystem::exists(to + "-wal"));
    CHECK(!std::filesystem::exists(to + ".part"));
    const auto found = verify(to);
    REQUIRE(found.ok());
    CHECK(found->clean());
    auto copy = open_store(to);
    CHECK(copy->next_seq(Log::intake) == image().reference.next_of(Log::intake) + 5);
    CHECK(*open_reader(*copy)->cursors() == image().reference.cursors);
    CHECK(!backup(folder.path + "/none.db", folder.path + "/x").ok());
    CHECK(!backup(folder.file(), folder.path + "/no/folder/x").ok());
}

TEST_CASE("repair and wipe refuse while the store is in use; wipe deletes it and what was set aside") {
    const Quiet quiet;
    const MemoryFolder folder;
    write(folder.file(), image().file);
    auto store = open_store(folder.file());
    for (const auto& refused : {repair(folder.file()).error(), wipe(folder.file(), true).error(),
                                repair_to(folder.file(), folder.path + "/x").error()}) {
        CHECK(refused.code == kLocked);
        CHECK(refused.message.find("stop it first") != std::string::npos);
    }
    store.reset();
    write(folder.file() + ".damaged-2026", "x");
    CHECK(wipe(folder.file(), false)->removed == std::vector{folder.file()});
    CHECK(std::filesystem::exists(folder.file() + ".damaged-2026"));
    CHECK(wipe(folder.file(), true).error().code == kPath);  // nothing there: a slip of the pen, perhaps
    write(folder.file(), "");
    CHECK(wipe(folder.file(), true)->removed.size() == 2);
}
