// SPDX-License-Identifier: Apache-2.0
// SIGKILL in the middle of commits, again and again on one file: what the child had been told is committed is there,
// and the parts of a transaction are there together.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support.hpp"

using namespace tributary;
using namespace tributary::store;
using model::Log;

namespace {

// Commits until it is killed; after each commit it says so with the position of the engine.
[[noreturn]] void write_for_ever(const std::string& path, int pipe_fd) {
    auto store = Store::open({path, int64_t{1} << 30, 1});
    if (!store) _exit(1);
    for (uint32_t round = 0;; round++) {
        const uint64_t next = (*store)->next_seq(Log::intake);
        const std::string body = std::string(1 + round % 9'000, 'b') + std::to_string(next);
        const uint32_t count = 1 + round % 7;
        Batch batch;
        batch.appends = {append(Log::intake, count, body), append(Log::windows, count, body)};
        batch.cursors = {{"engine", next + count}};
        batch.ledger.received("s", count);
        batch.ledger.logs[Log::windows].appended = count;
        if (next > 2'000) batch.trim_below = {{Log::intake, next - 2'000}};
        if (round % 50 == 49 && !(*store)->save_checkpoint({next, "v", body})) _exit(1);
        if (!(*store)->commit(batch)) _exit(1);
        const uint64_t said = next + count;
        if (write(pipe_fd, &said, sizeof said) != sizeof said) _exit(1);
    }
}

void check_balanced(const std::string& path, uint64_t said) {
    auto store = open_store(path);
    CHECK(store->report().empty());
    const uint64_t next = store->next_seq(Log::intake);
    CHECK(next >= said);
    CHECK(store->next_seq(Log::windows) == next);
    auto reader = open_reader(*store);
    CHECK(reader->cursors()->at("engine") == next);
    CHECK(reader->ledger()->streams.at("s").received == next - 1);
    CHECK(reader->ledger()->logs.at(Log::windows).appended == next - 1);
    for (const Log log : {Log::intake, Log::windows}) {
        for (uint64_t seq = store->first_seq(log); seq < next;) {
            auto block = reader->block_at(log, seq);
            REQUIRE(block.ok());
            REQUIRE(block->has_value());
            CHECK((*block)->first_seq == seq);
            CHECK((*block)->body.ends_with(std::to_string(seq)));
            seq = (*block)->end_seq();
        }
    }
    CHECK(reader->checkpoint().ok());
}

}  // namespace

TEST_CASE("30 kills lose nothing that was reported as committed") {
    const TempFolder folder;
    uint64_t said = 1;
    for (int kill_number = 0; kill_number < 30; kill_number++) {
        int ends[2];
        REQUIRE(pipe(ends) == 0);
        const pid_t child = fork();
        REQUIRE(child >= 0);
        if (child == 0) {
            close(ends[0]);
            write_for_ever(folder.file(), ends[1]);
        }
        close(ends[1]);
        // At least some commits, then anywhere inside the next one.
        uint64_t heard = 0;
        for (int i = 0; i < 5 + kill_number * 2; i++) {
            REQUIRE(read(ends[0], &heard, sizeof heard) == sizeof heard);
            said = heard;
        }
        usleep(static_cast<useconds_t>(kill_number * 97));
        kill(child, SIGKILL);
        while (read(ends[0], &heard, sizeof heard) == sizeof heard) said = heard;
        close(ends[0]);
        int status = 0;
        REQUIRE(waitpid(child, &status, 0) == child);
        CHECK(WIFSIGNALED(status));
        check_balanced(folder.file(), said);
    }
}
