// SPDX-License-Identifier: Apache-2.0
// Outages with priorities and quotas: who gives way for whom.
#include "gateway/outage.hpp"

namespace tributary::gateway {
namespace {

constexpr std::string_view kStreams = R"(
[gateway]
id = "line1"
[[stream]]
name = "low"
topics = ["l/+"]
time = "/ts"
forward = "all"
[[stream]]
name = "low-alarm"
topics = ["l/+"]
time = "/ts"
forward = "events"
context = {}
[[stream.detect]]
type = "threshold"
high = 90
[[stream]]
name = "normal"
topics = ["n/+"]
time = "/ts"
forward = "all"
[[stream]]
name = "high"
topics = ["h/+"]
time = "/ts"
forward = "all"
[[stream]]
name = "mad"
topics = ["mad/+"]
time = "/ts"
forward = "all"
)";

config::Settings streams(std::string_view quota_of = {}, int percent = 0) {
    auto loaded = config::parse_engine_text(kStreams);
    REQUIRE(loaded.ok());
    for (auto& stream : loaded.settings->streams) {
        if (stream.name.starts_with("low")) stream.priority = model::Priority::low;
        if (stream.name == "high") stream.priority = model::Priority::high;
        if (stream.name == quota_of) stream.quota.percent = percent;
    }
    return *loaded.settings;
}

constexpr int64_t kEvery = 40'000;

// What Kafka got of each series, against what was sent.
class Books {
  public:
    struct Group {  // all series with the same first level
        uint64_t sent = 0, raw = 0, summarised = 0;
        std::array<uint64_t, 3> by_length{};  // readings in summaries of 1 s, 1 min, 15 min
        uint64_t wrong = 0, out_of_order = 0;
        uint64_t lost() const { return sent - raw - summarised; }
    };

    void sent(const std::string& series, int64_t ms, double value) {
        groups_[group_of(series)].sent++;
        series_[series].values[ms] = value;
    }
    void take(model::Log log, const kafka::Item& item) {
        const std::string json(item.value);
        if (log == model::Log::context) {
            contexts.insert(item.record->id);
            return;
        }
        if (log == model::Log::events) events += text(json, "state") == "open" ? 1 : 0;
        if (log != model::Log::intake && log != model::Log::thinned) return;
        const auto name = text(json, "series");
        auto& group = groups_[group_of(name)];
        auto& series = series_[name];
        if (log == model::Log::intake) {
            const auto ms = static_cast<int64_t>(number(json, "ts"));
            group.raw++;
            const auto found = series.values.find(ms);
            group.wrong += found != series.values.end() && found->second == number(json, "value") ? 0 : 1;
            if (found != series.values.end()) series.values.erase(found);
            group.out_of_order += ms <= series.newest_ms ? 1 : 0;
            series.newest_ms = ms;
            return;
        }
        const auto start = static_cast<int64_t>(number(json, "start")), end = static_cast<int64_t>(number(json, "end"));
        const auto count = static_cast<uint64_t>(number(json, "count"));
        group.summarised += count;
        group.by_length[end - start <= 1'000 ? 0 : end - start <= 60'000 ? 1 : 2] += count;
        series.parts.push_back({start, end, count, number(json, "min"), number(json, "max")});
    }
    // Readings that came neither themselves nor in a summary are counted; each summary's bounds are those of readings
    // that were sent.
    void check() {
        for (auto& [name, series] : series_) {
            auto& group = groups_[group_of(name)];
            for (const auto& part : series.parts) {
                uint64_t there = 0;
                bool least = false, most = false;
                const auto to = series.values.lower_bound(part.end);
                for (auto at = series.values.lower_bound(part.start); at != to; ++at) {
                    there++;
                    least |= at->second == part.min, most |= at->second == part.max;
                }
                group.wrong += there >= part.count && least && most ? 0 : 1;
            }
        }
    }
    Group& of(const std::string& group) { return groups_[group]; }
    void report(const char* what, Box& box) {
        const auto stats = box.writer->ladder();
        std::printf("%s: most on disk %lld; steps:", what, static_cast<long long>(box.store.most_bytes.load()));
        for (size_t i = 0; i < kSteps; i++)
            if (stats.steps[i] > 0)
                std::printf(" %s %llu", std::string(step_name(static_cast<Step>(i))).c_str(),
                            static_cast<unsigned long long>(stats.steps[i]));
        std::printf("\n");
        for (const auto& [name, g] : groups_)
            std::printf(
                "  %-8s sent %llu, arrived raw %llu, in summaries of 1 s %llu, 1 min %llu, 15 min %llu, lost %llu\n",
                name.c_str(), static_cast<unsigned long long>(g.sent), static_cast<unsigned long long>(g.raw),
                static_cast<unsigned long long>(g.by_length[0]), static_cast<unsigned long long>(g.by_length[1]),
                static_cast<unsigned long long>(g.by_length[2]), static_cast<unsigned long long>(g.lost()));
    }
    std::set<std::string> contexts;
    uint64_t events = 0;

