// SPDX-License-Identifier: Apache-2.0
// Raw context: for each event the readings around it, each once, whatever overlaps, whenever it was restarted; and
// never more kept than may be asked for.
#include <doctest/doctest.h>

#include <map>
#include <set>

#include "base/math.hpp"
#include "engine/helper.hpp"

using namespace tributary;

namespace {

constexpr int64_t kSecond = base::kNsPerSecond, kMinute = 60 * kSecond;
constexpr int64_t kStart = 1'767'225'600 * kSecond;
constexpr int64_t kBefore = 30 * kSecond, kAfter = 20 * kSecond, kMost = 10 * kMinute;

constexpr const char* kConfig = R"(
[gateway]
id = "g"
[[stream]]
name = "s"
topics = ["s/#"]
forward = ["events"]
time = "/t"
time_unit = "ms"
value = "/v"
context = { before = "30s", after = "20s" }
[[stream.detect]]
type = "threshold"
high = 10
[[stream.detect]]
type = "threshold"
name = "low"
low = 5
high = 1000
)";

// Values: 7 is calm, 20 is high, 1 is low.
struct Rig {
    Rig() { in.config(kConfig); }
    explicit Rig(const std::string& config) { in.config(config); }

    void reading(const std::string& series, double value, int64_t event_ns, int64_t arrival_ns) {
        in.message("s/" + series, base::format(R"({{"t":{},"v":{}}})", base::ns_to_ms(event_ns), value), arrival_ns);
        given[in.records.back().seq] = {"s/" + series, event_ns};
    }
    void reading(const std::string& series, double value, int64_t at_ns) { reading(series, value, at_ns, at_ns); }

