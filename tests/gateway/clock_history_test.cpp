// SPDX-License-Identifier: Apache-2.0
#include "gateway/clock_history.hpp"

#include <doctest/doctest.h>

namespace tributary::gateway {

TEST_CASE("clock history: text there and back, and garbage") {
    ClockHistory history;
    CHECK(history.text().empty());
    CHECK(history.at(5) == model::ClockState::synced);
    CHECK(history.add(3, model::ClockState::unsynced));
    CHECK(!history.add(4, model::ClockState::unsynced));
    CHECK(history.add(10, model::ClockState::synced));
    CHECK(history.text() == "3:2,10:0");
    const ClockHistory again(history.text());
    CHECK(again.text() == history.text());
    CHECK(again.at(2) == model::ClockState::synced);
    CHECK(again.at(3) == model::ClockState::unsynced);
    CHECK(again.at(9) == model::ClockState::unsynced);
    CHECK(again.at(10) == model::ClockState::synced);
    for (const char* garbage : {":1", ",", "x", "7", "7:", "7:9", "7:x", "99999999999999999999999:1", "-1:1"})
        CHECK(ClockHistory(garbage).text().empty());
    CHECK(ClockHistory("1:2,junk").text() == "1:2");
    CHECK(ClockHistory("1:2;3:1").text().empty());
    CHECK(ClockHistory("1:2,").text() == "1:2");
    for (uint64_t seq = 20; seq < 400; seq++)
        history.add(seq, seq % 2 == 0 ? model::ClockState::holdover : model::ClockState::synced);
    CHECK(history.at(399) == model::ClockState::synced);
    CHECK(history.text().size() < 1000);  // bounded
}

}  // namespace tributary::gateway