  private:
    struct Part {
        int64_t start, end;
        uint64_t count;
        double min, max;
    };
    struct Series {
        std::map<int64_t, double> values;  // sent, and not arrived themselves
        std::vector<Part> parts;
        int64_t newest_ms = INT64_MIN;
    };
    static std::string group_of(const std::string& series) { return series.substr(0, series.find('/')); }
    std::map<std::string, Group> groups_;
    std::map<std::string, Series> series_;
};

struct Load {
    std::vector<std::pair<std::string, int>> topics;  // and messages a second
    bool alarms = false;
};

void send(Box& box, base::ManualClock& clock, Books& books, const Load& load, int64_t from, int64_t to) {
    for (int64_t second = from; second < to; second++) {
        int index = 0;
        for (const auto& [topic, rate] : load.topics) {
            index++;
            for (int i = 0; i < rate; i++) {
                const int64_t ms = (kStart / kSecond + second) * 1'000 + i * 1'000 / rate;
                double value = value_at(index, second * rate + i, INT64_MAX / 4);
                if (load.alarms && topic.starts_with("l/") && alarm_at(index, second, kEvery)) value = 100;
                std::array<char, 64> payload{};
                const int size = std::snprintf(payload.data(), payload.size(), R"({"ts":%lld,"value":%.3f})",
                                               static_cast<long long>(ms), value);
                const auto m = message(topic, std::string_view(payload.data(), static_cast<size_t>(size)));
                while (!box.open->message(m, nullptr)) {
                    box.open->wait_for_room(100 * base::kNsPerMs);
                    clock.advance(100 * base::kNsPerMs);
                }
                books.sent(topic, ms, value);
            }
        }
        clock.advance(kSecond);
        if (second % 20 == 0)  // the engine is not the one that is behind here
            while (box.engine->position() + 20'000 < box.cache.end(model::Log::intake))
                std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
}

void drain(Box& box, FakeKafka& kafka, Books& books) {
    for (int idle = 0; idle < 3;) {
        idle = kafka.drain([&](model::Log log, const kafka::Item& item) { books.take(log, item); }) ? 0 : idle + 1;
        REQUIRE(settle(box));
    }
    books.check();
}

// Every message has one fate, and the one that Kafka saw.
void check_ledger(Box& box, Books& books, std::initializer_list<std::pair<const char*, const char*>> streams) {
    const auto ledger = take(take(box.store.reader())->ledger());
    for (const auto& [stream, group] : streams) {
        CAPTURE(stream);
        const auto& account = ledger.streams.at(stream);
        const auto& g = books.of(group);
        CHECK(account.received == g.sent);
        CHECK(account.pending() == 0);
        CHECK(account.fates[size_t(model::Fate::forwarded)] == g.raw);
        CHECK(account.fates[size_t(model::Fate::summarised)] == g.summarised);
        CHECK(account.fates[size_t(model::Fate::evicted)] == g.lost());
        CHECK(g.wrong == 0);
        CHECK(g.out_of_order == 0);
    }
    for (const auto log : {model::Log::events, model::Log::context, model::Log::thinned, model::Log::gaps})
        if (ledger.logs.count(log) > 0) CHECK(ledger.logs.at(log).pending() == 0);
}

// Series of each priority, at 1 Hz.
Load series_of(int low, int normal, int high, bool alarms) {
    Load load;
    for (const auto& [name, series] : {std::pair("l", low), std::pair("n", normal), std::pair("h", high)})
        for (int i = 0; i < series; i++) load.topics.emplace_back(base::format("{}/{}", name, i), 1);
    load.alarms = alarms;
    return load;
}

}  // namespace

TEST_CASE("outage: priorities: low gives way down to quarters of an hour before normal, normal before high" *
          doctest::skip(kSlow)) {
    const auto settings = streams();
    const Plan plan{140, 5'000, 4 << 20, false, WhenFull::thin, 3600 * kSecond, &settings};
    const auto load = series_of(100, 30, 10, true);
    TempFolder folder;
    base::ManualClock clock(kStart);
    Box box(folder.path + "/store.db", plan, clock);
    box.open->control(model::ConfigRecord{engine::kEngineVersion, kStreams}, true);
    Books books;
    send(box, clock, books, load, 0, plan.seconds);
    REQUIRE(settle(box));
    FakeKafka kafka(box);
    drain(box, kafka, books);
    books.report("outage, priorities", box);
    CHECK(box.store.most_bytes <= plan.cap_bytes);
    const auto &low = books.of("l"), &normal = books.of("n"), &high = books.of("h");
    CHECK(high.raw == high.sent);
    CHECK(normal.summarised > 0);
    CHECK(normal.by_length[2] == 0);
    // The shares: where the last step left each of them depends on the machine.
    CHECK(normal.raw * low.sent > low.raw * normal.sent);
    CHECK(low.by_length[2] > low.sent / 3);
    CHECK(low.lost() + normal.lost() + high.lost() == 0);
    CHECK(books.events > 0);
    CHECK(books.contexts.size() >= books.events * 40);  // each with what is around it, of the lowest priority, too
    CHECK(kafka.incomplete() == 0);
    check_ledger(box, books, {{"low", "l"}, {"normal", "n"}, {"high", "h"}});
    CHECK(take(store::verify(folder.path + "/store.db")).clean());
}

TEST_CASE("outage: priorities: a crash at any step, before its commit or behind it; Kafka there for moments") {
    const auto settings = streams();
    const Plan plan{30, 6'000, 2 << 20, false, WhenFull::thin, 3600 * kSecond, &settings};
    const auto load = series_of(10, 10, 10, true);
    TempFolder folder;
    const std::string path = folder.path + "/store.db";
    base::ManualClock clock(kStart);
    Books books;
    int crashes = 0;
    uint64_t steps = 0;
    for (int64_t second = 0; second < plan.seconds; second += 500) {
        Box box(path, plan, clock);
        if (second == 0) box.open->control(model::ConfigRecord{engine::kEngineVersion, kStreams}, true);
        box.store.cut_is_there = crashes++ % 2 == 0;
        box.store.fail_cut = true;
        send(box, clock, books, load, second, second + 500);
        REQUIRE(settle(box));
        for (const uint64_t n : box.writer->ladder().steps) steps += n;
        CHECK(box.store.most_bytes <= plan.cap_bytes);
        if (second % 1'500 == 0) {
            FakeKafka kafka(box);
            kafka.drain([&](model::Log log, const kafka::Item& item) { books.take(log, item); }, 1'500);
            REQUIRE(settle(box));
        }
    }
    CHECK(steps > 5);
    Box box(path, plan, clock);
    REQUIRE(settle(box));
    FakeKafka kafka(box);
    drain(box, kafka, books);
    books.report("outage, priorities, crashes", box);
    const auto &low = books.of("l"), &normal = books.of("n"), &high = books.of("h");
    CHECK(high.raw == high.sent);
    CHECK(low.raw < normal.raw);
    CHECK(low.lost() + normal.lost() == 0);
    check_ledger(box, books, {{"low", "l"}, {"normal", "n"}, {"high", "h"}});
    CHECK(take(store::verify(path)).clean());
}

TEST_CASE("outage: priorities: drop-oldest drops the low ones, oldest first" * doctest::skip(kSlow)) {
    const auto settings = streams();
    const Plan plan{30, 5'000, 2 << 20, false, WhenFull::drop_oldest, 3600 * kSecond, &settings, 256 << 10};
    const auto load = series_of(10, 10, 10, false);
    TempFolder folder;
    base::ManualClock clock(kStart);
    Box box(folder.path + "/store.db", plan, clock);
    box.open->control(model::ConfigRecord{engine::kEngineVersion, kStreams}, true);
    Books books;
    send(box, clock, books, load, 0, plan.seconds);
    REQUIRE(settle(box));
    FakeKafka kafka(box);
    drain(box, kafka, books);
    books.report("outage, priorities, drop-oldest", box);
    CHECK(books.of("h").raw == books.of("h").sent);
    CHECK(books.of("n").lost() == 0);
    CHECK(books.of("l").lost() > 0);
    CHECK(books.of("l").summarised == 0);
    check_ledger(box, books, {{"low", "l"}, {"normal", "n"}, {"high", "h"}});
}

TEST_CASE("outage: a flood of one topic, with a quota: the others lose nothing; without one they do" *
          doctest::skip(kSlow)) {
    Load load;
    for (int i = 0; i < 20; i++) load.topics.emplace_back(base::format("n/{}", i), 1);
    load.topics.emplace_back("mad/1", 100);
    std::map<bool, Books> both;
    for (const bool quota : {true, false}) {
        CAPTURE(quota);
        const auto settings = streams(quota ? "mad" : "", 20);
        const Plan plan{20, 3'000, 3 << 20, false, WhenFull::thin, 3600 * kSecond, &settings, 256 << 10};
        TempFolder folder;
        base::ManualClock clock(kStart);
        Box box(folder.path + "/store.db", plan, clock);
        box.open->control(model::ConfigRecord{engine::kEngineVersion, kStreams}, true);
        auto& books = both[quota];
        send(box, clock, books, load, 0, plan.seconds);
        REQUIRE(settle(box));
        const auto held = box.writer->quotas();
        if (quota) CHECK(held.at(0).bytes <= held.at(0).quota_bytes + (128 << 10));  // what was under way
        FakeKafka kafka(box);
        drain(box, kafka, books);
        books.report(quota ? "outage, flood, quota 20%" : "outage, flood, no quota", box);
        CHECK(box.store.most_bytes <= plan.cap_bytes);
        check_ledger(box, books, {{"normal", "n"}, {"mad", "mad"}});
        CHECK(take(store::verify(folder.path + "/store.db")).clean());
    }
    CHECK(both[true].of("n").raw == both[true].of("n").sent);
    CHECK(both[true].of("mad").summarised > both[true].of("mad").sent / 4);
    CHECK(both[true].of("mad").lost() == 0);  // one series: its summaries are small
    CHECK(both[false].of("n").raw < both[false].of("n").sent);
}

TEST_CASE("outage: a flood of ever new series, which no summary makes smaller, with a quota: it is what is dropped" *
          doctest::skip(kSlow)) {
    Load load;
    for (int i = 0; i < 20; i++) load.topics.emplace_back(base::format("n/{}", i), 1);
    const auto settings = streams("mad", 20);
    const Plan plan{20, 1'500, 4 << 20, false, WhenFull::thin, 3600 * kSecond, &settings};
    TempFolder folder;
    base::ManualClock clock(kStart);
    Box box(folder.path + "/store.db", plan, clock);
    box.open->control(model::ConfigRecord{engine::kEngineVersion, kStreams}, true);
    Books books;
    for (int64_t second = 0; second < plan.seconds; second++) {
        auto now = load;
        for (int i = 0; i < 200; i++) now.topics.emplace_back(base::format("mad/{}", (second * 200 + i) % 45'000), 1);
        send(box, clock, books, now, second, second + 1);
    }
    REQUIRE(settle(box));
    FakeKafka kafka(box);
    drain(box, kafka, books);
    books.report("outage, flood of new series, quota 20%", box);
    CHECK(box.store.most_bytes <= plan.cap_bytes);
    CHECK(books.of("n").raw == books.of("n").sent);
    CHECK(books.of("mad").lost() > 0);
    CHECK(books.of("mad").raw > 0);
    check_ledger(box, books, {{"normal", "n"}, {"mad", "mad"}});
}

}  // namespace tributary::gateway
