// SPDX-License-Identifier: Apache-2.0
#include "detect/lifecycle.hpp"

#include <doctest/doctest.h>

#include <type_traits>

using namespace tributary::detect;
using tributary::model::EventState;

namespace {
static_assert(std::is_trivially_copyable_v<LifecycleState> && sizeof(LifecycleState) <= 128);

Finding finding(double score) {
    if (score < 0.5) return {score, "", 20.0};
    return {score, "high", 20.0};
}
}  // namespace

TEST_CASE("lifecycle: opens at 0.5, closes below, keeps the peak") {
    LifecycleState state;
    bool held = false;
    CHECK_FALSE(step(state, {}, finding(0.49), 1, 10, held));
    const auto opened = step(state, {}, finding(0.5), 2, 30, held);
    REQUIRE(opened);
    CHECK(opened->state == EventState::open);
    CHECK(opened->kind == "high");
    CHECK(opened->start_ns == 2);
    CHECK_FALSE(opened->end_ns);
    CHECK(opened->score == 0.5);
    CHECK(opened->value == 30);
    CHECK(opened->expected == 20.0);
    CHECK_FALSE(step(state, {}, finding(0.9), 3, 50, held));
    CHECK_FALSE(step(state, {}, finding(0.6), 4, 35, held));
    const LifecycleState copied = state;  // a checkpoint in the middle
    LifecycleState restored = copied;
    const auto closed = step(restored, {}, finding(0.1), 5, 21, held);
    REQUIRE(closed);
    CHECK(closed->state == EventState::closed);
    CHECK(closed->kind == "high");
    CHECK(closed->start_ns == 2);
    CHECK(closed->end_ns == 5);
    CHECK(closed->score == 0.9);
    CHECK(closed->value == 50);
    CHECK_FALSE(held);
    CHECK_FALSE(step(restored, {}, finding(0.1), 6, 21, held));
    CHECK(step(restored, {}, finding(0.5), 6, 21, held));
}

TEST_CASE("lifecycle: hold-off counts once per run and ends in event time") {
    LifecycleState state;
    const Common common{.hold_off_ns = 100};
    bool held = false;
    CHECK(step(state, common, finding(0.8), -50, 1, held));  // before 1970: nothing to hold off yet
    CHECK(step(state, common, finding(0.2), 10, 1, held));
    CHECK_FALSE(step(state, common, finding(0.8), 20, 1, held));
    CHECK(held);
    CHECK_FALSE(step(state, common, finding(0.8), 30, 1, held));
    CHECK_FALSE(held);
    CHECK_FALSE(step(state, common, finding(0.2), 40, 1, held));
    CHECK_FALSE(step(state, common, finding(0.8), 109, 1, held));
    CHECK(held);
    const auto opened = step(state, common, finding(0.8), 110, 1, held);
    REQUIRE(opened);
    CHECK_FALSE(held);
    CHECK(opened->start_ns == 110);
}

TEST_CASE("lifecycle: close() ends what is open, and time out of order never gives an end before the start") {
    LifecycleState state;
    bool held = false;
    CHECK_FALSE(close(state, 5));
    CHECK(step(state, {}, {0.7, "deviation from what was usual", std::nullopt}, 100, 3, held));
    const auto closed = close(state, 7);
    REQUIRE(closed);
    CHECK(closed->end_ns == 100);
    CHECK(closed->kind == "deviation from ");
    CHECK_FALSE(closed->expected);
    CHECK_FALSE(close(state, 200));
    const Common common{.hold_off_ns = INT64_MAX};
    CHECK(step(state, common, finding(0.7), 100, 3, held));
    CHECK(step(state, common, finding(0.1), 101, 3, held));
    CHECK_FALSE(step(state, common, finding(0.7), INT64_MAX - 1, 3, held));
}

TEST_CASE("lifecycle: an event that gets worse is told again, not more often than asked for") {
    LifecycleState state;
    const Common common{.update_ns = 60};
    bool held = false;
    CHECK(step(state, common, finding(0.5), 0, 1, held));
    CHECK_FALSE(step(state, common, finding(0.6), 10, 2, held));  // worse, but just told
    CHECK_FALSE(step(state, common, finding(0.9), 20, 5, held));
    const auto update = step(state, common, finding(0.7), 60, 3, held);
    REQUIRE(update);
    CHECK(update->state == EventState::update);
    CHECK(update->score == 0.9);  // the peak, which was at
    CHECK(update->value == 5);
    CHECK(update->start_ns == 0);
    CHECK_FALSE(update->end_ns);
    CHECK_FALSE(step(state, common, finding(0.9), 500, 4, held));  // not worse than what was told
    CHECK(step(state, common, finding(0.95), 501, 6, held)->value == 6);
    CHECK(step(state, common, finding(0.1), 502, 1, held)->score == 0.95);
    LifecycleState never;
    CHECK(step(never, {}, finding(0.5), 0, 1, held));
    CHECK_FALSE(step(never, {}, finding(0.9), 1'000'000, 1, held));
}

TEST_CASE("lifecycle: an event that lasts becomes critical, once") {
    using tributary::model::Severity;
    LifecycleState state;
    const Common common{.severity = Severity::info, .escalate_after_ns = 100};
    bool held = false;
    CHECK(step(state, common, finding(0.6), 0, 1, held)->severity == Severity::info);
    CHECK_FALSE(step(state, common, finding(0.6), 99, 1, held));
    const auto update = step(state, common, finding(0.6), 100, 1, held);
    REQUIRE(update);
    CHECK(update->state == EventState::update);
    CHECK(update->severity == Severity::critical);
    CHECK_FALSE(step(state, common, finding(0.6), 300, 1, held));
    CHECK(step(state, common, finding(0), 301, 1, held)->severity == Severity::critical);
    CHECK(step(state, common, finding(0.6), 302, 1, held)->severity == Severity::info);
}

TEST_CASE("lifecycle: events that begin at the same time are told apart") {
    LifecycleState state;
    bool held = false;
    for (uint32_t nth = 0; nth < 3; nth++) {
        const auto opened = step(state, {}, finding(0.6), 0, 1, held);
        REQUIRE(opened);
        CHECK(opened->nth == nth);
        CHECK(step(state, {}, finding(0), 0, 1, held)->nth == nth);
    }
    CHECK(step(state, {}, finding(0.6), 1, 1, held)->nth == 0);
}
