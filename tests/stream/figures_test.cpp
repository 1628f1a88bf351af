// SPDX-License-Identifier: Apache-2.0
// The figures that are asked for, by hand-made examples; parts that add up to the whole.
#include "stream/figures.hpp"

#include <doctest/doctest.h>

#include <cmath>

#include "base/math.hpp"
#include "stream/helper.hpp"

using namespace stream_test;
using stream::Aggregate;

namespace {

Run with(std::vector<std::string> aggregates, int64_t lateness = 0, int64_t size = 100) {
    auto window = tumbling(size, lateness);
    window.aggregates = std::move(aggregates);
    return Run(stream_of({window}));
}

}  // namespace

TEST_CASE("time-weighted mean: a value holds until the next, over the edges of windows") {
    auto run = with({"time_weighted_mean"});
    run.add(reading(20, 10));
    run.add(reading(60, 20));
    run.add(reading(150, 0));
    CHECK(run.figure("time_weighted_mean") == (10.0 * 40 + 20 * 40) / 80);  // unknown before 20
    CHECK(run.figure("covered") == 80e-6);
    run.flush();
    CHECK(run.figure("time_weighted_mean") == (20.0 * 50 + 0 * 50) / 100);
    CHECK(run.records.back().mean == 0);
}

TEST_CASE("readings out of order count as if they had come in order, within the lateness") {
    auto run = with({"time_weighted_mean", "increase"}, 50);
    for (const int64_t at : {40, 10, 30, 20, 90, 60}) run.add(reading(at, static_cast<double>(at)));
    run.add(reading(150, 150));
    CHECK(run.figure("time_weighted_mean") == (10. * 10 + 20 * 10 + 30 * 10 + 40 * 20 + 60 * 30 + 90 * 10) / 90);
    CHECK(run.figure("increase") == 80);
    CHECK(run.stage.stats().out_of_order == 0);
    auto plain = with({"increase"}, 0);
    for (const int64_t at : {40, 10, 60}) plain.add(reading(at, static_cast<double>(at)));
    plain.flush();
    CHECK(plain.records.back().count == 3);
    CHECK(plain.figure("increase") == 20);  // 10 came too late for it, and that is counted
    CHECK(plain.stage.stats().out_of_order == 1);
}

TEST_CASE("what revises a window that idleness closed does not wait for its order") {
    auto window = tumbling(100, 50, 1000);
    window.revise_ns = 500, window.aggregates = {"increase"};
    Run run(stream_of({window}));
    run.add(reading(10, 1));
    run.stage.close_idle(1000, run.closed);
    run.take();
    run.add(reading(40, 6), 1000);  // at most 50 behind the newest
    run.flush();
    CHECK(run.text() == "0..100 x1 r0; 0..100 x2 r1");
    CHECK(run.figure("increase") == 5);
}

TEST_CASE("a counter's increase goes over resets and edges, and parts add up") {
    auto run = with({"increase", "rate"}, 0, base::kNsPerSecond * 10);
    double total = 0;
    const std::vector<double> counts{5, 9, 12, 2, 4, 4, 1};
    for (size_t i = 0; i < counts.size(); i++)
        run.add(reading(static_cast<int64_t>(i) * 4 * base::kNsPerSecond, counts[i]));
    run.flush();
    std::vector<double> increases, resets;
    for (const auto& record : run.records)
        for (const auto& figure : record.figures) {
            if (figure.name == "increase") total += figure.number, increases.push_back(figure.number);
            if (figure.name == "resets") resets.push_back(figure.number);
        }
    CHECK(increases == std::vector<double>{7, 4, 1});  // 5 9 12 | 2 4 | 4 1
    CHECK(resets == std::vector<double>{0, 1, 1});
    CHECK(total == 4 + 3 + 2 + 2 + 0 + 1);
    CHECK(run.figure("rate") == 0.1);
}

TEST_CASE("time in state for booleans and texts, the mode") {
    auto run = with({"states", "mode"});
    run.add(text(10, "run"));
    run.add(text(40, "stop"));
    run.add(text(45, "run"));
    run.add(text(130, "fault"));
    REQUIRE(run.records.size() == 1);
    CHECK(run.records[0].numbers == 0);
    CHECK(run.in_state("run") == 85);
    CHECK(run.in_state("stop") == 5);
    CHECK(run.records[0].figures[0].text == "run");
    CHECK(run.figure("mode_count") == 2);
    run.flush();
    CHECK(run.in_state("run") == 30);
    CHECK(run.in_state("fault") == 70);

    auto switches = with({"states", "time_weighted_mean"});
    for (const auto& [at, on] : {std::pair{0, 1}, {25, 0}, {75, 1}}) {
        auto one = reading(at, on);
        one.value.kind = model::ValueKind::boolean;
        switches.add(one);
    }
    switches.flush();
    CHECK(switches.in_state("true") == 50);
    CHECK(switches.in_state("false") == 50);
    CHECK(switches.figure("time_weighted_mean") == 0.5);  // the share of time it was true
}

