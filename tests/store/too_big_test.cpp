// SPDX-License-Identifier: Apache-2.0
// What is larger than a row of SQLite may be: refused with a code of its own before anything is written. It must not be
// taken for damage, which is what SQLITE_TOOBIG means when a row is read.
#include "reference.hpp"

using namespace tributary;
using namespace tributary::store;
using model::Log;

namespace {

constexpr int kMost = 100'000;

// All connections made while it lives take no larger rows than that.
struct SmallRows {
    SmallRows() { sqlite3_auto_extension(entry()); }
    ~SmallRows() { sqlite3_cancel_auto_extension(entry()); }
    SmallRows(const SmallRows&) = delete;
    SmallRows& operator=(const SmallRows&) = delete;

  private:
    static int limit(sqlite3* database, const char**, const void*) {
        sqlite3_limit(database, SQLITE_LIMIT_LENGTH, kMost);
        return SQLITE_OK;
    }
    static void (*entry())() { return reinterpret_cast<void (*)()>(&limit); }
};

}  // namespace

TEST_CASE("what is too big for a row is refused, and the store goes on as it was") {
    const SmallRows small;
    const TempFolder folder;
    auto store = open_store(folder.file());
    Reference reference;
    const auto step = [&](uint64_t number, size_t size) { return intake_step(reference, number, 5, size); };
    const auto first = step(3, 2'000);
    commit(*store, first.batch);
    reference.apply(first.batch);

    const std::string huge(kMost, 'x');
    std::vector<Batch> batches;
    const auto large_block = step(6, kMost + 1);  // does not compress
    batches.push_back(large_block.batch);
    batches.push_back({});
    batches.back().appends.push_back(append(Log::intake, 1, "small"));
    batches.back().meta["subscriptions"] = huge;
    batches.push_back({});
    batches.back().configs.emplace_back(1, huge);
    batches.push_back({});
    batches.back().cut = Cut{Log::intake, {{1, 5, 0, 0, 1, store->incarnation(), body_of(Log::intake, 1, kMost + 1)}}};
    for (const auto& batch : batches) {
        const auto refused = store->commit(batch);
        REQUIRE(!refused.ok());
        CHECK(refused.error().code == kTooBig);
        CHECK(refused.error().message.find("SQLite takes") != std::string::npos);
        CHECK(reference.differs(*store) == "");
        CHECK(store->reopen().ok());  // as who commits does after any error
        CHECK(store->report() == "");
        CHECK(reference.differs(*store) == "");
    }
    const auto refused = store->save_checkpoint({6, "v", body_of(Log::intake, 9, kMost + 1)});
    REQUIRE(!refused.ok());
    CHECK(refused.error().code == kTooBig);
    CHECK(reference.differs(*store) == "");

    const auto fits = step(9, kMost - 1'000);
    commit(*store, fits.batch);
    reference.apply(fits.batch);
    reference.checkpoint = Checkpoint{6, "v", "small"};
    CHECK(store->save_checkpoint(*reference.checkpoint).ok());
    CHECK(reference.differs(*store) == "");
    store.reset();
    CHECK(unsound(folder.file()) == "");
    store = open_store(folder.file());
    CHECK(store->report() == "");
    CHECK(reference.differs(*store) == "");
}
