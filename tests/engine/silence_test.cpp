// SPDX-License-Identifier: Apache-2.0
// Series that fall silent, by the hundred: each is found once and on time, from any checkpoint, and a stop of the
// gateway or a lost connection is no alarm.
#include <doctest/doctest.h>

#include <map>

#include "base/math.hpp"
#include "engine/helper.hpp"

using namespace tributary;

namespace {

constexpr int64_t kSecond = base::kNsPerSecond;
constexpr int64_t kStart = 1'767'225'600 * kSecond;
constexpr int kSeries = 200;

constexpr const char* kConfig = R"(
[gateway]
id = "g"
[[stream]]
name = "s"
topics = ["s/#"]
forward = "events"
[[stream.detect]]
type = "threshold"
high = 10
[[stream.detect]]
type = "missing"
after = "60s"
)";

void process(engine::Engine& engine, const model::IntakeRecord& record, engine_test::Collector& sink) {
    model::Ledger ledger;
    engine.process(record, sink, ledger);
}

// Until the next record the gateway writes ticks for the deadlines the engine names.
void ticks(engine::Engine& engine, int64_t until_ns, engine_test::Collector& sink) {
    for (int i = 0; engine.next_deadline_ns() < until_ns; i++) {
        REQUIRE(i < 10'000);
        model::IntakeRecord tick;
        tick.arrival_ns = engine.next_deadline_ns();
        tick.body = model::TickRecord{};
        process(engine, tick, sink);
    }
}

}  // namespace

TEST_CASE("silence: each series once and on time, from any checkpoint") {
    base::math::Random random(3);
    engine_test::Inputs in;
    in.config(kConfig);
    std::map<std::string, int64_t> last;
    for (int64_t second = 0; second < 300; second++)
        for (int i = 0; i < kSeries; i++) {
            const int64_t ends = 100 + i;
            if (second > ends || random.below(10) != 0) continue;
            const std::string topic = base::format("s/{}", i);
            in.message(topic, "1", kStart + second * kSecond);
            last[topic] = kStart + second * kSecond;
        }
    auto engine = engine::make_engine();
    engine_test::Collector sink;
    for (const auto& record : in.records) {
        if (record.seq > 1) ticks(*engine, record.arrival_ns, sink);
        process(*engine, record, sink);
        if (record.seq % 500 != 0) continue;
        auto again = engine::make_engine();
        REQUIRE(again->restore(engine->checkpoint()).ok());
        CHECK(again->next_deadline_ns() == engine->next_deadline_ns());
        engine = std::move(again);
    }
    ticks(*engine, kStart + 3600 * kSecond, sink);
    std::map<std::string, int> last_alarm;
    for (const auto& output : sink.outputs) {
        const auto& event = std::get<model::Event>(output);
        CHECK(event.detector == "missing");
        if (event.state != model::EventState::open || event.start_ns != last[event.origin.series] + 60 * kSecond)
            continue;
        last_alarm[event.origin.series]++;
        CHECK(event.value == 1);
        CHECK(event.mark == model::TimeMark::arrival);
    }
    CHECK(last_alarm.size() == last.size());
    for (const auto& [series, times] : last_alarm) CHECK(times == 1);
    CHECK(engine->next_deadline_ns() == base::kNever);
    CHECK(engine->stats().open_events == last.size());
}

TEST_CASE("silence: no storm after a lost connection or a kill") {
    struct Away {
        bool lost;  // a record says so when it happens; else the gateway was killed, and says so at its next start
        int64_t seconds;
    };
    for (const Away away : {Away{true, 3600}, Away{true, 70}, Away{false, 62}, Away{false, 3600}}) {
        CAPTURE(away.seconds);
        engine_test::Inputs in;
        in.config(kConfig);
        for (int64_t second = 0; second < 50; second++)
            for (int i = 0; i < kSeries; i++) in.message(base::format("s/{}", i), "1", kStart + second * kSecond);
        const int64_t gone = kStart + 50 * kSecond, back = gone + away.seconds * kSecond;
        if (!away.lost) in.clock(model::ClockState::synced, 0, back);  // as at every start
        in.add(model::SessionRecord{1, false, false}, away.lost ? gone : back);
        in.add(model::SessionRecord{2, true, true}, back + kSecond);
        for (int64_t second = 2; second < 20; second++)
            for (int i = 0; i < kSeries - 1; i++) in.message(base::format("s/{}", i), "1", back + second * kSecond);
        auto engine = engine::make_engine();
        engine_test::Collector sink;
        for (const auto& record : in.records) process(*engine, record, sink);
        CHECK(sink.outputs.empty());
        ticks(*engine, back + 75 * kSecond, sink);
        REQUIRE(sink.outputs.size() == 1);  // the one that did not come back
        CHECK(std::get<model::Event>(sink.outputs[0]).origin.series == base::format("s/{}", kSeries - 1));
    }
}