TEST_CASE("states and modes are bounded and say what found no place") {
    auto run = with({"states", "mode"}, 0, 10'000);
    for (int64_t i = 0; i < 100; i++) run.add(reading(i * 100, static_cast<double>(i)));
    run.flush();
    CHECK(run.records.back().states.size() == 17);
    CHECK(run.in_state("(other)") == 84 * 100);
    CHECK(run.figure("mode_error") > 0);
}

TEST_CASE("sessions that become one: the mode's error covers what the fuller of them dropped") {
    auto window = tumbling(0, 1'000'000);
    window.type = "session", window.gap_ns = 1000, window.aggregates = {"mode"};
    Run run(stream_of({window}));
    for (int64_t i = 0; i < 100; i++) run.add(reading(i, 7));
    run.add(reading(2000, 7));
    for (int64_t i = 0; i < 40; i++) run.add(reading(2001 + i, static_cast<double>(100 + i % 20)));
    run.add(reading(1050, 7));  // touches both
    run.flush();
    REQUIRE(run.records.size() == 1);
    CHECK(run.figure("mode") == 7);
    CHECK(run.figure("mode_count") >= 102);
    CHECK(run.figure("mode_count") - run.figure("mode_error") <= 102);
}

TEST_CASE("a text too many is (other)") {
    auto run = with({"states"}, 0, 1'000'000);
    for (int64_t i = 0; i < 2000; i++) run.add(text(i, base::format("t{}", i)));
    run.add(text(2000, "t1999"));
    run.flush();
    CHECK(run.in_state("(other)") > 0);
}

TEST_CASE("a word that is no figure is refused with the known ones") {
    auto window = tumbling(10);
    for (const char* word : {"median", "p101", "p-1", "p", "pp", "Mode"}) {
        window.aggregates = {word};
        const auto figures = stream::Figures::make(window);
        REQUIRE(!figures);
        CHECK(figures.error().message.find("time_weighted_mean") != std::string::npos);
    }
}

TEST_CASE("10 s windows roll up to 1 min and 1 h exactly") {
    base::math::Random random(21);
    for (int round = 0; round < 20; round++) {
        const double level = base::math::exp(random.uniform() * 30 - 10), noise = base::math::exp(random.uniform() * 6);
        Aggregate hour, minute, ten, of_minutes, of_tens;
        for (int i = 0; i < 3600; i++) {
            const double value = level + noise * random.normal();
            for (Aggregate* one : {&hour, &minute, &ten}) one->add(i, value, model::TimeMark::device);
            if (i % 10 == 9) of_tens.merge(ten), ten = {};
            if (i % 60 == 59) of_minutes.merge(minute), minute = {};
        }
        model::Window whole, minutes, tens;
        hour.fill(whole);
        of_minutes.fill(minutes);
        of_tens.fill(tens);
        CHECK(whole == minutes);  // every figure, to the bit
        CHECK(whole == tens);
    }
}

TEST_CASE("mean and deviation keep twelve digits where squares cancel") {
    base::math::Random random(4);
    for (const double level : {0.0, 1.0, 1e6, 1e9, -1e9}) {
        Aggregate aggregate;
        std::vector<long double> values;
        for (int i = 0; i < 5000; i++) {
            const double value = level + 1e-3 * random.normal();
            aggregate.add(i, value, model::TimeMark::device);
            values.push_back(value - level);  // exact, so that it does not need a wider type: armhf has none
        }
        long double mean = 0, squares = 0;
        for (const auto value : values) mean += value;
        mean /= static_cast<long double>(values.size());
        for (const auto value : values) squares += (value - mean) * (value - mean);
        const auto truth = static_cast<double>(std::sqrt(squares / static_cast<long double>(values.size())));
        model::Window window;
        aggregate.fill(window);
        CHECK(std::fabs(window.stddev - truth) <= 1e-12 * truth);
        CHECK(std::fabs(window.mean - static_cast<double>(level + mean)) <= 1e-15 * std::fabs(level) + 1e-18);
    }
    Aggregate same;
    for (int i = 0; i < 1000; i++) same.add(i, 21.37, model::TimeMark::device);
    model::Window window;
    same.fill(window);
    CHECK(window.stddev == 0);
    CHECK(window.mean == 21.37);
}

TEST_CASE("saved and loaded in between, every figure comes out the same") {
    base::math::Random random(8);
    auto window = tumbling(1000, 200);
    window.aggregates = {"time_weighted_mean", "increase", "rate", "states", "mode", "p50", "p99"};
    window.revise_ns = 500;
    auto session = window;
    session.type = "session", session.gap_ns = 60, session.revise_ns = 0;
    Run plain(stream_of({window, session})), saved(stream_of({window, session}));
    for (int64_t i = 0; i < 20'000; i++) {
        const auto series = static_cast<model::SeriesId>(random.below(4));
        auto one = reading(i * 10 - static_cast<int64_t>(random.below(800)), static_cast<double>(random.below(50)));
        if (random.below(20) == 0) one = text(one.event_ns, random.below(2) == 0 ? "run" : "stop");
        plain.add(one, i * 10, series);
        saved.add(one, i * 10, series);
        if (random.below(100) != 0) continue;
        std::string bytes;
        saved.stage.save(bytes);
        base::ByteReader in(bytes);
        REQUIRE(saved.stage.load(in));
        REQUIRE(in.at_end());
    }
    plain.flush();
    saved.flush();
    CHECK(plain.lines == saved.lines);
    CHECK(plain.records == saved.records);
    CHECK(plain.records.size() > 500);
}
