// SPDX-License-Identifier: Apache-2.0
// The book of what goes apart, against two lanes that send, lose their answers, go back and crash.
#include "gateway/catch_up.hpp"

#include <doctest/doctest.h>

#include <cstdio>
#include <random>

#include "gateway/claims.hpp"

namespace tributary::gateway {
namespace {

using Stretches = std::vector<Stretch>;

TEST_CASE("catch-up: in order there is one cursor and no text") {
    CatchUp state(7);
    CHECK(state.live(7) == Stretch{7, kLogEnd});
    CHECK(state.backfill(1) == Stretch{kLogEnd, kLogEnd});
    state.live_done(9);
    CHECK(state.cursor() == 9);
    CHECK(state.ahead().empty());
    CHECK(state.text().empty());
}

TEST_CASE("catch-up: what is left, who sends what, and what may be forgotten") {
    CatchUp state(10);
    REQUIRE(state.leave(20, 50));  // 10 to 19 are on their way
    CHECK(state.live(12) == Stretch{12, 20});
    CHECK(state.live(20) == Stretch{50, kLogEnd});
    CHECK(state.backfill(1) == Stretch{20, 50});
    CHECK(state.owed() == 30);
    CHECK(state.cursor() == 10);
    state.live_done(60);
    CHECK(state.cursor() == 20);
    CHECK(state.ahead() == Stretches{{50, 60}});
    CHECK(state.text() == "60 10 20-50");
    state.backfill_done(30);
    CHECK(state.cursor() == 30);
    CHECK(state.owed() == 20);
    REQUIRE(state.leave(70, 90));
    state.live_done(95);
    CHECK(state.ahead() == Stretches{{50, 70}, {90, 95}});
    state.backfill_done(50);
    CHECK(state.cursor() == 70);
    CHECK(state.left() == Stretches{{70, 90}});
    CHECK(state.text() == "95 50 70-90");
    state.backfill_done(90);
    CHECK(state.cursor() == 95);
    CHECK(state.text().empty());
}

TEST_CASE("catch-up: a stretch is known until the live lane is past it, which may have to go back") {
    CatchUp state(10);
    REQUIRE(state.leave(20, 50));
    state.backfill_done(50);  // before the live lane's records were answered for
    CHECK(state.cursor() == 10);
    CHECK(state.live(20) == Stretch{50, kLogEnd});
    state.live_done(50);
    CHECK(state.left().empty());
    CHECK(state.cursor() == 50);
}

TEST_CASE("catch-up: a text that is not the cursor's, or is no text of ours, is forgotten") {
    CHECK(CatchUp(30, "60 30 20-50").owed() == 20);
    for (const char* text : {"60 30 20-50 ", "60 30 50-20", "60 30 20-50 40-60", "60", "x", "60 30 20", "60 30 20-50x",
                             "99999999999999999999 1"}) {
        CAPTURE(text);
        const CatchUp state(30, text);
        CHECK(state.left().empty());
        CHECK(state.cursor() == 30);
        CHECK(state.live_cursor() == 30);
    }
    CatchUp state(5);
    REQUIRE(state.leave(5, 50));
    CHECK(!state.leave(5, 60));  // it goes on at 50 now
    CHECK(state.leave(50, 60));
    CHECK(state.left() == Stretches{{5, 60}});
    CHECK(CatchUp(31, "60 30 20-50").left().empty());  // an older version went on from there
}

TEST_CASE("catch-up: there is a bound on what is left") {
    CatchUp state(1);
    for (uint64_t i = 0; i < CatchUp::kMostLeft; i++) REQUIRE(state.leave(10 * i + 10, 10 * i + 15));
    CHECK(!state.leave(10'000, 10'010));
    CHECK(state.leave(10 * CatchUp::kMostLeft + 5, 10'000));  // but no more pieces
}

// Sends one by one; answers come later, in any order; trouble makes it go back to its cursor.
struct TestLane {
    uint64_t cursor = 1, position = 1, furthest = 1;
    std::vector<uint64_t> answered;  // beyond the cursor: delivered, known
};

struct World {
    uint64_t end = 1;
    CatchUp state{1};
    TestLane live, backfill;
    uint64_t stored_cursor = 1;
    std::string stored;
    std::vector<int> live_got, backfill_got;  // by seq; without a crash each once in all

    Stretch next(bool is_live) const { return is_live ? state.live(live.position) : state.backfill(backfill.position); }
    void send(bool is_live) {
        auto& lane = is_live ? live : backfill;
        const auto stretch = next(is_live);
        if (stretch.from >= std::min(end, stretch.to)) return;
        const uint64_t seq = stretch.from;
        lane.position = seq + 1;
        lane.furthest = std::max(lane.furthest, lane.position);
        const bool known = std::find(lane.answered.begin(), lane.answered.end(), seq) != lane.answered.end();
        if (!known) {
            (is_live ? live_got : backfill_got)[seq]++;
            lane.answered.push_back(seq);
        }
    }
    // The gap-free prefix, as Lane does it: over what the other one has as well.
    void settle(bool is_live, uint64_t up_to) {
        auto& lane = is_live ? live : backfill;
        while (lane.cursor < std::min(lane.position, up_to)) {
            const auto stretch = is_live ? state.live(lane.cursor) : state.backfill(lane.cursor);
            const uint64_t from = std::min(stretch.from, lane.position);
            if (from > lane.cursor) {
                lane.cursor = from;
                continue;
            }
            std::erase(lane.answered, lane.cursor);
            lane.cursor++;
        }
        is_live ? state.live_done(lane.cursor) : state.backfill_done(lane.cursor);
    }
};

TEST_CASE("catch-up: at random, every record is sent once, and after a crash none is missing") {
    uint64_t crashes = 0, splits = 0, backs = 0;
    for (unsigned seed = 1; seed <= 300; seed++) {
        std::mt19937_64 random(seed);
        const bool may_crash = seed % 2 == 0;
        World w;
        w.live_got.resize(5'000), w.backfill_got.resize(5'000);
        for (int step = 0; step < 3'000 && w.end < 4'000; step++) {
            switch (random() % 9) {
                case 0:
                    w.end += random() % 30;
                    break;
                case 1:
                case 2:
                    for (uint64_t i = random() % 20; i > 0; i--) w.send(true);
                    break;
                case 3:
                    for (uint64_t i = random() % 30; i > 0; i--) w.send(false);
                    break;
                case 4:
                    w.settle(true, w.live.cursor + random() % 30);
                    break;
                case 5:
                    w.settle(false, w.backfill.cursor + random() % 60);
                    break;
                case 6:  // the link returns
                    if (const uint64_t from = w.state.live(w.live.furthest).from;
                        random() % 3 == 0 && w.end > from + 10)
                        splits += w.state.leave(from, w.end) ? 1 : 0;
                    break;
                case 7: {  // trouble: back to the cursor
                    auto& lane = random() % 2 == 0 ? w.live : w.backfill;
                    lane.position = lane.cursor, backs++;
                    break;
                }
                case 8:
                    w.stored = w.state.text(), w.stored_cursor = w.state.cursor();
                    if (may_crash && random() % 4 == 0) {
                        crashes++;
                        const CatchUp again(w.stored_cursor, w.stored);
                        REQUIRE(again.text() == w.stored);
                        w.state = again;
                        w.live = {again.live_cursor(), again.live_cursor(), again.live_cursor(), {}};
                        w.backfill = {again.backfill_cursor(), again.backfill_cursor(), again.backfill_cursor(), {}};
                    }
                    break;
            }
            // What is ahead is at Kafka; what lies below the cursor as well.
            for (const auto& stretch : w.state.ahead())
                for (uint64_t seq = stretch.from; seq < stretch.to; seq++)
                    if (w.live_got[seq] + w.backfill_got[seq] == 0) FAIL("ahead, and never sent: ", seq);
        }
        for (int i = 0; i < 20'000 && w.state.cursor() < w.end; i++) {
            w.send(true), w.send(false);
            w.settle(true, kLogEnd), w.settle(false, kLogEnd);
        }
        REQUIRE(w.state.cursor() == w.end);
        REQUIRE(w.state.text().empty());
        uint64_t missing = 0, twice = 0;
        for (uint64_t seq = 1; seq < w.end; seq++) {
            const int got = w.live_got[seq] + w.backfill_got[seq];
            missing += got == 0 ? 1 : 0, twice += got > 1 ? 1 : 0;
            if (!may_crash && w.live_got[seq] > 0 && w.backfill_got[seq] > 0) FAIL("in both lanes: ", seq);
        }
        CAPTURE(seed);
        CHECK(missing == 0);
        if (!may_crash) CHECK(twice == 0);
    }
    std::printf("catch-up at random: 300 runs, %llu stretches left, %llu times back, %llu crashes\n",
                static_cast<unsigned long long>(splits), static_cast<unsigned long long>(backs),
                static_cast<unsigned long long>(crashes));
}

TEST_CASE("claims: what is left is free until the backfill lane reads it; what is ahead may be changed") {
    Claims claims;
    constexpr auto log = model::Log::intake;
    claims.set(log, 5);
    REQUIRE(claims.begin_read(log, 5));
    claims.end_read(log, 11);
    claims.leave(log, {8, 100});  // in the middle of a block
    CHECK(claims.free(log) == Stretches{{11, 100}, {100, kLogEnd}});
    CHECK(!claims.begin_change(log, 5, 12, 5));
    CHECK(!claims.begin_change(log, 90, 110, 5));
    REQUIRE(claims.begin_change(log, 20, 30, 5));
    claims.end_change();
    REQUIRE(claims.begin_read(log, 100));
    claims.end_read(log, 120);
    CHECK(claims.free(log) == Stretches{{11, 100}, {120, kLogEnd}});
    REQUIRE(claims.begin_read(log, 8));
    claims.end_read(log, 40, Claims::Lane::backfill);
    CHECK(claims.free(log) == Stretches{{40, 100}, {120, kLogEnd}});
    CHECK(!claims.begin_change(log, 100, 110, 8));
    claims.set_ahead(log, {{100, 115}});
    CHECK(claims.ahead(log, 8) == 15);
    CHECK(claims.ahead(log, 105) == 10);
    REQUIRE(claims.begin_change(log, 100, 110, 8));
    claims.end_change();
    claims.leave(log, {150, 200});
    CHECK(claims.free(log) == Stretches{{40, 100}, {150, 200}, {200, kLogEnd}});
}

}  // namespace
}  // namespace tributary::gateway
