// SPDX-License-Identifier: Apache-2.0
#include "gateway/letters.hpp"

#include <random>
#include <set>

#include "base/hash.hpp"
#include "gateway/support.hpp"

namespace tributary::gateway {
namespace {

model::DeadLetter dead(uint64_t intake_seq, std::string_view payload, size_t kept = model::kDeadPayloadBytes) {
    model::DeadLetter letter;
    letter.stream = "s", letter.topic = "t", letter.reason = "json", letter.seq = intake_seq;
    letter.payload = payload.substr(0, kept), letter.size = payload.size(), letter.sha256 = base::sha256_hex(payload);
    return letter;
}

EngineOutputs dead_outputs(uint64_t cursor, int count, int64_t time_ns) {
    EngineOutputs out;
    model::OutputBlockWriter block;
    for (int i = 0; i < count; i++) block.add(dead(static_cast<uint64_t>(i + 1), "x"));
    out.blocks[model::Log::dead] = {block.take(), static_cast<uint32_t>(count)};
    out.cursor = cursor, out.time_ns = time_ns;
    return out;
}

model::RefusedRecord refused(int64_t time_ns, size_t detail = 10) {
    model::RefusedRecord record;
    record.seq = 7, record.topic = "tb.readings", record.code = "MSG_SIZE_TOO_LARGE", record.time_ns = time_ns;
    // Not to be compressed away: it is the stored size that counts.
    std::mt19937 random(static_cast<uint32_t>(detail));
    for (size_t i = 0; i < detail; i++) record.detail += static_cast<char>(random());
    return record;
}

}  // namespace

TEST_CASE("letters: what is put away, as a set of ranges and as text") {
    for (uint32_t seed = 1; seed <= 20; seed++) {
        std::mt19937 random(seed);
        PutAway away;
        std::set<uint64_t> model;
        for (int i = 0; i < 40; i++) {
            const uint64_t from = 1 + random() % 60, to = from + random() % 6;
            REQUIRE(away.add(model::Log::dead, {{from, to}}));
            for (uint64_t seq = from; seq <= to; seq++) model.insert(seq);
            if (i % 3 == 0) away = PutAway(away.text());
        }
        const uint64_t gone = random() % 40;
        away.forget_below(model::Log::dead, gone);
        size_t ranges = 0;
        for (uint64_t seq = 1; seq < 80; seq++) {
            if (seq >= gone) CHECK(away.has(model::Log::dead, seq) == model.contains(seq));
            if (model.contains(seq) && !model.contains(seq + 1) && seq >= gone) ranges++;
            CHECK(!away.has(model::Log::refused, seq));
        }
        CHECK(away.ranges() == ranges);
    }
    PutAway away("dead 1-3 5;refused 9");
    CHECK(away.text() == "dead 1-3 5;refused 9");
    REQUIRE(away.add(model::Log::dead, {{4, 4}}));
    CHECK(away.text() == "dead 1-5;refused 9");
    CHECK(away.behind(model::Log::dead, 2) == 6);
    CHECK(PutAway("windows 1;dead x;dead 3-1;nonsense").text().empty());
    CHECK(PutAway().text().empty());
}

TEST_CASE("letters: names") {
    CHECK(letter_name("12", model::Log::dead) == std::pair(model::Log::dead, uint64_t{12}));
    CHECK(letter_name("refused/3", model::Log::dead) == std::pair(model::Log::refused, uint64_t{3}));
    for (const char* text : {"", "x", "windows/3", "dead/", "1-2", "-1", "dead/1x", "99999999999999999999"})
        CHECK_FALSE(letter_name(text, model::Log::dead));
}

TEST_CASE("letters: the newest of them, what is put away left out, and the payload in full while it is there") {
    TempFolder folder;
    auto store = open_store(folder.path + "/store.db");
    const std::string longer(70'000, 'y');
    Intake(*store).add(message("t", "x")).add(message("t", longer)).commit();
    for (int block = 0; block < 300; block++) {  // more than are looked at in one step
        model::OutputBlockWriter records;
        for (int i = 0; i < 4; i++) records.add(block == 299 && i == 3 ? dead(2, longer) : dead(1, "x"));
        store::Batch batch;
        const std::string body = records.take();
        batch.appends.push_back({model::Log::dead, 4, 0, 0, 0, body});
        take(store->commit(batch));
    }
    auto reader = take(store->reader());
    Letters letters(*reader);
    PutAway away;
    REQUIRE(away.add(model::Log::dead, {{100, 1190}}));
    auto found = take(letters.newest(model::Log::dead, away, 12));
    REQUIRE(found.size() == 12);
    CHECK(found.front().seq == 98);
    CHECK(found[1].seq == 99);
    CHECK(found[2].seq == 1191);
    CHECK(found.back().seq == 1200);
    CHECK(found.back().dead()->payload.empty());
    CHECK(take(letters.newest(model::Log::dead, away, 0)).size() == 109);
    CHECK(take(letters.newest(model::Log::refused, away, 10)).empty());

    const auto last = take(letters.at(model::Log::dead, 1200));
    REQUIRE(last);
    CHECK(last->name() == "dead/1200");
    CHECK(last->dead()->payload.size() == 64 * 1024);
    CHECK(*take(letters.payload(*last->dead())) == longer);
    auto other = *last->dead();
    other.sha256[0] = other.sha256[0] == 'a' ? 'b' : 'a';  // of another message of that number: a store rolled back
    CHECK(!take(letters.payload(other)));
    other = *last->dead(), other.seq = 9;
    CHECK(!take(letters.payload(other)));
    CHECK(!take(letters.at(model::Log::dead, 1201)));
}

TEST_CASE("letters: they stay beyond history, so long and so many, and what is purged goes when nobody is owed it") {
    Rig rig({}, {0, 0, 1 << 30});
    rig.start();
    const int64_t now = rig.arrival.now_ns(), day = 24 * 3600 * base::kNsPerSecond;
    const auto rounds = [&](int count) {  // messages, so that the writer trims
        for (int i = 0; i < count; i++) {
            rig.send(static_cast<uint16_t>(i + 1));
            REQUIRE(rig.drain());
        }
    };
    for (const int age : {40, 31, 29, 0}) {
        rig.writer->refused(refused(now - age * day));
        REQUIRE(rig.drain());
        rig.writer->engine_outputs(dead_outputs(1, 2, now - age * day));
        REQUIRE(rig.drain());
    }
    rounds(80);
    CHECK(rig.store.first_seq(model::Log::refused) == 3);
    CHECK(rig.store.first_seq(model::Log::dead) == 1);  // not delivered
    rig.writer->kafka_progress(model::Log::dead, 9, {});
    rounds(80);
    CHECK(rig.store.first_seq(model::Log::dead) == 5);

    REQUIRE(rig.writer->put_away(model::Log::refused, {{3, 3}}).ok());
    REQUIRE(rig.drain());
    CHECK(rig.store.first_seq(model::Log::refused) == 4);
    // Not delivered yet: put away, but there.
    rig.writer->engine_outputs(dead_outputs(1, 2, now));
    REQUIRE(rig.writer->put_away(model::Log::dead, {{1, 10}}).ok());
    REQUIRE(rig.drain());
    CHECK(rig.store.first_seq(model::Log::dead) == 9);
    const auto away = PutAway::of(take(rig.reader()->meta()));
    CHECK(away.text() == "dead 1-10");  // what is not in the store any more need not be remembered
    rig.writer->kafka_progress(model::Log::dead, 11, {});
    rounds(80);
    CHECK(rig.store.first_seq(model::Log::dead) == 11);

    // A flood: the newest 16 MiB of it.
    for (int i = 0; i < 600; i++) {
        rig.writer->refused(refused(now, 60'000 + static_cast<size_t>(i)));
        if (i % 10 == 9) REQUIRE(rig.drain());
    }
    rounds(120);
    int64_t kept = 0;
    const auto looked = rig.reader()->facts(model::Log::refused, false, [&](const store::BlockFacts& block) {
        kept += block.stored_bytes;
        return true;
    });
    REQUIRE(looked.ok());
    CHECK(kept <= kLettersBytes + (int64_t{256} * 61'000));
    CHECK(kept > kLettersBytes / 2);
    // What fits, and what may come until it is measured again; when that is depends on what came in one transaction.
    const uint64_t most = kLettersBytes / 60'000 + 256;
    CHECK(rig.store.next_seq(model::Log::refused) - rig.store.first_seq(model::Log::refused) < most);
    std::vector<SeqRange> many;
    for (uint64_t i = 0; i < 5000; i++) many.emplace_back(100 + 2 * i, 100 + 2 * i);
    CHECK_FALSE(rig.writer->put_away(model::Log::dead, many).ok());
}

TEST_CASE("letters: they give way before anything is thinned, but not while the store is merely half full") {
    Rig rig({}, {0, 0, 8 << 20});
    rig.start();
    rig.writer->refused(refused(rig.arrival.now_ns()));
    REQUIRE(rig.drain());
    std::string payload(100'000, ' ');
    std::mt19937 random(1);
    const auto fill = [&](int percent) {
        for (int i = 0; i < 2000 && rig.store.usage().used_bytes < (int64_t{8} << 20) / 100 * percent; i++) {
            for (auto& c : payload) c = static_cast<char>(random());
            rig.send(static_cast<uint16_t>(i + 1), "a/b", payload);
            REQUIRE(rig.drain());
        }
    };
    fill(55);
    CHECK(rig.store.first_seq(model::Log::refused) == 1);
    CHECK(rig.store.next_seq(model::Log::refused) == 2);
    fill(75);
    CHECK(rig.store.first_seq(model::Log::refused) == 2);
}

}  // namespace tributary::gateway
