// SPDX-License-Identifier: Apache-2.0
#include "gateway/clock_watch.hpp"

#include "gateway/support.hpp"

namespace tributary::gateway {
namespace {

using State = model::ClockState;
constexpr int64_t kSecond = base::kNsPerSecond;
constexpr int64_t kMinute = 60 * kSecond;
constexpr int64_t kTruth = 1'700'000'000 * kSecond;

ClockPolicy policy(const std::string& word = "auto", std::optional<int64_t> hold = std::nullopt) {
    ClockPolicy out;
    out.clock = word, out.hold_ns = hold;
    return out;
}

struct Watched {
    explicit Watched(ClockPolicy p = policy(), const ClockHistory& history = ClockHistory(), int64_t wall = kTruth,
                     uint64_t boot = 7)
        : clock(wall, 50 * kSecond, boot), watch(clock, std::move(p)) {
        watch.resume(history);
    }
    int64_t arrival(const model::ClockRecord& record) const { return clock.boot_ns() + record.anchor_ns; }
    base::ManualClock clock;
    ClockWatch watch;
};

// A log that ends, synchronised, at newest.
ClockHistory synced_until(int64_t newest, uint64_t boot = 1, int64_t anchor = kTruth - 50 * kSecond) {
    ClockHistory history;
    history.add(1, newest - kMinute, {State::synced, anchor, 3, boot, anchor});
    history.time(newest);
    return history;
}

}  // namespace

TEST_CASE("clock watch: the first look gives a record, the next ones only when something changed") {
    Watched w;
    auto record = w.watch.check();
    REQUIRE(record);
    CHECK(record->state == State::synced);
    CHECK(record->epoch == 0);
    CHECK(record->boot == 7);
    CHECK(record->anchor_ns == kTruth - 50 * kSecond);
    for (int i = 0; i < 5; i++) {
        w.clock.advance(kSecond);
        CHECK(!w.watch.check());
    }
}

TEST_CASE("clock watch: synchronised, holdover, unsynchronised") {
    Watched w;
    w.clock.set_synchronised(false);
    CHECK(w.watch.check()->state == State::unsynced);
    CHECK(!w.watch.check());
    w.clock.set_synchronised(true);
    CHECK(w.watch.check()->state == State::synced);
    w.clock.set_synchronised(false);
    CHECK(w.watch.check()->state == State::holdover);
    CHECK(!w.watch.check());
    w.clock.set_synchronised(true);
    CHECK(w.watch.check()->state == State::synced);

    Watched trusted(policy("trusted"));
    trusted.clock.set_synchronised(false);
    CHECK(trusted.watch.check()->state == State::synced);
    CHECK(!trusted.watch.check());
}

TEST_CASE("clock watch: steps move the anchor, and a backward one begins an epoch; a leap second does not") {
    Watched w;
    int64_t anchor = w.watch.check()->anchor_ns;
    w.clock.step_wall(3600 * kSecond);
    auto record = w.watch.check();
    REQUIRE(record);
    CHECK(record->epoch == 0);
    CHECK(record->anchor_ns == anchor + 3600 * kSecond);
    w.clock.step_wall(-kSecond - 20'000);  // the kernel's leap second, and two clocks read one after the other
    record = w.watch.check();
    REQUIRE(record);
    CHECK(record->epoch == 0);
    w.clock.step_wall(-2 * kSecond);
    CHECK(w.watch.check()->epoch == 1);
    CHECK(w.watch.status().step_ns == -2 * kSecond);
    CHECK(!w.watch.check());
    // Slewing: too small for a record at first, and it adds up.
    w.clock.step_wall(-60 * base::kNsPerMs);
    CHECK(!w.watch.check());
    w.clock.step_wall(-60 * base::kNsPerMs);
    record = w.watch.check();
    REQUIRE(record);
    CHECK(record->epoch == 1);
}

TEST_CASE("clock watch: after a reboot the epoch goes on, and a clock that fell behind the store begins one") {
    Watched w(policy(), synced_until(kTruth - 10 * kSecond));
    CHECK(w.watch.check()->epoch == 3);
    Watched trusted(policy("trusted"), synced_until(kTruth + 3600 * kSecond));
    const auto record = trusted.watch.check();
    CHECK(record->state == State::synced);  // the operator's word stands above the floor
    CHECK(record->epoch == 4);
    CHECK(trusted.watch.status().reset_from_ns == kTruth + 3600 * kSecond);
}

TEST_CASE("clock watch: a boot below the floor is not synchronised, and its arrival goes on from the floor") {
    const auto history = synced_until(kTruth);
    for (const int64_t wall : {int64_t{0}, kTruth - 3600 * kSecond}) {
        Watched w(policy(), history, wall);  // the kernel says that it is
        auto record = w.watch.check();
        CHECK(record->state == State::unsynced);
        CHECK(w.arrival(*record) == kTruth);
        CHECK(record->epoch == 3);
        CHECK(record->hold_until_ns == kTruth + 15 * kMinute);
        CHECK(w.watch.status().hold_until_ns == record->hold_until_ns);
        w.clock.set_synchronised(false);
        w.clock.advance(kMinute);
        CHECK(!w.watch.check());
        // The time comes: forwards.
        w.clock.step_wall(kTruth + 24 * 3600 * kSecond - w.clock.wall_ns());
        w.clock.set_synchronised(true);
        record = w.watch.check();
        REQUIRE(record);
        CHECK(record->state == State::synced);
        CHECK(record->epoch == 3);
        CHECK(w.arrival(*record) == kTruth + 24 * 3600 * kSecond);
        CHECK(w.watch.status().hold_until_ns == 0);
    }
    ClockPolicy built = policy();
    built.built_ns = kTruth + kMinute;
    Watched w(built);
    CHECK(w.arrival(*w.watch.check()) == kTruth + kMinute);
    CHECK(w.watch.status().hold_until_ns == kTruth + 3 * kMinute);  // never seen a synchronised clock: not so long
}

TEST_CASE("clock watch: a kernel that insists on a time below the floor is believed") {
    Watched w(policy(), synced_until(kTruth + 3600 * kSecond));
    CHECK(w.watch.check()->state == State::unsynced);
    std::optional<model::ClockRecord> record;
    int seconds = 0;
    for (; seconds < 60 && !record; seconds++) {
        w.clock.advance(kSecond);
        record = w.watch.check();
    }
    REQUIRE(record);
    CHECK(seconds == 10);
    CHECK(record->state == State::synced);
    CHECK(w.arrival(*record) == w.clock.wall_ns());
    CHECK(w.watch.status().reset_from_ns == kTruth + 3600 * kSecond);
    w.clock.advance(3600 * kSecond);
    CHECK(!w.watch.status().reset_from_ns);
}

TEST_CASE("clock watch: a process that starts again in the same boot goes on as it was") {
    auto history = synced_until(kTruth);
    Watched first(policy(), history, 0, 9);
    first.clock.set_synchronised(false);
    const auto was = *first.watch.check();
    history.add(10, first.arrival(was), was);
    history.time(first.arrival(was) + kMinute);
    Watched again(policy("auto", kMinute), history, 0, 9);  // the length of the wait too is as it was
    again.clock.set_synchronised(false);
    again.clock.advance(2 * kMinute);
    auto record = again.watch.check();
    REQUIRE(record);
    CHECK(record->anchor_ns == was.anchor_ns);
    CHECK(record->hold_until_ns == was.hold_until_ns);
    CHECK(record->epoch == was.epoch);
    // A synchronised one is in holdover afterwards, not unsynchronised.
    const auto synced = synced_until(kTruth - kMinute, 9);
    Watched holdover(policy(), synced, kTruth, 9);
    holdover.clock.set_synchronised(false);
    CHECK(holdover.watch.check()->state == State::holdover);
}

TEST_CASE("clock watch: boots without a clock follow one another forwards, and behind a boot years ahead they do not") {
    auto history = synced_until(kTruth);
    int64_t newest = kTruth;
    for (uint64_t boot = 10; boot < 30; boot++) {
        Watched w(policy(), history, 0, boot);
        w.clock.set_synchronised(false);
        const auto record = *w.watch.check();
        CHECK(w.arrival(record) == newest);
        CHECK(record.epoch == 3);
        history.add(boot, newest, record);
        newest += kMinute;
        history.time(newest);
        // It always comes to an end: not every boot is waited for.
        if (boot >= 10 + 16) CHECK(history.held_boots() <= 8);
    }
    Watched ahead(policy(), history, kTruth + 10 * 365 * 86'400 * kSecond, 31);
    ahead.clock.set_synchronised(false);
    const auto record = *ahead.watch.check();
    CHECK(ahead.arrival(record) == ahead.clock.wall_ns());
    history.add(31, ahead.arrival(record), record);
    history.time(ahead.arrival(record) + kMinute);
    Watched after(policy(), history, 0, 32);
    after.clock.set_synchronised(false);
    const auto next = *after.watch.check();
    CHECK(after.arrival(next) == newest);
    CHECK(next.epoch == record.epoch + 1);
    // And one whose clock looks right but stands in time that was used before.
    Watched inside(policy(), history, kTruth + kMinute / 2, 33);
    inside.clock.set_synchronised(false);
    CHECK(inside.arrival(*inside.watch.check()) == newest);
}

TEST_CASE("clock watch: a clock set by hand is followed, also while processing waits; not below the floor") {
    Watched w(policy(), synced_until(kTruth), 0, 12);
    w.clock.set_synchronised(false);
    const auto first = *w.watch.check();
    w.clock.step_wall(3600 * kSecond);  // 1970, one hour later
    auto record = w.watch.check();
    REQUIRE(record);
    CHECK(record->anchor_ns == first.anchor_ns);
    w.clock.step_wall(kTruth + 3600 * kSecond - w.clock.wall_ns());
    record = w.watch.check();
    REQUIRE(record);
    CHECK(record->state == State::unsynced);
    CHECK(w.arrival(*record) == kTruth + 3600 * kSecond);
    CHECK(record->hold_until_ns == kTruth + 3600 * kSecond + 15 * kMinute);
    w.clock.advance(20 * kMinute);
    w.clock.step_wall(-60 * kSecond);
    record = w.watch.check();
    REQUIRE(record);
    CHECK(record->epoch == 4);
    CHECK(record->hold_until_ns == 0);  // waited once, and in vain
}

}  // namespace tributary::gateway
