// SPDX-License-Identifier: Apache-2.0
#include <thread>

#include "store/inspect.hpp"
#include "support.hpp"

using namespace tributary;
using namespace tributary::store;
using model::Log;

namespace {

std::string text_of(size_t size) {
    std::string text;
    for (uint32_t x = 7; text.size() < size; x = x * 1'664'525 + 1'013'904'223) text += static_cast<char>(x >> 24);
    return text;
}

}  // namespace

TEST_CASE("a cut replaces what lies in its rows, and leaves what lies between them, of other classes too") {
    const TempFolder folder;
    std::string run;
    {
        auto store = open_store(folder.file());
        run = store->incarnation();
        Batch batch;
        for (int i = 0; i < 12; i++) {  // 2 records each; low, normal, high in turn
            auto one = append(Log::intake, 2, i % 3 == 0 ? "low" : i % 3 == 1 ? "normal" : "high");
            one.block_class = static_cast<uint8_t>(i % 3 == 0 ? 0x10 : i % 3 == 1 ? 0x00 : 0x20);
            batch.appends.push_back(one);
        }
        batch.appends.push_back(append(Log::windows, 24, "windows"));
        commit(*store, batch);
        Batch thin;
        thin.cut.emplace();
        thin.cut->log = Log::intake;
        for (const uint64_t seq : {7, 13})  // the second low one, and the third with the normal one behind it
            thin.cut->kept.push_back({seq, seq == 7 ? 2U : 4U, 1'000, 2'000, 0x11, run, "left"});
        CHECK(thin.cut->from_seq() == 7);
        CHECK(thin.cut->to_seq() == 17);
        CHECK((thin.cut->takes(7, 9) && thin.cut->takes(13, 15) && thin.cut->takes(15, 17)));
        CHECK(!(thin.cut->takes(5, 7) || thin.cut->takes(9, 11) || thin.cut->takes(11, 13) || thin.cut->takes(15, 19)));
        thin.appends.push_back(append(Log::thinned, 1, "summary"));
        commit(*store, thin);
    }
    const auto store = open_store(folder.file());
    CHECK(store->report().empty());
    const auto reader = open_reader(*store);
    std::string rows;
    for (uint64_t seq = 1; seq < 25;) {
        const auto block = reader->block_at(Log::intake, seq);
        REQUIRE((block.ok() && block->has_value()));
        CHECK((*block)->first_seq == seq);
        CHECK((*block)->incarnation == run);
        rows += std::to_string(seq) + (*block)->body + " ";
        seq = (*block)->end_seq();
    }
    CHECK(rows == "1low 3normal 5high 7left 9normal 11high 13left 17high 19low 21normal 23high ");
    const auto next_low = reader->block_of_class(Log::intake, 2, 0x10);
    REQUIRE((next_low.ok() && next_low->has_value()));
    CHECK((*next_low)->first_seq == 19);
    CHECK((*reader->block_of_class(Log::intake, 1, 0x11))->first_seq == 7);
    CHECK((*reader->block_at(Log::windows, 1))->body == "windows");
    CHECK(verify(folder.file()).value().clean());
}

TEST_CASE("blocks come back as they were appended, in their own run's name") {
    const TempFolder folder;
    std::string first_run, second_run;
    const std::string noise = text_of(5'000), plain(10'000, 'a');
    {
        auto store = open_store(folder.file());
        CHECK(store->report().empty());
        CHECK(store->next_seq(Log::intake) == 1);
        CHECK(store->first_seq(Log::intake) == 1);
        first_run = store->incarnation();
        CHECK(first_run.size() == 16);
        Batch batch;
        batch.appends = {append(Log::intake, 3, plain), append(Log::windows, 2, noise), append(Log::intake, 4, "")};
        const auto appended = commit(*store, batch);
        REQUIRE(appended.size() == 3);
        CHECK(appended[0].first_seq == 1);
        CHECK(appended[1].first_seq == 1);
        CHECK(appended[1].log == Log::windows);
        CHECK(appended[2].first_seq == 4);
        CHECK(appended[2].count == 4);
        CHECK(store->usage().commits == 1);
        CHECK(store->usage().body_bytes == 15'000);
        CHECK(store->usage().file_bytes > 0);
    }
    auto store = open_store(folder.file());
    second_run = store->incarnation();
    CHECK(second_run != first_run);
    CHECK(store->next_seq(Log::intake) == 8);
    CHECK(store->next_seq(Log::windows) == 3);
    CHECK(store->next_seq(Log::events) == 1);
    Batch batch;
    batch.appends = {append(Log::intake, 1, "z")};
    commit(*store, batch);

    auto reader = open_reader(*store);
    for (const uint64_t seq : {1, 2, 3}) {
        auto block = reader->block_at(Log::intake, seq);
        REQUIRE(block.ok());
        REQUIRE(block->has_value());
        CHECK((*block)->first_seq == 1);
        CHECK((*block)->end_seq() == 4);
        CHECK((*block)->body == plain);
        CHECK((*block)->incarnation == first_run);
        CHECK((*block)->first_time_ns == 1'000);
        CHECK((*block)->last_time_ns == 2'000);
    }
    CHECK((*reader->block_at(Log::intake, 0))->first_seq == 1);
    CHECK((*reader->block_at(Log::intake, 7))->body.empty());
    CHECK((*reader->block_at(Log::intake, 8))->incarnation == second_run);
    CHECK((*reader->block_at(Log::windows, 1))->body == noise);
    CHECK(!reader->block_at(Log::intake, 9)->has_value());
    CHECK(!reader->block_at(Log::intake, UINT64_MAX)->has_value());
    CHECK(!reader->block_at(Log::dead, 1)->has_value());
    CHECK(*reader->next_seq(Log::intake) == 9);
    CHECK(*reader->next_seq(Log::dead) == 1);
    auto newest = reader->newest(Log::intake, 2);
    REQUIRE(newest.ok());
    REQUIRE(newest->size() == 2);
    CHECK((*newest)[0].first_seq == 4);
    CHECK((*newest)[1].first_seq == 8);
    CHECK(reader->newest(Log::intake, 1'000)->size() == 3);
    CHECK(reader->newest(Log::intake, 0)->empty());
}

TEST_CASE("cursors, ledger, small facts and configurations are kept over restarts") {
    const TempFolder folder;
    for (uint64_t run = 1; run <= 2; run++) {
        auto store = open_store(folder.file());
        Batch batch;
        batch.cursors = {{"engine", 10 * run}, {"kafka:default:events", run}};
        batch.ledger.received("", 1);
        batch.ledger.received("temp", 5);
        batch.ledger.settle("temp", model::Fate::summarised, 4);
        batch.ledger.logs[Log::windows] = {4, 3, 2, 1};
        batch.meta["session"] = run == 1 ? "1" : std::string("a\0b", 3);
        batch.configs = {{run * 100, "text " + std::to_string(run)}};
        CHECK(commit(*store, batch).empty());
        auto reader = open_reader(*store);
        CHECK(*reader->cursors() == Cursors{{"engine", 10 * run}, {"kafka:default:events", run}});
        const auto ledger = *reader->ledger();
        CHECK(ledger.streams.at("").received == run);
        CHECK(ledger.streams.at("temp").received == 5 * run);
        CHECK(ledger.streams.at("temp").pending() == static_cast<int64_t>(run));
        CHECK(ledger.logs.at(Log::windows) == model::LogAccount{4 * run, 3 * run, 2 * run, run});
        CHECK(reader->meta()->at("session") == batch.meta["session"]);
    }
    auto reader = Reader::open(folder.file());  // without the writer's lock
    REQUIRE(reader.ok());
    CHECK(!(*(*reader)->config_at(99)).has_value());
    CHECK((*(*reader)->config_at(100))->second == "text 1");
    CHECK((*(*reader)->config_at(199))->first == 100);
    CHECK((*(*reader)->config_at(UINT64_MAX))->second == "text 2");
}

TEST_CASE("trimming takes whole blocks, oldest first, and never gives a number out twice") {
    const TempFolder folder;
    {
        auto store = open_store(folder.file());
        for (uint64_t i = 0; i < 100; i++) {
            Batch batch;
            batch.appends = {append(Log::intake, 10, "x"), append(Log::events, 1, "y")};
            batch.configs = {{i * 10 + 5, "c"}};
            commit(*store, batch);
        }
        Batch trim;
        trim.trim_below = {{Log::intake, 96}};  // in the middle of the tenth block
        commit(*store, trim);
        CHECK(store->first_seq(Log::intake) == 91);
        auto reader = open_reader(*store);
        CHECK((*reader->block_at(Log::intake, 1))->first_seq == 91);
        CHECK((*reader->config_at(91))->first == 85);  // still in force there
        CHECK(!reader->config_at(84)->has_value());
        trim.trim_below = {{Log::intake, 5'000}, {Log::events, 5'000}};
        commit(*store, trim);
        CHECK(store->first_seq(Log::intake) == 91 + 64 * 10);
        CHECK(store->first_seq(Log::events) == 1);
        for (int i = 0; i < 3; i++) commit(*store, trim);
        CHECK(store->first_seq(Log::intake) == 1001);
        CHECK(store->first_seq(Log::events) == 101);
        CHECK(!reader->block_at(Log::intake, 1)->has_value());
        CHECK(*reader->seq_behind(Log::intake, 1) == 1001);
        CHECK((*reader->config_at(1001))->first == 995);
    }
    auto store = open_store(folder.file());
    CHECK(store->next_seq(Log::intake) == 1001);
    CHECK(store->first_seq(Log::intake) == 1001);
    Batch batch;
    batch.appends = {append(Log::intake, 1, "x")};
    batch.trim_below = {{Log::intake, 1001}};
    for (int i = 0; i < 20; i++) commit(*store, batch);  // riding along, nothing to take
    CHECK(store->first_seq(Log::intake) == 1001);
    batch.trim_below = {{Log::intake, 1015}};
    for (int i = 0; i < 8; i++) commit(*store, batch);
    CHECK(store->first_seq(Log::intake) == 1015);
}

TEST_CASE("a full store refuses appends and nothing else, and takes them again after a trim") {
    const TempFolder folder;
    auto store = open_store(folder.file(), 2 << 20);
    const std::string noise = text_of(50'000);
    Batch batch;
    batch.appends = {append(Log::intake, 1, noise)};
    auto result = store->commit(batch);
    int taken = 0;
    for (; result.ok() && taken < 1'000; taken++) result = store->commit(batch);
    REQUIRE(!result.ok());
    CHECK(result.error().code == kFull);
    CHECK(taken > 20);
    const uint64_t next = store->next_seq(Log::intake);
    CHECK(store->usage().file_bytes <= 2 << 20);
    Batch trim;
    trim.cursors = {{"engine", next}};
    for (int i = 0; i < 200; i++) commit(*store, trim);  // many: the reserve is not eaten up by them
    CHECK(store->usage().file_bytes <= 2 << 20);
    CHECK(store->next_seq(Log::intake) == next);
    trim.trim_below = {{Log::intake, 10}};
    commit(*store, trim);
    for (int i = 0; i < 5; i++) commit(*store, batch);
    CHECK(store->usage().file_bytes <= 2 << 20);
    CHECK(store->next_seq(Log::intake) == next + 5);
}

TEST_CASE("one writer: the second is told who the first is") {
    const TempFolder folder;
    auto store = open_store(folder.file());
    auto second = Store::open({folder.file(), 1 << 30, 1});
    REQUIRE(!second.ok());
    CHECK(second.error().code == kLocked);
    CHECK(second.error().message.find(std::to_string(getpid())) != std::string::npos);
    store.reset();
    CHECK(Store::open({folder.file(), 1 << 30, 1}).ok());
}

TEST_CASE("a folder that is missing or closed, and a file of somebody else") {
    const TempFolder folder;
    auto store = Store::open({folder.path + "/no/such/store.db", 1 << 30, 1});
    REQUIRE(!store.ok());
    CHECK(store.error().code == kPath);
    CHECK(Reader::open(folder.file()).error().code == kPath);
    std::filesystem::create_directory(folder.path + "/folder");
    CHECK(Store::open({folder.path + "/folder", 1 << 30, 1}).error().code == kPath);
    meddle(folder.file(), "CREATE TABLE guests(name TEXT)");
    const auto before = bytes_of(folder.file());
    CHECK(Store::open({folder.file(), 1 << 30, 1}).error().code == kPath);
    CHECK(Reader::open(folder.file()).error().code == kPath);
    CHECK(bytes_of(folder.file()) == before);
}

TEST_CASE("checkpoints: the newest two are kept, a torn one falls back") {
    const TempFolder folder;
    auto store = open_store(folder.file());
    auto reader = open_reader(*store);
    CHECK(!reader->checkpoint()->has_value());
    for (uint64_t i = 1; i <= 4; i++) REQUIRE(store->save_checkpoint({i, "v1", text_of(i * 1'000)}).ok());
    CHECK((*reader->checkpoint())->seq == 4);
    CHECK((*reader->checkpoint())->state == text_of(4'000));
    CHECK((*reader->checkpoint())->version == "v1");
    meddle(folder.file(), "UPDATE checkpoint SET body = substr(body, 1, 100) WHERE seq = 4");
    CHECK((*reader->checkpoint())->seq == 3);
    meddle(folder.file(), "UPDATE checkpoint SET version = 'v2' WHERE seq = 3");
    CHECK(!reader->checkpoint()->has_value());
    REQUIRE(store->save_checkpoint({5, "v1", ""}).ok());
    CHECK((*reader->checkpoint())->seq == 5);
    CHECK((*reader->checkpoint())->state.empty());
}

TEST_CASE("reopen keeps the incarnation and the numbers") {
    const TempFolder folder;
    auto store = open_store(folder.file());
    const auto run = store->incarnation();
    Batch batch;
    batch.appends = {append(Log::intake, 7, "x")};
    commit(*store, batch);
    auto reader = open_reader(*store);
    REQUIRE(store->reopen().ok());
    CHECK(store->incarnation() == run);
    CHECK(store->report().empty());
    CHECK(store->next_seq(Log::intake) == 8);
    commit(*store, batch);
    CHECK((*reader->block_at(Log::intake, 8))->incarnation == run);
}

TEST_CASE("a reader on its own thread sees whole blocks only, while the writer writes and trims") {
    const TempFolder folder;
    auto store = open_store(folder.file());
    constexpr uint64_t kBlocks = 400, kCount = 5;
    std::thread consumer([reader = open_reader(*store)] {
        uint64_t seq = 1;
        while (seq < kBlocks * kCount + 1) {
            auto block = reader->block_at(Log::intake, seq);
            if (!block.ok() || (block->has_value() && (*block)->body != std::to_string((*block)->first_seq))) {
                FAIL_CHECK("a block was not readable");
                return;
            }
            if (block->has_value()) seq = (*block)->end_seq();
        }
    });
    for (uint64_t i = 0; i < kBlocks; i++) {
        Batch batch;
        const uint64_t next = store->next_seq(Log::intake);
        const auto body = std::to_string(next);
        batch.appends = {append(Log::intake, kCount, body)};
        batch.cursors = {{"engine", next}};
        if (next > 500) batch.trim_below = {{Log::intake, next - 500}};
        commit(*store, batch);
    }
    consumer.join();
}
