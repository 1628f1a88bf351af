// SPDX-License-Identifier: Apache-2.0
#include "gateway/context_feed.hpp"

#include "gateway/feeds.hpp"
#include "gateway/support.hpp"

namespace tributary::gateway {
namespace {

constexpr int64_t kNow = 1'700'000'000 * base::kNsPerSecond, kSecond = base::kNsPerSecond;

std::string config(const std::string& streams) {
    std::string text = "[gateway]\nid = \"line1\"\n" + streams;
    for (const auto& found : config::parse_engine_text(text).diagnostics) FAIL_CHECK(found.message);
    return text;
}

// With context unless it forwards all.
std::string stream(const std::string& name, const std::string& topic, const std::string& forward = "\"events\"",
                   const std::string& more = "format = \"scalar\"\n") {
    std::string text =
        base::format("[[stream]]\nname = \"{}\"\ntopics = [\"{}\"]\nforward = {}\n{}", name, topic, forward, more);
    if (forward == "\"events\"") text += "context = {}\n[[stream.detect]]\ntype = \"threshold\"\nhigh = 10\n";
    return text;
}

// One item: which Kafka record of which range, id, event ids, value.
std::string line(const kafka::Item& item) {
    if (item.nothing) return base::format("{}.{} {}", item.seq, item.n, item.complete ? "complete" : "nothing");
    CHECK(!item.last);
    CHECK(item.record->topic == "tb.readings");
    const std::string value(item.value);
    const auto member = [&](const std::string& name) {
        const size_t at = value.find("\"" + name + "\":");
        if (at == std::string::npos) return std::string("-");
        const size_t from = at + name.size() + 3;
        const size_t end = value[from] == '[' ? value.find(']', from) + 1 : value.find_first_of(",}", from);
        return value.substr(from, end - from);
    };
    return base::format("{}.{} {} {} {} {}", item.seq, item.n, item.record->id.substr(item.record->id.find('/') + 1),
                        member("value"), member("event_id"), member("event_ids"));
}

struct Fed : Rig {
    Fed() : intake(store) {}
    void configure(const std::string& text) { intake.add(model::ConfigRecord{engine::kEngineVersion, text}); }
    // Intake from seconds `from` to `to`, a value each, its number of seconds.
    void values(const std::string& topic, int from, int to) {
        for (int i = from; i <= to; i++) intake.add(message(topic, std::to_string(i)), kNow + i * kSecond);
    }
    void ask(const std::string& stream, const std::string& series, int from, int to, uint64_t from_seq, uint64_t to_seq,
             std::vector<std::string> ids = {"e1"}) {
        ranges.add(model::ContextRange{
            {series, stream, "", {}}, std::move(ids), kNow + from * kSecond, kNow + to * kSecond, from_seq, to_seq});
    }
    void ready() {
        if (ranges.count() > 0) {
            store::Batch batch;
            const uint32_t count = ranges.count();
            const std::string body = ranges.take();
            batch.appends.push_back({model::Log::context, count, 0, 0, 0, body});
            take(store.commit(batch));
        }
        for (const auto log : model::kLogs) cache.set_end(log, store.next_seq(log));
        source.emplace(cache, reader(), metrics);
    }
    std::vector<std::string> all(ContextFeed& feed, int most_busy = 0) {
        std::vector<std::string> out;
        for (int busy = 0;;) {
            kafka::Item item;
            if (feed.next(item))
                out.push_back(line(item));
            else if (!item.busy || ++busy > most_busy)
                return out;
        }
    }
    std::vector<std::string> all() {
        ContextFeed feed(1, *source, record::Routing("line1", "tb"), metrics);
        return all(feed);
    }
    Intake intake;
    model::OutputBlockWriter ranges;
    std::optional<BlockSource> source;
};

using Lines = std::vector<std::string>;

}  // namespace

TEST_CASE("context feed: the readings of a series in a range, once each, with their ids and events") {
    Fed f;
    f.configure(config(stream("s", "s/+")));
    for (int i = 0; i < 4; i++) f.values("s/a", i, i), f.values("s/b", i, i);  // seqs 2..9
    f.intake.commit();
    f.ask("s", "s/a", 1, 3, 1, 9);
    f.ask("s", "s/b", 0, 2, 2, 5, {"e1", "e2"});
    f.ask("s", "s/c", 0, 9, 1, 9);
    f.ask("gone", "s/a", 0, 9, 1, 9);
    f.ready();
    const Lines want{"1.0 intake/4 1 \"e1\" -",
                     "1.1 intake/6 2 \"e1\" -",
                     "1.2 complete",
                     "2.0 intake/3 0 \"e1\" [\"e1\",\"e2\"]",
                     "2.1 intake/5 1 \"e1\" [\"e1\",\"e2\"]",
                     "2.2 complete",
                     "3.0 complete",
                     "4.0 complete"};
    CHECK(f.all() == want);
    // From anywhere, as after trouble: the same numbers again.
    ContextFeed feed(1, *f.source, record::Routing("line1", "tb"), f.metrics);
    CHECK(feed.log() == model::Log::context);
    for (size_t stop = 0; stop < want.size(); stop++) {
        kafka::Item item;
        for (size_t i = 0; i <= stop; i++) REQUIRE(feed.next(item));
        CHECK(line(item) == want[stop]);
        const uint64_t seq = item.seq;
        feed.seek(seq);
        const auto again = f.all(feed);
        REQUIRE(!again.empty());
        CHECK(again[0].starts_with(base::format("{}.0 ", seq)));
        CHECK(Lines(want.end() - static_cast<long>(again.size()), want.end()) == again);
        feed.seek(1);
    }
    CHECK(feed.incomplete() == 0);
}

TEST_CASE("context feed: an id is no other reading's, whatever else the message gives") {
    Fed f;
    const std::string several = "format = \"json\"\nvalues = { t = \"/t\", h = \"/h\" }\n";
    f.configure(config(stream("x", "m/+", "\"events\"", several) + stream("all", "+/2", "\"all\"", several) +
                       stream("raw", "+/2", "\"raw\"") + stream("y", "m/2", "\"events\"", "value = \"/t\"\n")));
    f.intake.add(message("m/1", R"({"t":1,"h":2})"), kNow);
    f.intake.add(message("m/1", R"({"h":2})"), kNow);
    f.intake.add(message("m/2", R"({"t":1,"h":2})"), kNow);
    f.intake.commit();
    for (const char* series : {"m/1/h", "m/1/t", "m/2/h", "m/2/t"}) f.ask("x", series, 0, 1, 1, 4);
    f.ask("y", "m/2", 0, 1, 1, 4);
    f.ready();
    auto context = f.all();
    std::erase_if(context, [](const std::string& one) { return one.ends_with("complete"); });
    std::vector<std::string> ids;
    for (const auto& one : context) ids.push_back(one.substr(4, one.find(' ', 4) - 4));
    CHECK(ids == Lines{"intake/2.1", "intake/3", "intake/2.0", "intake/4.4", "intake/4.3", "intake/4.5"});
    IntakeFeed forwarded(1, *f.source, record::Routing("line1", "tb"), [] { return uint64_t{5}; });
    for (kafka::Item item; forwarded.next(item);)
        if (!item.nothing) ids.push_back(item.record->id.substr(item.record->id.find('/') + 1));
    CHECK(ids.size() == 9);
    std::sort(ids.begin(), ids.end());
    CHECK(std::adjacent_find(ids.begin(), ids.end()) == ids.end());
}

TEST_CASE("context feed: under the configuration and the clock that were in force") {
    Fed f;
    f.configure(config(stream("s", "t", "\"events\"", "format = \"scalar\"\nscale = 10.0\n")));
    f.intake.add(message("t", "1"), kNow);
    f.intake.add(model::ClockRecord{model::ClockState::unsynced, 0, 0}, kNow);
    f.intake.add(message("t", "2"), kNow + kSecond);
    f.intake.commit({{"clocks", "3:2"}});
    f.configure(config(stream("other", "x") + stream("s", "t")));
    f.intake.add(message("t", "3"), kNow + 2 * kSecond);
    f.configure(config(stream("s", "t", "\"all\"")));
    f.intake.add(message("t", "4"), kNow + 3 * kSecond);
    f.intake.commit();
    f.ask("s", "t", 0, 10, 1, 8);
    f.ask("s", "t", 0, 10, 4, 6);
    f.ready();
    CHECK(f.all() == Lines{"1.0 intake/2 10 \"e1\" -", "1.1 intake/4 20 \"e1\" -", "1.2 intake/6 3 \"e1\" -",
                           "1.3 complete", "2.0 intake/4 20 \"e1\" -", "2.1 intake/6 3 \"e1\" -", "2.2 complete"});
    ContextFeed feed(1, *f.source, record::Routing("line1", "tb"), f.metrics);
    std::vector<std::string_view> marks;
    for (kafka::Item item; feed.next(item);)
        if (!item.nothing) marks.push_back(item.record->time_mark);
    CHECK(marks == std::vector<std::string_view>{"arrival", "unsynced", "unsynced", "unsynced", "unsynced"});
}

TEST_CASE("context feed: where intake is gone it sends what is there, and says how many ranges lack something") {
    Fed f;
    f.configure(config(stream("s", "t")));
    f.intake.commit();
    for (int i = 2; i <= 9; i++) {
        f.values("t", i, i);
        f.intake.commit();
    }
    f.ask("s", "t", 0, 20, 2, 5);
    f.ask("s", "t", 0, 20, 6, 9);
    f.ask("s", "t", 0, 20, 4, 9);
    f.ready();
    store::Batch trim;
    trim.trim_below[model::Log::intake] = 4;
    take(f.store.commit(trim));
    f.store.bad_block = 7;
    ContextFeed feed(1, *f.source, record::Routing("line1", "tb"), f.metrics);
    const Lines want{"1.0 intake/4 4 \"e1\" -", "1.1 intake/5 5 \"e1\" -", "1.2 complete", "2.0 intake/6 6 \"e1\" -",
                     "2.1 intake/8 8 \"e1\" -", "2.2 intake/9 9 \"e1\" -", "2.3 complete"};
    auto lines = f.all(feed);
    CHECK(Lines(lines.begin(), lines.begin() + 7) == want);
    CHECK(feed.incomplete() == 3);
    feed.seek(1);
    CHECK(f.all(feed) == lines);
    CHECK(feed.incomplete() == 3);  // each once
    trim.trim_below[model::Log::intake] = 10;
    f.store.bad_block = 0;
    take(f.store.commit(trim));
    CHECK(f.all() == Lines{"1.0 complete", "2.0 complete", "3.0 complete"});
}

TEST_CASE("context feed: a long way between two readings does not hold up the others") {
    Fed f;
    f.configure(config(stream("s", "#")));
    f.values("t", 1, 1);
    for (int block = 0; block < 12; block++) {
        f.values("u", 0, 999);
        f.intake.commit();
    }
    f.values("t", 2, 2);
    f.intake.commit();
    f.ask("s", "t", 0, 20, 2, 12'003);
    f.ready();
    ContextFeed feed(1, *f.source, record::Routing("line1", "tb"), f.metrics);
    kafka::Item item;
    REQUIRE(feed.next(item));
    for (int i = 0; i < 2; i++) {
        CHECK(!feed.next(item));
        CHECK(item.busy);
    }
    REQUIRE(feed.next(item));
    CHECK(line(item) == "1.1 intake/12003 2 \"e1\" -");
    REQUIRE(feed.next(item));
    CHECK(line(item) == "1.2 complete");
    CHECK(!feed.next(item));
    CHECK(!item.busy);
}

TEST_CASE("context: nothing that a range may ask for is deleted, whatever the cursors say, also after a start") {
    Rig rig({}, {0, 0, 1 << 30});
    const auto pass = [&](uint64_t context_cursor, std::vector<uint64_t> from, uint64_t floor) {
        for (uint16_t round = 1; round <= 100; round++) {
            rig.send(round);
            REQUIRE(rig.drain());
        }
        const uint64_t end = rig.store.next_seq(model::Log::intake);
        EngineOutputs outputs;
        model::OutputBlockWriter block;
        for (const uint64_t seq : from) {
            model::ContextRange range;
            range.from_seq = seq, range.to_seq = end - 1;
            block.add(range);
        }
        if (!from.empty()) outputs.blocks[model::Log::context] = {block.take(), static_cast<uint32_t>(from.size())};
        outputs.context_from = from;
        outputs.context_floor = floor;
        outputs.cursor = end;
        rig.writer->engine_outputs(std::move(outputs));
        rig.writer->kafka_progress(model::Log::intake, end, {});
        if (context_cursor > 0) rig.writer->kafka_progress(model::Log::context, context_cursor, {});
        rig.writer->checkpoint({end, "1", "state"});
        for (uint16_t round = 1; round <= 100; round++) {
            rig.send(round);
            REQUIRE(rig.drain());
        }
        return rig.store.first_seq(model::Log::intake);
    };
    rig.start();
    CHECK(pass(0, {}, 20) == 20);             // an event that opens now may reach back to 20
    CHECK(pass(0, {60, 40, 90}, 100) == 40);  // asked for
    CHECK(pass(2, {}, 110) == 40);            // the first of them is sent
    rig.writer->stop();
    rig.writer = nullptr;
    rig.make();
    rig.writer->context_floor(120);
    rig.start();
    CHECK(pass(0, {}, 120) == 40);
    CHECK(pass(3, {}, 130) == 90);
    CHECK(pass(4, {150}, 140) == 140);
    CHECK(pass(5, {}, UINT64_MAX) > 200);
}

}  // namespace tributary::gateway
