// SPDX-License-Identifier: Apache-2.0
#include "gateway/block_cache.hpp"

#include "gateway/support.hpp"

namespace tributary::gateway {
namespace {

BlockPointer block(model::Log log, uint64_t first, uint32_t count, size_t bytes = 100) {
    store::Block b;
    b.log = log, b.first_seq = first, b.count = count, b.body.assign(bytes, 'c');
    return std::make_shared<store::Block>(std::move(b));
}

}  // namespace

TEST_CASE("block cache: finds by log and seq, forgets the oldest, keeps the newest whatever its size") {
    BlockCache cache(300);
    CHECK(cache.end(model::Log::intake) == 1);
    cache.committed(block(model::Log::intake, 1, 10));
    cache.committed(block(model::Log::windows, 1, 2));
    cache.committed(block(model::Log::intake, 11, 5));
    CHECK(cache.end(model::Log::intake) == 16);
    CHECK(cache.end(model::Log::windows) == 3);
    CHECK(cache.find(model::Log::intake, 10)->first_seq == 1);
    CHECK(cache.find(model::Log::intake, 11)->first_seq == 11);
    CHECK(cache.find(model::Log::windows, 2)->log == model::Log::windows);
    CHECK(!cache.find(model::Log::intake, 16));
    CHECK(!cache.find(model::Log::windows, 3));
    CHECK(!cache.find(model::Log::events, 1));
    cache.committed(block(model::Log::intake, 20, 1, 5000));  // a gap before it
    CHECK(!cache.find(model::Log::intake, 11));
    CHECK(!cache.find(model::Log::intake, 17));
    CHECK(cache.find(model::Log::intake, 20));
    CHECK(!cache.find(model::Log::windows, 1));
}

TEST_CASE("block source: memory first, else the store; gaps and damaged blocks are passed over") {
    Rig rig;
    Intake intake(rig.store);
    for (int i = 0; i < 4; i++) intake.add(message("t", "stored")).add(message("t", "stored")).commit();
    rig.cache.set_end(model::Log::intake, 9);
    BlockSource source(rig.cache, rig.reader(), rig.metrics);
    CHECK(source.at(model::Log::intake, 1)->first_seq == 1);
    CHECK(source.at(model::Log::intake, 4)->first_seq == 3);
    CHECK(!source.at(model::Log::intake, 9));
    CHECK(!source.at(model::Log::windows, 1));
    rig.cache.committed(block(model::Log::intake, 7, 2));
    CHECK(source.at(model::Log::intake, 8)->body == std::string(100, 'c'));
    CHECK(source.at(model::Log::intake, 6)->first_seq == 5);

    rig.store.bad_block = 3;
    CHECK(source.at(model::Log::intake, 3)->first_seq == 5);
    CHECK(source.at(model::Log::intake, 4)->first_seq == 5);
    CHECK(rig.metrics.exposition().find("tributary_store_damaged_records_total") != std::string::npos);
    rig.store.bad_block = 0;

    store::Batch trim;
    trim.trim_below[model::Log::intake] = 5;
    take(rig.store.commit(trim));
    CHECK(source.at(model::Log::intake, 1)->first_seq == 5);
    // What is committed and not told yet is not there.
    intake.add(message("t", "more")).commit();
    CHECK(!source.at(model::Log::intake, 9));
    rig.cache.set_end(model::Log::intake, 10);
    CHECK(source.at(model::Log::intake, 9)->count == 1);
}

}  // namespace tributary::gateway
