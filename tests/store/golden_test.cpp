// SPDX-License-Identifier: Apache-2.0
// Store files of earlier versions, opened for ever. golden/store_1.db: format 1, written by the skipped case below with
// --no-skip --test-case="*write the golden store*"; a change of format adds a file and never writes this one again.
#include "support.hpp"

using namespace tributary;
using namespace tributary::store;
using model::Log;

namespace {

const std::string kGolden = std::string(TRIBUTARY_SOURCE_DIR) + "/tests/store/golden/store_1.db";

}  // namespace

TEST_CASE("write the golden store" * doctest::skip()) {
    REQUIRE(!std::filesystem::exists(kGolden));
    const std::string text(5'000, 't');
    const TempFolder folder;
    {
        auto store = open_store(folder.file());
        Batch batch;
        batch.appends = {append(Log::intake, 1'000, text), append(Log::windows, 2, "w"), append(Log::intake, 5, "i")};
        batch.cursors = {{"engine", 1'001}, {"kafka:default:windows", 3}};
        batch.ledger.received("temperature", 1'005);
        batch.ledger.settle("temperature", model::Fate::summarised, 1'000);
        batch.ledger.logs[Log::windows] = {2, 1, 1, 0};
        batch.configs = {{1, "[gateway]\nid = \"line1\"\n"}};
        batch.meta = {{"session", "7"}};
        commit(*store, batch);
        REQUIRE(store->save_checkpoint({1'001, "0.1.0", "engine state"}).ok());
        Batch trim;
        trim.trim_below = {{Log::windows, 3}};
        commit(*store, trim);
    }
    std::filesystem::copy_file(folder.file(), kGolden);
}

TEST_CASE("golden: a store of format 1") {
    const TempFolder folder;
    std::filesystem::copy_file(kGolden, folder.file());
    std::filesystem::permissions(folder.file(),
                                 std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
    auto store = open_store(folder.file());
    CHECK(store->report().empty());
    CHECK(store->next_seq(Log::intake) == 1'006);
    CHECK(store->next_seq(Log::windows) == 3);
    CHECK(store->first_seq(Log::windows) == 3);
    auto reader = open_reader(*store);
    auto block = reader->block_at(Log::intake, 500);
    REQUIRE(block.ok());
    CHECK((*block)->count == 1'000);
    CHECK((*block)->body == std::string(5'000, 't'));
    CHECK((*block)->incarnation.size() == 16);
    CHECK((*reader->block_at(Log::intake, 1'001))->body == "i");
    CHECK(*reader->cursors() == Cursors{{"engine", 1'001}, {"kafka:default:windows", 3}});
    CHECK(reader->ledger()->streams.at("temperature").pending() == 5);
    CHECK(reader->ledger()->logs.at(Log::windows) == model::LogAccount{2, 1, 1, 0});
    CHECK((*reader->config_at(1'005))->second == "[gateway]\nid = \"line1\"\n");
    CHECK(reader->meta()->at("session") == "7");
    CHECK((*reader->checkpoint())->seq == 1'001);
    CHECK((*reader->checkpoint())->version == "0.1.0");
    CHECK((*reader->checkpoint())->state == "engine state");
    Batch batch;
    batch.appends = {append(Log::intake, 1, "more")};
    CHECK(commit(*store, batch)[0].first_seq == 1'006);
}
