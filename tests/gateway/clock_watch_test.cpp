// SPDX-License-Identifier: Apache-2.0
#include "gateway/clock_watch.hpp"

#include "gateway/support.hpp"

namespace tributary::gateway {
namespace {

using State = model::ClockState;
constexpr int64_t kSecond = base::kNsPerSecond;

struct Watched {
    explicit Watched(const std::string& policy = "auto") : watch(clock, arrival, policy) {}
    base::ManualClock clock{1'700'000'000 * kSecond, 50 * kSecond};
    ArrivalClock arrival{clock};
    ClockWatch watch;
};

}  // namespace

TEST_CASE("clock watch: the first look gives a record, the next ones only when something changed") {
    Watched w;
    auto record = w.watch.check();
    REQUIRE(record);
    CHECK(record->state == State::synced);
    CHECK(record->epoch == 0);
    CHECK(record->anchor_ns == (1'700'000'000 - 50) * kSecond);
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

    Watched trusted("trusted");
    trusted.clock.set_synchronised(false);
    CHECK(trusted.watch.check()->state == State::synced);
    CHECK(!trusted.watch.check());
}

TEST_CASE("clock watch: steps move the anchor, and a backward one begins an epoch") {
    Watched w;
    (void)w.watch.check();
    const int64_t before = w.arrival.now_ns();
    w.clock.step_wall(3600 * kSecond);
    CHECK(w.arrival.now_ns() == before);  // not before the record
    auto record = w.watch.check();
    REQUIRE(record);
    CHECK(record->epoch == 0);
    CHECK(w.arrival.now_ns() == before + 3600 * kSecond);
    CHECK(record->anchor_ns == w.arrival.anchor_ns());
    w.clock.step_wall(-2 * kSecond);
    CHECK(w.watch.check()->epoch == 1);
    CHECK(!w.watch.check());
    // Slewing: too small for a record at first, and it adds up.
    w.clock.step_wall(-60 * base::kNsPerMs);
    CHECK(!w.watch.check());
    w.clock.step_wall(-60 * base::kNsPerMs);
    record = w.watch.check();
    REQUIRE(record);
    CHECK(record->epoch == 1);
}

TEST_CASE("clock watch: after a restart the epoch goes on, and a clock that fell behind the store begins one") {
    Watched w;
    w.watch.resume(4, w.arrival.now_ns() - 10 * kSecond);
    CHECK(w.watch.check()->epoch == 4);
    Watched behind;
    behind.watch.resume(4, behind.arrival.now_ns() + 3600 * kSecond);
    CHECK(behind.watch.check()->epoch == 5);
}

}  // namespace tributary::gateway
