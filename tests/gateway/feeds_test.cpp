// SPDX-License-Identifier: Apache-2.0
#include "gateway/feeds.hpp"

#include "gateway/support.hpp"

namespace tributary::gateway {
namespace {

// One item as a line: what Kafka would see, and what the books say.
std::string line(const kafka::Item& item) {
    if (item.nothing) return base::format("{} nothing", item.seq);
    std::string out = base::format("{}.{}{} {} {} {} {}", item.seq, item.n, item.last ? "" : "+", item.record->topic,
                                   item.record->key, item.record->id.substr(item.record->id.find('/')), item.value);
    if (!item.record->time_mark.empty()) out += base::format(" {}", item.record->time_mark);
    if (item.keep) out += " kept";
    if (item.accounts != nullptr) {
        out += " for";
        for (const auto& name : *item.accounts) out += " " + name;
    }
    return out;
}

std::vector<std::string> all(kafka::Feed& feed) {
    std::vector<std::string> out;
    for (kafka::Item item; feed.next(item);) out.push_back(line(item));
    return out;
}

std::string config(const std::string& streams) {
    std::string text = "[gateway]\nid = \"line1\"\n" + streams;
    for (const auto& found : config::parse_engine_text(text).diagnostics) FAIL_CHECK(found.message);
    return text;
}
std::string stream(const std::string& name, const std::string& topic, const std::string& forward,
                   const std::string& more = "") {
    return base::format("[[stream]]\nname = \"{}\"\ntopics = [\"{}\"]\nforward = {}\nformat = \"scalar\"\n{}\n", name,
                        topic, forward, more);
}

struct Fed : Rig {
    Fed() : intake(store) {}
    void configure(const std::string& text) { intake.add(model::ConfigRecord{engine::kEngineVersion, text}); }
    void ready() {
        for (const auto log : model::kLogs) cache.set_end(log, store.next_seq(log));
        limit = store.next_seq(model::Log::intake);
        source.emplace(cache, reader(), metrics);
    }
    IntakeFeed feed(uint64_t cursor = 1) {
        return IntakeFeed(cursor, *source, record::Routing("line1", "tb"), [this] { return limit; });
    }
    Intake intake;
    uint64_t limit = 0;
    std::optional<BlockSource> source;
};

bool has(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("intake feed: windows only gives nothing, and says how far it went") {
    Fed f;
    f.configure(config(stream("w", "t", "\"windows\"", "window = { size = \"10s\" }")));
    for (int i = 0; i < 3; i++) f.intake.add(message("t", "1"));
    f.intake.commit();
    for (int i = 0; i < 3; i++) f.intake.add(message("unknown", "1"));
    f.intake.commit();
    f.ready();
    auto feed = f.feed();
    CHECK(feed.log() == model::Log::intake);
    CHECK(all(feed) == std::vector<std::string>{"7 nothing"});
    CHECK(all(feed).empty());
    feed.seek(3);
    CHECK(all(feed) == std::vector<std::string>{"7 nothing"});
}

TEST_CASE("intake feed: raw bytes, readings, and several streams of one message") {
    Fed f;
    f.configure(config(stream("r", "raw/#", "\"raw\"") + stream("a", "all/#", "\"all\"", "unit = \"C\"") +
                       stream("b", "+/both", "[\"all\", \"raw\"]") + stream("c", "+/both", "\"raw\"") +
                       stream("w", "all/#", "\"windows\"", "window = { size = \"10s\" }")));
    f.intake.add(message("raw/x", std::string_view("\x00\xff", 2)));
    f.intake.add(message("all/x", "21.5"));
    f.intake.add(message("all/x", "\xff"));
    f.intake.add(message("z/both", "7"));
    f.intake.add(message("z/both", "\xff"));
    f.intake.commit();
    f.ready();
    auto feed = f.feed(2);
    const auto lines = all(feed);
    REQUIRE(lines.size() == 5);
    CHECK(lines[0] == std::string("2.0 tb.readings raw/x /intake/2 ") + std::string("\x00\xff", 2) + " kept for r");
    CHECK(has(lines[1], "3.0 tb.readings all/x /intake/3 {"));
    CHECK(has(lines[1], "\"unit\":\"C\""));
    CHECK(has(lines[1], "21.5"));
    CHECK(has(lines[1], " for a"));
    // 4 is dead in `a`: nothing, passed over with what follows.
    CHECK(has(lines[2], "5.0+ tb.readings z/both /intake/5.0 7 kept for b c"));
    CHECK(has(lines[3], "5.1 tb.readings z/both /intake/5.1 {"));
    CHECK(has(lines[3], " for b c"));
    CHECK(has(lines[4], "6.0 tb.readings z/both /intake/6 \xff kept for b c"));
}

TEST_CASE("intake feed: poison is not looked into, and raw bytes go as they are") {
    Fed f;
    f.configure(config(stream("a", "+", "\"all\"") + stream("r", "r", "\"raw\"")));
    for (const char* topic : {"a", "a", "r", "a"}) f.intake.add(message(topic, "1"));
    f.intake.commit();
    f.ready();
    f.source->set_poison({3, 4});
    auto feed = f.feed();
    std::string seen;
    for (const auto& line : all(feed)) seen += line.substr(0, line.find(" {")) + "\n";
    CHECK(seen ==
          "2.0 tb.readings a /intake/2\n4.0 tb.readings r /intake/4 1 kept for r\n5.0 tb.readings a /intake/5\n");
}

TEST_CASE("intake feed: several values of one message are numbered, each its own series") {
    Fed f;
    f.configure(
        config("[[stream]]\nname = \"m\"\ntopics = [\"m/+\"]\nformat = \"json\"\nforward = \"all\"\nvalues = { t "
               "= \"/t\", h = \"/h\" }\n"));
    f.intake.add(message("m/1", R"({"t":1,"h":2})"));
    f.intake.add(message("m/1", R"({"t":1})"));
    f.intake.commit();
    f.ready();
    auto feed = f.feed();
    kafka::Item item;
    std::vector<std::string> lines;
    std::vector<const kafka::Accounts*> accounts;
    while (feed.next(item)) {
        if (item.nothing) continue;
        lines.push_back(line(item)), accounts.push_back(item.accounts);
    }
    REQUIRE(lines.size() >= 2);
    CHECK(has(lines[0], "2.0+ tb.readings m/1/"));
    CHECK(has(lines[1], "2.1 tb.readings m/1/"));
    CHECK(has(lines[0], "/intake/2.0 "));
    CHECK(accounts[0] == accounts[1]);
    // Back to it: the same again, also from between the two parts.
    feed.seek(2);
    REQUIRE(feed.next(item));
    CHECK(line(item) == lines[0]);
    feed.seek(2);
    REQUIRE(feed.next(item));
    CHECK(line(item) == lines[0]);
    REQUIRE(feed.next(item));
    CHECK(line(item) == lines[1]);
}

TEST_CASE("intake feed: a configuration in the middle counts from there on, also after seeking back") {
    Fed f;
    f.configure(config(stream("old", "t", "\"raw\"")));
    f.intake.add(message("t", "1"));
    f.intake.commit();
    f.intake.add(message("t", "2"));
    f.configure(config(stream("new", "t", "\"all\"")));
    f.intake.add(message("t", "3"));
    f.intake.commit();
    f.configure("this is no configuration [");
    f.intake.add(message("t", "4"));
    f.configure(config(stream("again", "t", "\"raw\"")));
    f.intake.add(message("t", "5"));
    f.intake.commit();
    f.ready();
    auto feed = f.feed();
    kafka::Item item;
    REQUIRE(feed.next(item));
    const auto* early = item.accounts;
    const auto first = line(item);
    CHECK(has(first, "2.0 tb.readings t /intake/2 1 kept for old"));
    auto rest = all(feed);
    CHECK(*early == kafka::Accounts{"old"});  // what is in flight still points there
    REQUIRE(rest.size() == 3);
    CHECK(has(rest[0], "3.0 tb.readings t /intake/3 2 kept for old"));
    CHECK(has(rest[1], "5.0 tb.readings t /intake/5 {"));
    CHECK(has(rest[1], " for new"));
    CHECK(has(rest[2], "9.0 tb.readings t /intake/9 5 kept for again"));
    rest.insert(rest.begin(), first);
    for (const uint64_t from : {1, 2, 3, 4, 5, 6, 7, 8, 9}) {
        feed.seek(from);
        std::vector<std::string> want;
        for (const auto& l : rest)
            if (static_cast<uint64_t>(l[0] - '0') >= from) want.push_back(l);
        CHECK(all(feed) == want);
        auto fresh = f.feed(from);  // as after a restart
        CHECK(all(fresh) == want);
    }
}

TEST_CASE("intake feed: never passes what the engine has processed, and goes on when it has") {
    Fed f;
    f.configure(config(stream("r", "t", "\"raw\"")));
    for (const char* payload : {"2", "3", "4", "5"}) f.intake.add(message("t", payload));
    f.intake.commit();
    f.ready();
    auto feed = f.feed();
    for (uint64_t limit = 1; limit <= 6; limit++) {
        f.limit = limit;
        const auto lines = all(feed);
        if (limit == 1)
            CHECK(lines.empty());
        else if (limit == 2)
            CHECK(lines == std::vector<std::string>{"1 nothing"});
        else
            CHECK(lines ==
                  std::vector<std::string>{base::format("{0}.0 tb.readings t /intake/{0} {0} kept for r", limit - 1)});
        CHECK(all(feed).empty());
    }
}

TEST_CASE("intake feed: the clock's state where it starts is the one that was in force there") {
    Fed f;
    f.configure(config(stream("a", "t", "\"all\"")));
    f.intake.add(message("t", "1"));
    f.intake.add(model::ClockRecord{model::ClockState::unsynced, 0, 0});
    f.intake.add(message("t", "2"));
    f.intake.commit();
    f.intake.add(message("t", "3"));
    f.intake.add(model::ClockRecord{model::ClockState::synced, 0, 0});
    f.intake.add(message("t", "4"));
    f.intake.commit({{"clocks", "3:2,6:0"}});
    f.ready();
    auto feed = f.feed();
    const auto straight = all(feed);
    REQUIRE(straight.size() == 4);
    CHECK(!has(straight[0], "unsynced"));
    CHECK(has(straight[1], " unsynced"));
    CHECK(has(straight[2], " unsynced"));
    CHECK(!has(straight[3], "unsynced"));
    for (const uint64_t from : {2, 3, 4, 5, 6, 7}) {
        auto fresh = f.feed(from);
        const auto lines = all(fresh);
        REQUIRE(lines.size() <= straight.size());
        CHECK(lines == std::vector<std::string>(straight.end() - static_cast<long>(lines.size()), straight.end()));
    }
}

TEST_CASE("intake feed: repaired arrival, also for raw bytes, from wherever it starts") {
    constexpr int64_t kNow = 1'700'000'000 * base::kNsPerSecond, kHour = 3600 * base::kNsPerSecond;
    Fed f;
    f.configure(config(stream("a", "t", "\"all\"") + stream("r", "raw", "\"raw\"")));
    const model::ClockRecord unsynced{model::ClockState::unsynced, kHour, 0, 7, kHour, kNow + 2 * kHour};
    const model::ClockRecord synced{model::ClockState::synced, 0, 1, 7, 0, 0};
    f.intake.add(unsynced, kNow + kHour);
    f.intake.add(message("t", "1"), kNow + kHour);
    f.intake.add(message("raw", "2"), kNow + kHour);
    f.intake.add(synced, kNow);
    f.intake.add(message("t", "3"), kNow);
    ClockHistory history;
    history.add(2, kNow + kHour, unsynced);
    history.add(5, kNow, synced);
    f.intake.commit({{"clocks", history.text()}});
    f.ready();
    for (const uint64_t from : {1, 2, 3}) {
        auto feed = f.feed(from);
        std::vector<std::string> marks;
        kafka::Item item;
        while (feed.next(item)) {
            if (item.nothing) continue;
            marks.emplace_back(item.record->time_mark);
            CHECK(item.record->timestamp_ms == base::ns_to_ms(kNow));
        }
        CHECK(marks == std::vector<std::string>{"repaired", "repaired", "arrival"});
    }
}

TEST_CASE("intake feed: a damaged block and a trimmed range are passed over") {
    Fed f;
    f.configure(config(stream("r", "t", "\"raw\"")));
    f.intake.commit();
    for (int i = 2; i <= 5; i++) f.intake.add(message("t", std::to_string(i))).commit();
    f.ready();
    f.store.bad_block = 3;
    auto feed = f.feed();
    auto lines = all(feed);
    REQUIRE(lines.size() == 3);
    CHECK(has(lines[1], "4.0 "));
    store::Batch trim;
    trim.trim_below[model::Log::intake] = 4;
    take(f.store.commit(trim));
    auto fresh = f.feed(1);
    lines = all(fresh);
    REQUIRE(lines.size() == 2);
    CHECK(has(lines[0], "4.0 tb.readings t /intake/4 4 kept for r"));
}

TEST_CASE("output feed: walks its log, seeks back, and passes what cannot be read") {
    Fed f;
    f.make();
    f.start();
    f.writer->engine_outputs(engine_outputs(1, 0, 3));
    REQUIRE(f.drain());
    f.writer->engine_outputs(engine_outputs(1, 3, 2));
    REQUIRE(f.drain());
    f.writer->stop();
    store::Batch batch;
    batch.appends.push_back({model::Log::windows, 2, 0, 0, 0, "no such format"});
    take(f.store.commit(batch));
    f.ready();
    OutputFeed feed(model::Log::windows, 2, *f.source, record::Routing("line1", "tb"));
    CHECK(feed.log() == model::Log::windows);
    CHECK(feed.cursor() == 2);
    const auto lines = all(feed);
    REQUIRE(lines.size() == 6);
    CHECK(has(lines[0], "2.0 tb.windows series/1 /windows/2 {"));
    CHECK(has(lines[3], "5.0 tb.windows series/4 /windows/5 {"));
    CHECK(lines[4] == "6 nothing");
    CHECK(lines[5] == "7 nothing");
    CHECK(all(feed).empty());
    for (const uint64_t from : {1, 2, 3, 4, 5, 6, 7}) {
        feed.seek(from);
        const auto again = all(feed);
        CHECK(again.size() == 8 - from);
        if (from >= 2) CHECK(again[0] == lines[from - 2]);
    }
    OutputFeed empty(model::Log::events, 1, *f.source, record::Routing("line1", "tb"));
    CHECK(all(empty).empty());
}

}  // namespace tributary::gateway
