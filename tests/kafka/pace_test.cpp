// SPDX-License-Identifier: Apache-2.0
#include "kafka/pace.hpp"

#include <doctest/doctest.h>

#include <initializer_list>

namespace tributary::kafka {
namespace {

// Batches of a simulated link that takes so long for each; returns the part of the time in which one is on its way.
double busy_part(int share, int64_t batch_ns, int64_t until_ns) {
    Pace pace(share);
    int64_t now = 1, busy = 0;
    while (now < until_ns) {
        pace.landed(now);
        const size_t room = pace.room(now);
        if (room == 0) {
            now = pace.resume_ns();
            continue;
        }
        pace.sent(room, now);
        now += batch_ns, busy += batch_ns;
    }
    return static_cast<double>(busy) / static_cast<double>(now);
}

TEST_CASE("pace: the backlog has its share of the time, however slow the link") {
    for (const int share : {1, 10, 25, 50, 90, 100})
        for (const int64_t batch_ns : {1'000'000, 250'000'000}) {
            CAPTURE(share);
            CHECK(busy_part(share, batch_ns, 2'000 * batch_ns) == doctest::Approx(share / 100.0).epsilon(0.06));
        }
}

TEST_CASE("pace: a batch may be sent in parts, and ends when nothing of it is on its way") {
    Pace pace(50);
    CHECK(pace.room(100) == Pace::kBatch);
    pace.sent(1'000, 100);
    CHECK(pace.room(150) == Pace::kBatch - 1'000);
    pace.sent(Pace::kBatch - 1'000, 150);
    CHECK(pace.room(160) == 0);
    pace.landed(200);
    CHECK(pace.room(250) == 0);
    CHECK(pace.resume_ns() == 300);
    CHECK(pace.room(300) == Pace::kBatch);
    pace.landed(400);  // nothing was sent: no pause
    CHECK(pace.room(400) == Pace::kBatch);
}

}  // namespace
}  // namespace tributary::kafka
