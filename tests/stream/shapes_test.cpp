// SPDX-License-Identifier: Apache-2.0
// Each shape of window by hand-made examples, revisions and bounds. Random traces: oracle tests.
#include <doctest/doctest.h>

#include "base/text.hpp"
#include "stream/helper.hpp"

using namespace stream_test;

TEST_CASE("hopping: a reading is in every window over it, late only when the last of them is out") {
    auto window = tumbling(10);
    window.type = "hopping", window.slide_ns = 5;
    Run run(stream_of({window}));
    run.add(reading(7));
    run.add(reading(12));
    CHECK(run.text() == "0..10 x1 r0");
    run.add(reading(9));  // 0..10 is out, 5..15 takes it
    run.add(reading(21));
    CHECK(run.text() == "5..15 x3 r0; 10..20 x1 r0");
    run.add(reading(14));  // 10..20 was its last
    CHECK(run.text() == "late 20");
    run.flush();
    CHECK(run.text() == "15..25 x1 r0; 20..30 x1 r0");
}

TEST_CASE("session: it ends a gap after its last reading, joins what it touches, and bridges two") {
    auto window = tumbling(0);
    window.type = "session", window.gap_ns = 10, window.lateness_ns = 30;
    Run run(stream_of({window}));
    run.add(reading(100));
    run.add(reading(110));  // exactly the gap: touches
    run.add(reading(131));  // another session
    run.add(reading(120));  // touches the first; 130 is before 131
    CHECK(run.stage.stats().open == 2);
    run.add(reading(125));  // joins both
    CHECK(run.stage.stats().open == 1);
    run.add(reading(180));
    CHECK(run.text() == "100..141 x5 r0");
    run.add(reading(139));
    CHECK(run.text() == "late 149");
    run.flush();
    CHECK(run.text() == "180..190 x1 r0");
}

TEST_CASE("count: so many readings in the order in which they came; what is left goes out when idle") {
    auto window = tumbling(0);
    window.type = "count", window.count = 3, window.idle_ns = 100;
    Run run(stream_of({window}));
    for (const int64_t at : {50, 40, 60, 10}) run.add(reading(at * base::kNsPerMs), 5);
    CHECK(run.text() == "40000000..61000000 x3 r0");
    run.add(reading(0), 200, 1);
    CHECK(run.text() == "10000000..11000000 x1 r0");
    CHECK(run.stage.stats().open == 1);
}

TEST_CASE("late readings within `revise` put the window out again, gathered; later ones are late") {
    auto window = tumbling(10, 0, 1'000'000'000'000);
    window.revise_ns = 30;
    Run run(stream_of({window}));
    const int64_t second = base::kNsPerSecond;
    run.add(reading(5), 0);
    run.add(reading(15), 0);
    CHECK(run.text() == "0..10 x1 r0");
    run.add(reading(6), second);
    run.add(reading(7), 2 * second);
    run.add(reading(-3), 2 * second);  // its window had no reading in time: revision 0
    CHECK(run.text().empty());
    CHECK(run.stage.next_deadline_ns() == 6 * second);
    run.add(reading(16), 6 * second);
    CHECK(run.text() == "-10..0 x1 r0; 0..10 x3 r1");
    run.add(reading(8), 7 * second);
    run.add(reading(42), 8 * second);  // 40 is the end of 0..10 + revise: the revision goes out, then nothing more
    CHECK(run.text() == "10..20 x2 r0; 0..10 x4 r2");
    run.add(reading(9), 9 * second);
    CHECK(run.text() == "late 10");
    CHECK(run.stage.stats().revisions == 2);
    run.flush();
    CHECK(run.text() == "40..50 x1 r0");
}

TEST_CASE("revisions of hopping windows: each that is out") {
    auto window = tumbling(10);
    window.type = "hopping", window.slide_ns = 5, window.revise_ns = 100;
    Run run(stream_of({window}));
    run.add(reading(7));
    run.add(reading(17));
    CHECK(run.text() == "0..10 x1 r0; 5..15 x1 r0");
    run.add(reading(8));
    run.flush();
    CHECK(run.text() == "0..10 x2 r1; 5..15 x2 r1; 10..20 x1 r0; 15..25 x1 r0");
}

TEST_CASE("one series does not close another's windows, however fast its clock") {
    Run run(stream_of({tumbling(10)}));
    run.add(reading(5), 0, 0);
    run.add(reading(1'000'000), 0, 1);
    run.add(reading(6), 0, 0);
    CHECK(run.text().empty());
    run.add(reading(10), 0, 0);
    CHECK(run.text() == "0..10 x2 r0");
}

TEST_CASE("windows of a zone begin at local midnight") {
    auto window = tumbling(24 * 3600 * base::kNsPerSecond);
    window.zone = "Europe/Berlin", window.offset_ns = 6 * 3600 * base::kNsPerSecond;
    Run run(stream_of({window}));
    run.add(reading(*base::parse_time_ns("2026-10-24T05:00:00Z")));
    run.add(reading(*base::parse_time_ns("2026-10-25T04:59:59Z")));
    run.add(reading(*base::parse_time_ns("2026-10-25T05:00:00Z")));
    REQUIRE(run.records.size() == 1);
    CHECK(run.records[0].end_ns - run.records[0].start_ns == 25 * 3600 * base::kNsPerSecond);
    CHECK(run.records[0].count == 2);
}

TEST_CASE("no more windows than max_windows: the series' own oldest closes early, counted") {
    auto settings = stream_of({tumbling(10, 1'000'000)});
    settings.max_windows = 100;
    Run run(settings);
    for (int64_t i = 0; i < 1000; i++) run.add(reading(i * 10), i, i % 10 == 0 ? 0 : 1);
    CHECK(run.stage.stats().kept == 100);
    CHECK(run.stage.stats().forced == 900);
    CHECK(run.records.size() == 900);
    run.lines.clear();
    run.add(reading(5), 1000, 0);
    CHECK(run.text().starts_with("late 10"));
    run.flush();
    CHECK(run.stage.stats().kept == 0);
    uint64_t sum = 0;
    for (const auto& record : run.records) sum += record.count;
    CHECK(sum == 1000);
}

TEST_CASE("what is kept for revisions gives room first") {
    auto window = tumbling(10);
    window.revise_ns = 1'000'000'000;
    auto settings = stream_of({window});
    settings.max_windows = 100;
    Run run(settings);
    for (int64_t i = 0; i < 1000; i++) run.add(reading(i * 10));
    CHECK(run.stage.stats().kept == 100);
    CHECK(run.stage.stats().forced == 0);
    run.add(reading(10 * 950 + 1));
    run.add(reading(10 * 3 + 1));
    run.lines.clear();
    run.flush();
    CHECK(run.text() == "30..40 x1 r0; 9500..9510 x2 r1; 9990..10000 x1 r0");
}

TEST_CASE("a forgotten series goes out, and its number begins anew") {
    auto window = tumbling(10);
    window.aggregates = {"increase"};
    Run run(stream_of({window}));
    run.add(reading(1005, 5));
    run.stage.forget(0, run.closed);
    run.take();
    CHECK(run.text() == "1000..1010 x1 r0");
    run.add(reading(5, 7));  // another series now: not late, no increase from 5 to 7
    run.flush();
    CHECK(run.text() == "0..10 x1 r0");
    CHECK(run.figure("increase") == 0);
}