    // All that was given so far and not processed yet; every: from a checkpoint at every so many records.
    void run(int every = 0) {
        for (; done < in.records.size(); done++) {
            if (done > 0) ticks(in.records[done].arrival_ns);
            process(in.records[done]);
            floors.emplace_back(sink.outputs.size(), std::min(engine->context_floor(), in.records[done].seq + 1));
            if (every == 0 || done % static_cast<size_t>(every) != 0) continue;
            auto again = engine::make_engine();
            REQUIRE(again->restore(engine->checkpoint()).ok());
            CHECK(again->checkpoint() == engine->checkpoint());
            CHECK(again->next_deadline_ns() == engine->next_deadline_ns());
            CHECK(again->context_floor() == engine->context_floor());
            engine = std::move(again);
        }
    }
    void ticks(int64_t until_ns) {
        for (int i = 0; engine->next_deadline_ns() < until_ns; i++) {
            REQUIRE(i < 1'000);
            model::IntakeRecord tick;
            tick.arrival_ns = engine->next_deadline_ns();
            tick.body = model::TickRecord{};
            process(tick);
        }
    }
    void flush() {
        model::Ledger ledger;
        engine->flush(sink, ledger);
    }
    void process(const model::IntakeRecord& record) {
        model::Ledger ledger;
        engine->process(record, sink, ledger);
    }

    std::vector<model::ContextRange> ranges() const {
        std::vector<model::ContextRange> out;
        for (const auto& output : sink.outputs)
            if (const auto* range = std::get_if<model::ContextRange>(&output)) out.push_back(*range);
        return out;
    }
    // seq -> the ids it is marked with; no reading may be sent twice.
    std::map<uint64_t, std::vector<std::string>> sent() const {
        std::map<uint64_t, std::vector<std::string>> out;
        for (const auto& range : ranges()) {
            CHECK(!range.event_ids.empty());
            for (auto it = given.lower_bound(range.from_seq); it != given.end() && it->first <= range.to_seq; ++it) {
                const auto& [series, event_ns] = it->second;
                if (series != range.origin.series || event_ns < range.from_ns || event_ns >= range.to_ns) continue;
                CHECK(out.emplace(it->first, range.event_ids).second);
            }
        }
        return out;
    }
    // By the definition, from the events alone.
    std::set<uint64_t> wanted(int64_t before = kBefore, int64_t after = kAfter) const {
        std::map<std::string, std::pair<int64_t, int64_t>> spans;
        std::map<std::string, std::string> series;
        for (const auto& output : sink.outputs) {
            const auto* event = std::get_if<model::Event>(&output);
            if (event == nullptr) continue;
            auto& [from, to] = spans[event->event_id];
            series[event->event_id] = event->origin.series;
            from = event->start_ns - before;
            to = std::min(from + kMost, event->end_ns ? *event->end_ns + after + 1 : from + kMost);
        }
        std::set<uint64_t> out;
        for (const auto& [seq, what] : given)
            for (const auto& [id, span] : spans)
                if (series[id] == what.first && what.second >= span.first && what.second < span.second) out.insert(seq);
        return out;
    }
    std::set<uint64_t> sent_seqs() const {
        std::set<uint64_t> out;
        for (const auto& [seq, ids] : sent()) out.insert(seq);
        return out;
    }

    engine_test::Inputs in;
    engine_test::Collector sink;
    std::unique_ptr<engine::Engine> engine = engine::make_engine();
    std::map<uint64_t, std::pair<std::string, int64_t>> given;  // seq -> series, event time
    std::vector<std::pair<size_t, uint64_t>> floors;  // outputs until then, the engine's floor among what it had
    size_t done = 0;
};

// Three series with bursts of both kinds, calm stretches, gaps.
void random_load(Rig& rig, uint64_t seed, int records) {
    base::math::Random random(seed);
    std::array<int, 3> burst{};
    std::array<double, 3> value{7, 7, 7};
    int64_t now = kStart;
    for (int i = 0; i < records; i++) {
        now += static_cast<int64_t>(random.below(2'000)) * base::kNsPerMs;
        if (random.below(400) == 0) now += static_cast<int64_t>(random.below(1'500)) * kSecond;
        const size_t which = random.below(3);
        if (which == 2 && random.below(10) != 0) continue;  // a slow one
        if (burst[which] == 0) {
            value[which] = 7;
            if (random.below(60) == 0) {
                value[which] = random.below(2) == 0 ? 20 : 1;
                burst[which] = random.below(8) == 0 ? 1'500 : static_cast<int>(1 + random.below(20));
            }
        } else {
            burst[which]--;
            if (random.below(30) == 0) value[which] = value[which] == 20 ? 1 : 20;  // the other one overlaps
        }
        rig.reading(base::format("{}", which), value[which], now);
    }
    for (size_t i = 0; i < 3; i++) rig.reading(base::format("{}", i), 7, now += kSecond);
}

}  // namespace

TEST_CASE("context: exactly the readings around events, each once, and the floor is never above what is asked for") {
    size_t all = 0;
    for (const uint64_t seed : {1, 2, 3}) {
        Rig rig;
        random_load(rig, seed, 12'000);
        rig.run();
        rig.ticks(kStart + 100 * 24 * 3600 * kSecond);
        CHECK(rig.engine->next_deadline_ns() == base::kNever);
        CHECK(rig.sent_seqs() == rig.wanted());
        all += rig.sent_seqs().size();
        size_t merged = 0;
        for (const auto& [seq, ids] : rig.sent()) merged += ids.size() > 1 ? 1 : 0;
        CHECK(merged > 0);
        for (const auto& [outputs, floor] : rig.floors)
            for (size_t i = outputs; i < std::min(outputs + 50, rig.sink.outputs.size()); i++)
                if (const auto* range = std::get_if<model::ContextRange>(&rig.sink.outputs[i]))
                    REQUIRE(range->from_seq >= floor);
    }
    CHECK(all > 3'000);
    MESSAGE(all << " readings sent as context");
}

TEST_CASE("context: a restart at any record changes nothing") {
    for (const uint64_t seed : {4, 5}) {
        Rig straight, broken;
        random_load(straight, seed, 2'000);
        random_load(broken, seed, 2'000);
        straight.run();
        broken.run(1);
        straight.flush();
        broken.flush();
        CHECK(!straight.ranges().empty());
        CHECK(straight.sink.outputs == broken.sink.outputs);
        CHECK(straight.sent_seqs() == straight.wanted());
    }
}

TEST_CASE("context: the first part comes with the event, the rest in parts of a minute, ten minutes at most") {
    Rig rig;
    int64_t now = kStart;
    for (int i = 0; i < 60; i++) rig.reading("a", 7, now += kSecond);
    rig.reading("a", 20, now += kSecond);
    const int64_t opened = now;
    rig.run();
    REQUIRE(rig.ranges().size() == 1);
    CHECK(rig.ranges()[0].from_ns == opened - kBefore);
    CHECK(rig.sent_seqs().size() == 31);
    for (int i = 0; i < 1'800; i++) rig.reading("a", 20, now += kSecond);  // half an hour
    rig.run();
    CHECK(rig.sent_seqs().size() == 600);
    CHECK(rig.ranges().size() <= 12);
    CHECK(rig.given.at(*rig.sent_seqs().rbegin()).second < opened - kBefore + kMost);
    rig.reading("a", 7, now += kSecond);
    for (int i = 0; i < 60; i++) rig.reading("a", 7, now += kSecond);
    rig.run();
    CHECK(rig.sent_seqs().size() == 600);
    CHECK(rig.engine->next_deadline_ns() == base::kNever);
}

TEST_CASE("context: two detectors, one range, both names; a reading bears the names that were known when it was sent") {
    Rig rig;
    int64_t now = kStart;
    for (int i = 0; i < 40; i++) rig.reading("a", 7, now += kSecond);
    for (int i = 0; i < 5; i++) rig.reading("a", 20, now += kSecond);
    for (int i = 0; i < 5; i++) rig.reading("a", 1, now += kSecond);
    for (int i = 0; i < 40; i++) rig.reading("a", 7, now += kSecond);
    rig.run();
    std::vector<std::string> ids;
    for (const auto& output : rig.sink.outputs)
        if (const auto* event = std::get_if<model::Event>(&output); event && event->state == model::EventState::open)
            ids.push_back(event->event_id);
    REQUIRE(ids.size() == 2);
    CHECK(rig.sent_seqs() == rig.wanted());
    const auto sent = rig.sent();
    CHECK(sent.begin()->second == std::vector{ids[0]});
    CHECK(sent.rbegin()->second == ids);
}

TEST_CASE("context: a series that falls silent ends its range and lets go of the intake log") {
    Rig rig;
    int64_t now = kStart;
    for (int i = 0; i < 40; i++) rig.reading("a", 7, now += kSecond);
    rig.reading("a", 20, now += kSecond);
    for (int i = 0; i < 10; i++) rig.reading("a", 20, now += kSecond);
    rig.run();
    CHECK(rig.engine->context_floor() <= 2);
    const int64_t last = now;
    CHECK(rig.engine->next_deadline_ns() < last + kMinute);
    rig.ticks(last + 12 * kMinute);
    CHECK(rig.engine->next_deadline_ns() == base::kNever);
    CHECK(rig.sent_seqs() == rig.wanted());
    rig.reading("b", 7, last + 16 * kMinute);  // another one goes on
    rig.run();
    CHECK(rig.engine->context_floor() == rig.in.records.back().seq);
}

TEST_CASE("context: end of input, a stream that is taken out") {
    for (const bool removed : {false, true}) {
        Rig rig;
        int64_t now = kStart;
        for (int i = 0; i < 40; i++) rig.reading("a", 7, now += kSecond);
        for (int i = 0; i < 5; i++) rig.reading("a", 20, now += kSecond);
        if (removed) rig.in.config("[gateway]\nid = \"g\"\n", now);
        rig.run();
        if (!removed) rig.flush();
        CHECK(rig.sent_seqs() == rig.wanted());
        CHECK(rig.sent_seqs().size() == 35);
        CHECK(rig.sink.outputs.size() == 4);  // open, closed, two parts
        if (removed) CHECK(rig.engine->context_floor() == UINT64_MAX);
    }
}

TEST_CASE("context: readings out of order are in it until its range is over") {
    Rig rig;
    int64_t now = kStart;
    for (int i = 0; i < 40; i++) rig.reading("a", 7, now += kSecond);
    rig.reading("a", 20, now += kSecond);
    const int64_t opened = now;
    rig.reading("a", 20, opened - 10 * kSecond, now += kSecond);  // late, but the range is open
    const uint64_t late = rig.in.records.back().seq;
    for (int i = 0; i < 5; i++) rig.reading("a", 20, now += kSecond);
    for (int i = 0; i < 30; i++) rig.reading("a", 7, now += kSecond);
    rig.reading("a", 7, opened - 10 * kSecond, now += kSecond);  // over
    const uint64_t too_late = rig.in.records.back().seq;
    rig.run();
    CHECK(rig.sent().contains(late));
    CHECK(!rig.sent().contains(too_late));
    auto wanted = rig.wanted();
    wanted.erase(too_late);
    CHECK(rig.sent_seqs() == wanted);
}

TEST_CASE("context: any order of readings: none twice, none outside but what came before the end was known") {
    base::math::Random random(9);
    Rig rig;
    int64_t now = kStart;
    for (int i = 0; i < 5'000; i++) {
        now += kSecond;
        const int64_t event = now - static_cast<int64_t>(random.below(40)) * kSecond;
        const double value = (i / 40) % 7 == 3 ? 20 : (i / 25) % 11 == 5 ? 1 : 7;
        rig.reading("a", value, event, now);
    }
    rig.run(13);
    rig.flush();
    const auto sent = rig.sent_seqs(), wanted = rig.wanted();
    const auto most = rig.wanted(kBefore, kMost);
    CHECK(sent.size() > 1'000);
    size_t missed = 0;
    int64_t newest = INT64_MIN;
    for (const auto& [seq, what] : rig.given) {
        if (sent.contains(seq)) CHECK(most.contains(seq));
        if (wanted.contains(seq) && !sent.contains(seq)) {
            CHECK(what.second < newest);  // late, when its range was over
            missed++;
        }
        newest = std::max(newest, what.second);
    }
    CHECK(missed > 0);
    CHECK(missed < wanted.size() / 4);
    MESSAGE(sent.size() << " sent, " << missed << " of " << wanted.size() << " came when their range was over");
}

TEST_CASE("context: what is muted asks for none") {
    Rig rig;
    int64_t now = kStart;
    rig.in.mute("s/a", now + 3600 * kSecond, now);
    for (const char* series : {"a", "b"}) {
        for (int i = 0; i < 40; i++) rig.reading(series, i < 20 ? 7 : 20, now += kSecond);
        rig.reading(series, 7, now += kSecond);
    }
    rig.run();
    rig.flush();
    for (const auto& range : rig.ranges()) CHECK(range.origin.series == "s/b");
    CHECK(!rig.ranges().empty());
}

TEST_CASE("context: a time epoch that begins anew ends ranges and asks for nothing of before") {
    std::string config = kConfig;
    config.erase(config.find("time = "), std::string("time = \"/t\"\ntime_unit = \"ms\"\n").size());
    Rig rig(config);
    int64_t now = kStart + 3600 * kSecond;
    for (int i = 0; i < 60; i++) rig.reading("a", i < 50 ? 7 : 20, now += kSecond);
    rig.in.clock(model::ClockState::synced, 1, now -= 3600 * kSecond);
    const uint64_t clock = rig.in.records.back().seq;
    for (int i = 0; i < 10; i++) rig.reading("a", i < 5 ? 7 : 20, now += kSecond);
    rig.run(7);
    rig.flush();
    size_t before = 0, behind = 0;
    for (const auto& range : rig.ranges()) (range.to_seq < clock ? before : behind)++;
    CHECK(before >= 2);
    CHECK(behind >= 1);
    for (const auto& range : rig.ranges())
        if (range.to_seq > clock) CHECK(range.from_seq > clock);
    CHECK(rig.sent_seqs().size() == 30 + 10 + 10);
}
