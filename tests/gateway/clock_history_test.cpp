// SPDX-License-Identifier: Apache-2.0
#include "gateway/clock_history.hpp"

#include <doctest/doctest.h>

#include <random>

#include "base/clock.hpp"

namespace tributary::gateway {
namespace {

using State = model::ClockState;
constexpr int64_t kSecond = base::kNsPerSecond;
constexpr int64_t kNow = 1'700'000'000 * kSecond;

model::ClockRecord clock(State state, int64_t anchor, uint64_t boot = 1, int64_t hold = 0, uint32_t epoch = 0) {
    return {state, anchor, epoch, boot, anchor, hold};
}

// The arrival and the state that a record becomes.
std::pair<int64_t, bool> applied(const ClockHistory& history, uint64_t seq, int64_t arrival) {
    model::IntakeRecord record;
    record.seq = seq, record.arrival_ns = arrival;
    record.body = model::TickRecord{};
    const bool repaired = history.apply(record);
    return {record.arrival_ns, repaired};
}

}  // namespace

TEST_CASE("clock history: states there and back, and garbage") {
    ClockHistory history;
    CHECK(history.text() == ";;;;;;");
    CHECK(history.at(5) == State::synced);
    history.add(3, kNow, clock(State::unsynced, 0));
    history.add(4, kNow + 1, clock(State::unsynced, 0));
    history.add(10, kNow + 2, clock(State::synced, 0));
    CHECK(history.text().starts_with("3:2,10:0;"));
    const ClockHistory again(history.text());
    CHECK(again.text() == history.text());
    CHECK(again.at(2) == State::synced);
    CHECK(again.at(3) == State::unsynced);
    CHECK(again.at(9) == State::unsynced);
    CHECK(again.at(10) == State::synced);
    for (const char* garbage :
         {":1", ",", "x", "7", "7:", "7:x", "99999999999999999999999:1", ";;;;", "1:2:3", ";;;;;;;;;"})
        CHECK(ClockHistory(garbage).text() == ";;;;;;");
    CHECK(ClockHistory("1:2,junk").text() == "1:2;;;;;;");
    CHECK(ClockHistory("1:2,").text() == "1:2;;;;;;");
    CHECK(ClockHistory("3:2,10:0").at(5) == State::unsynced);  // as it was before there was more to say
    for (uint64_t seq = 20; seq < 2000; seq++)
        history.add(seq, kNow + static_cast<int64_t>(seq) * kSecond,
                    clock(seq % 2 == 0 ? State::unsynced : State::synced, static_cast<int64_t>(seq % 3), seq,
                          kNow + 86'400 * kSecond));
    CHECK(history.text().size() < 30'000);  // bounded
}

TEST_CASE("clock history: synchronised within the wait, the stretch is repaired") {
    ClockHistory history;
    history.add(1, kNow, clock(State::synced, 100));
    history.time(kNow + 5 * kSecond);
    history.add(10, kNow, clock(State::unsynced, 7 * kSecond, 2, kNow + 60 * kSecond));
    CHECK(history.held_from() == 10);
    CHECK(history.hold_until_ns() == kNow + 60 * kSecond);
    CHECK(!history.time(kNow + 59 * kSecond));
    CHECK(ClockHistory(history.text()).held_from() == 10);
    history.add(20, kNow - 3600 * kSecond, clock(State::synced, 7 * kSecond - 3600 * kSecond, 2));
    CHECK(history.held_from() == ClockHistory::kNowhere);
    CHECK(history.at(9) == State::synced);
    CHECK(history.at(10) == State::repaired);
    CHECK(history.at(19) == State::repaired);
    CHECK(history.at(20) == State::synced);
    CHECK(applied(history, 9, kNow) == std::pair<int64_t, bool>{kNow, false});
    CHECK(applied(history, 10, kNow) == std::pair<int64_t, bool>{kNow - 3600 * kSecond, true});
    CHECK(applied(history, 19, kNow) == std::pair<int64_t, bool>{kNow - 3600 * kSecond, true});
    CHECK(applied(history, 20, kNow) == std::pair<int64_t, bool>{kNow, false});
    CHECK(ClockHistory(history.text()).text() == history.text());
    // The clock records of the stretch, and the one that ends it.
    model::IntakeRecord record;
    record.seq = 10, record.body = clock(State::unsynced, 7 * kSecond, 2);
    history.apply(record);
    CHECK(std::get<model::ClockRecord>(record.body).state == State::repaired);
    CHECK(std::get<model::ClockRecord>(record.body).repaired);
    record.seq = 20, record.body = clock(State::synced, 0, 2);
    history.apply(record);
    CHECK(std::get<model::ClockRecord>(record.body).state == State::synced);
    CHECK(std::get<model::ClockRecord>(record.body).repaired);
    record.seq = 21, record.body = model::MuteRecord{"a", 5};
    history.apply(record);
    CHECK(std::get<model::MuteRecord>(record.body).until_ns == 5);
    record.seq = 15;
    history.apply(record);
    CHECK(std::get<model::MuteRecord>(record.body).until_ns == 5 - 3600 * kSecond);
}

TEST_CASE("clock history: a wait in vain ends by the first record behind it, and nothing is repaired later") {
    ClockHistory history;
    history.add(10, kNow, clock(State::unsynced, 0, 2, kNow + 60 * kSecond));
    CHECK(history.time(kNow + 60 * kSecond));
    CHECK(history.held_from() == ClockHistory::kNowhere);
    history.add(15, kNow + 61 * kSecond, clock(State::unsynced, 0, 2, kNow + 60 * kSecond));  // the process again
    CHECK(history.held_from() == ClockHistory::kNowhere);
    history.add(20, kNow + 90 * kSecond, clock(State::synced, 9, 2));
    CHECK(history.at(12) == State::unsynced);
    CHECK(applied(history, 12, kNow).second == false);
}

TEST_CASE("clock history: earlier boots lie before the synchronised one, in their order, and stay marked") {
    ClockHistory history;
    // +1 h: the same clock in all boots. Boots 2, 3, 4 of a minute each with a minute between them.
    const int64_t hour = 3600 * kSecond, minute = 60 * kSecond;
    int64_t wall = kNow + hour;
    for (uint64_t boot = 2; boot <= 4; boot++) {
        history.add(boot * 10, wall, clock(State::unsynced, wall, boot, wall + 15 * minute));
        history.time(wall + minute);
        CHECK(history.held_boots() == boot - 1);
        wall += 2 * minute;
    }
    history.add(50, kNow + 5 * minute, clock(State::synced, kNow + 4 * minute, 4));
    for (uint64_t boot = 2; boot <= 4; boot++)
        CHECK(applied(history, boot * 10 + 1, kNow + hour) == std::pair<int64_t, bool>{kNow, boot == 4});
    CHECK(history.at(25) == State::unsynced);
    CHECK(history.at(45) == State::repaired);
    // A boot that is synchronised at once: they end where it begins at the latest.
    ClockHistory other;
    other.add(10, kNow + hour, clock(State::unsynced, 1, 2, kNow + 2 * hour));
    other.time(kNow + hour + minute);
    other.add(20, kNow + 2 * minute, clock(State::synced, 2, 3));
    CHECK(applied(other, 11, kNow + hour + minute) == std::pair<int64_t, bool>{kNow + 2 * minute, false});
    ClockHistory behind;
    behind.add(10, kNow, clock(State::unsynced, 1, 2, kNow + 2 * hour));
    behind.time(kNow + minute);
    behind.add(20, kNow + hour, clock(State::synced, 2, 3));
    CHECK(applied(behind, 11, kNow) == std::pair<int64_t, bool>{kNow, false});
}

TEST_CASE("clock history: only a synchronised clock raises the floor, and one below it resets it") {
    ClockHistory history;
    CHECK(!history.floor_ns());
    history.add(1, kNow, clock(State::unsynced, 0, 1, 0));
    history.time(kNow + 1000 * kSecond);
    CHECK(!history.floor_ns());
    history.add(2, kNow, clock(State::synced, 5));
    CHECK(history.time(kNow + 60 * kSecond));
    CHECK(!history.time(kNow + 120 * kSecond));  // the log knows it; not worth a write
    CHECK(history.floor_ns() == kNow + 120 * kSecond);
    CHECK(history.time(kNow + 660 * kSecond));
    history.add(3, kNow + 700 * kSecond, clock(State::holdover, 5));
    history.time(kNow + 800 * kSecond);
    CHECK(history.floor_ns() == kNow + 660 * kSecond);
    history.add(4, kNow + 10 * 365 * 86'400 * kSecond, clock(State::unsynced, 9, 2, 0));
    CHECK(history.floor_ns() == kNow + 660 * kSecond);
    CHECK(!history.reset_from_ns());
    history.add(5, kNow - 500 * kSecond, clock(State::synced, 1, 3));
    CHECK(history.floor_ns() == kNow - 500 * kSecond);
    CHECK(history.reset_from_ns() == kNow + 660 * kSecond);
    CHECK(ClockHistory(history.text()).floor_ns() == history.floor_ns());
}

}  // namespace tributary::gateway
