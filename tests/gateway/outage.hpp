// SPDX-License-Identifier: Apache-2.0
// What the outage tests share: the gateway's own threads and store for one run of the process, a clock by hand, a Kafka
// that takes everything when it comes back, and the comparison of what arrives with what was sent, second by second.
// Test threads only.
#pragma once

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <set>

#include "base/hash.hpp"
#include "gateway/engine_loop.hpp"
#include "gateway/kafka_feeds.hpp"
#include "gateway/support.hpp"
#include "kafka/lane.hpp"
#include "store/inspect.hpp"

namespace tributary::gateway {
constexpr int64_t kSecond = base::kNsPerSecond;
constexpr int64_t kStart = 1'700'000'100 * kSecond;  // the beginning of a quarter of an hour

// With a sanitizer a message costs ten times as much: then those are run in which threads and failures meet.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kSlow = true;
#else
constexpr bool kSlow = false;
#endif

// Two streams on the same topics: one for the readings, one for events with raw context.
constexpr std::string_view kConfig = R"(
[gateway]
id = "line1"
[[stream]]
name = "all"
topics = ["p/+"]
time = "/ts"
forward = "all"
[[stream]]
name = "alarm"
topics = ["p/+"]
time = "/ts"
forward = "events"
context = {}
[[stream.detect]]
type = "threshold"
high = 90
)";

// Looks at the size of file and WAL behind every commit.
class WatchedStore final : public store::Store {
  public:
    explicit WatchedStore(std::unique_ptr<store::Store> real) : real_(std::move(real)) {}
    base::Result<std::vector<store::Appended>> commit(const store::Batch& batch) override {
        if (fail_cut && batch.cut) {
            if (!cut_is_there) return base::Error{store::kBroken, "before it, on purpose"};
            (void)real_->commit(batch);
            fail_cut = false;
            return base::Error{store::kBroken, "behind it, on purpose"};
        }
        auto done = real_->commit(batch);
        most_bytes = std::max<int64_t>(most_bytes, real_->usage().file_bytes);
        return done;
    }
    base::Result<> reopen() override {
        fail_cut = false;
        return real_->reopen();
    }
    base::Result<> save_checkpoint(const store::Checkpoint& c) override {
        auto done = real_->save_checkpoint(c);
        most_bytes = std::max<int64_t>(most_bytes, real_->usage().file_bytes);
        return done;
    }
    uint64_t next_seq(model::Log log) const override { return real_->next_seq(log); }
    uint64_t first_seq(model::Log log) const override { return real_->first_seq(log); }
    const std::string& incarnation() const override { return real_->incarnation(); }
    std::string report() const override { return real_->report(); }
    store::Usage usage() const override { return real_->usage(); }
    base::Result<std::unique_ptr<store::Reader>> reader() const override { return real_->reader(); }

    std::atomic<int64_t> most_bytes{0};
    std::atomic<bool> fail_cut{false}, cut_is_there{false};

  private:
    std::unique_ptr<store::Store> real_;
};

struct Plan {
    int series = 0;
    int64_t seconds = 0, cap_bytes = 0;
    bool day_fits = true;  // the newest day, by the minute
    WhenFull when_full = WhenFull::thin;
    int64_t gather_ns = 0;                      // of the clock by hand
    const config::Settings* streams = nullptr;  // with priorities and quotas
    size_t queue_bytes = 8 << 20;
};

// A value with three decimals that looks like noise; now and then 20 s of alarm.
inline bool alarm_at(int series, int64_t second, int64_t every) {
    return (second + series * 997) % every < 20 && second > 60;
}
inline double value_at(int series, int64_t second, int64_t every) {
    if (alarm_at(series, second, every)) return 100;
    uint64_t x = static_cast<uint64_t>(series) * 0x9e3779b97f4a7c15U + static_cast<uint64_t>(second);
    x = (x ^ (x >> 31)) * 0xbf58476d1ce4e5b9U;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebU;
    return static_cast<double>((x >> 33) % 80'000) / 1000;
}

// One run of the process, without MQTT and Kafka.
struct Box {
    Box(const std::string& path, const Plan& plan, const base::Clock& clock)
        : store(take(store::Store::open({path, plan.cap_bytes, 1}))), arrival(clock) {
        REQUIRE(mend_books(store, *take(store.reader())).ok());
        OpenBlockLimits limits;
        limits.gather_ns = plan.gather_ns;
        limits.queue_bytes = plan.queue_bytes;
        open = std::make_unique<OpenBlock>(limits, clock, arrival);
        writer =
            std::make_unique<Writer>(WriterSettings{0, 3600 * kSecond, plan.cap_bytes, false, false, plan.when_full},
                                     store, take(store.reader()), *open, cache, metrics, clock, arrival);
        engine = std::make_unique<EngineLoop>(BlockSource(cache, take(store.reader()), metrics), *writer, *open,
                                              arrival, clock, metrics, nullptr);
        if (plan.streams != nullptr) writer->set_streams(*plan.streams);
        REQUIRE(engine->recover().ok());
        writer->start(
            nullptr, [this] { engine->wake(); }, [] {});
        engine->start([] {});
    }
    ~Box() {
        writer->stop();
        engine = nullptr;
    }
    bool caught_up() {
        return eventually([&] { return engine->position() == cache.end(model::Log::intake); });
    }

    WatchedStore store;
    ArrivalClock arrival;
    metrics::Registry metrics;
    BlockCache cache{1 << 20};
    std::unique_ptr<OpenBlock> open;
    std::unique_ptr<Writer> writer;
    std::unique_ptr<EngineLoop> engine;
};

// Takes everything, by the lanes of the real replicator.
class FakeKafka final : public kafka::Progress {
  public:
    // backfill_min: above 0 = catch_up "live-first".
    explicit FakeKafka(Box& box, int backfill_min = 0)
        : box_(box), source_(box.cache, take(box.store.reader()), box.metrics) {
        settings_.gateway.id = "line1";
        settings_.kafka.prefix = "tb";
        if (backfill_min > 0) settings_.kafka.catch_up = "live-first", settings_.kafka.backfill_min = backfill_min;
        feeds_ = take(KafkaFeeds::create(
            settings_, "", source_, *box.writer, [&box] { return box.engine->position(); }, box.metrics));
        for (auto* feed : feeds_->list())
            lanes_.push_back(std::make_unique<kafka::Lane>(*feed, std::vector<std::string>{"t"}));
    }
    void link() {
        for (auto& lane : lanes_) lane->linked();
    }
    // take: (log, item). At most so many records; true = something was taken.
    bool drain(const std::function<void(model::Log, const kafka::Item&)>& take, int most = INT32_MAX,
               int most_backfill = INT32_MAX) {
        bool any = false;
        for (auto& lane : lanes_) {
            int budget = 1'000;
            int& left = lane->backfill() ? most_backfill : most;
            while (left > 0) {
                const auto* item = lane->fetch(budget);
                if (item == nullptr) {
                    if (budget > 0 && !lane->busy()) break;
                    budget = 1'000;
                    any = true;
                    lane->report(*this);
                    continue;
                }
                take(lane->log(), *item);
                any = true, left--;
                const auto position = lane->position();
                lane->sent();
                lane->land(lane->slot(position), kafka::Lane::State::delivered);
            }
            lane->report(*this);
        }
        return any;
    }
    void advanced(model::Log log, uint64_t cursor, model::Ledger&& delta) override {
        if (log != model::Log::status)
            box_.writer->kafka_progress(log, cursor, std::move(delta), feeds_->gone(log, cursor),
                                        feeds_->catch_up(log));
    }
    void refused(model::RefusedRecord&&) override { FAIL("nothing is refused here"); }
    uint64_t incomplete() const { return feeds_->context_incomplete(); }
    uint64_t backlog() const { return feeds_->backlog(); }

  private:
    Box& box_;
    config::Settings settings_;
    BlockSource source_;
    std::unique_ptr<KafkaFeeds> feeds_;
    std::vector<std::unique_ptr<kafka::Lane>> lanes_;
};

inline double number(const std::string& json, const std::string& name) {
    const size_t at = json.find("\"" + name + "\":");
    if (at == std::string::npos) return -1;
    return std::strtod(json.c_str() + at + name.size() + 3, nullptr);
}
inline std::string text(const std::string& json, const std::string& name) {
    const size_t at = json.find("\"" + name + "\":\"");
    if (at == std::string::npos) return "";
    const size_t from = at + name.size() + 4;
    return json.substr(from, json.find('"', from) - from);
}

// What Kafka got, and whether it is what was sent.
struct Arrived {
    Arrived(int series, int64_t of_seconds) : covered(static_cast<size_t>(series)), seconds(of_seconds) {
        for (auto& one : covered) one.assign(static_cast<size_t>(seconds), 0);
    }
    void take(model::Log log, const kafka::Item& item) {
        const std::string value(item.value);
        const bool reading = log == model::Log::intake || log == model::Log::context;
        if (log == model::Log::context)
            context.insert(item.record->id);
        else
            repeated += ids.insert(base::fnv1a(item.record->id)).second ? 0 : 1;
        if (log == model::Log::events) events += text(value, "state") == "open" ? 1 : 0;
        if (log == model::Log::gaps) {
            const auto count = static_cast<uint64_t>(number(value, "count"));
            gaps++;
            if (text(value, "log") == "intake") (text(value, "reason") == "thinned" ? thinned : evicted) += count;
        }
        if (log == model::Log::intake) {
            cover(value, true);
            double& last = newest[{item.record->topic, series_of(value)}];
            reordered += number(value, "ts") > last ? 0 : 1;
            last = number(value, "ts");
        }
        if (log == model::Log::thinned) cover(value, false);
        if (reading) {
            const auto second = static_cast<int64_t>(number(value, "ts") / 1000) - kStart / kSecond;
            wrong += number(value, "value") == value_at(series_of(value), second, every) ? 0 : 1;
        }
    }
    static int series_of(const std::string& value) { return std::atoi(text(value, "series").c_str() + 2); }
    void cover(const std::string& value, bool raw) {
        auto& mine = covered[static_cast<size_t>(series_of(value))];
        if (raw) {
            const auto second = static_cast<size_t>(number(value, "ts") / 1000 - static_cast<double>(kStart / kSecond));
            mine[second]++;
            raws++;
            return;
        }
        const auto from = static_cast<int64_t>(number(value, "start") / 1000) - kStart / kSecond;
        const auto to = static_cast<int64_t>(number(value, "end") / 1000) - kStart / kSecond;
        parts.push_back({series_of(value), from, to, static_cast<uint64_t>(number(value, "count")),
                         number(value, "min"), number(value, "max"), number(value, "sum")});
        (to - from <= 1 ? by_second : to - from <= 60 ? by_minute : by_quarter)++;
    }
    struct Part {
        int series;
        int64_t from, to;
        uint64_t count;
        double min, max, sum;
    };
    // Every reading is there itself, or in the summaries of its window, never in both. Needs no summary inside
    // another's window: a window of another length holds others.
    void check() {
        std::map<std::array<int64_t, 3>, Part> windows;
        for (const auto& p : parts) {
            const auto [at, fresh] = windows.try_emplace({p.series, p.from, p.to}, p);
            if (fresh) continue;
            at->second.count += p.count, at->second.sum += p.sum;
            at->second.min = std::min(at->second.min, p.min), at->second.max = std::max(at->second.max, p.max);
            split++;
        }
        // Longest first: what a shorter one inside it stands for is not the longer one's.
        uint64_t readings = raws;
        std::map<int, std::vector<Part>> by_series;
        for (const auto& [key, p] : windows) by_series[p.series].push_back(p), readings += p.count;
        total = readings;
        for (auto& [series, list] : by_series) {
            auto& mine = covered[static_cast<size_t>(series)];
            for (const auto& p : list) {
                const int64_t to = std::min(p.to, seconds);
                double min = 1e300, max = -1e300;
                uint64_t others = 0;
                for (const auto& q : list)
                    if (&q != &p && q.from < p.to && q.to > p.from) others += q.count;
                uint64_t mine_there = 0;
                for (int64_t s = p.from; s < to; s++) {
                    if (mine[static_cast<size_t>(s)] == 1) {
                        mine_there++;
                        continue;
                    }
                    const double v = value_at(series, s, every);
                    min = std::min(min, v), max = std::max(max, v);
                }
                if (others == 0) {
                    holes += p.count + mine_there == static_cast<uint64_t>(to - p.from) ? 0 : 1;
                    wrong += p.min == min && p.max == max ? 0 : 1;
                }
                oldest_fine = std::min(oldest_fine, p.to - p.from <= 60 ? p.from : oldest_fine);
                newest_coarse = std::max(newest_coarse, p.to - p.from > 60 ? p.to : newest_coarse);
                for (int64_t s = p.from; s < to; s++)
                    if (mine[static_cast<size_t>(s)] == 0) mine[static_cast<size_t>(s)] = 2;
            }
        }
        for (const auto& one : covered)
            for (const auto c : one) {
                holes += c == 0 ? 1 : 0;
                repeated += c != 0 && c != 1 && c != 2 ? 1 : 0;
            }
    }

    std::vector<std::vector<uint8_t>> covered;  // 1 the reading itself, 2 in a summary
    int64_t seconds, every = 40'000;
    std::set<uint64_t> ids;
    std::set<std::string> context;
    std::map<std::pair<std::string, int>, double> newest;  // by topic and series
    uint64_t reordered = 0;
    std::vector<Part> parts;
    uint64_t events = 0, gaps = 0, thinned = 0, evicted = 0, raws = 0, total = 0;
    uint64_t by_second = 0, by_minute = 0, by_quarter = 0, split = 0;
    uint64_t wrong = 0, holes = 0, repeated = 0;
    int64_t oldest_fine = INT64_MAX, newest_coarse = 0;
};

inline void send(Box& box, base::ManualClock& clock, const Plan& plan, int64_t from, int64_t to, int64_t every) {
    std::vector<std::string> topics;
    for (int series = 0; series < plan.series; series++) topics.push_back(base::format("p/{}", series));
    for (int64_t second = from; second < to; second++) {
        for (int series = 0; series < plan.series; series++) {
            std::array<char, 64> payload{};
            const int size = std::snprintf(payload.data(), payload.size(), R"({"ts":%lld,"value":%.3f})",
                                           static_cast<long long>((kStart / kSecond + second) * 1000),
                                           value_at(series, second, every));
            const auto m = message(topics[static_cast<size_t>(series)],
                                   std::string_view(payload.data(), static_cast<size_t>(size)));
            while (!box.open->message(m, nullptr)) {
                box.open->wait_for_room(100 * base::kNsPerMs);
                clock.advance(100 * base::kNsPerMs);
            }
        }
        clock.advance(kSecond);
        // The engine is not the one that is behind here.
        if (second % 50 == 0)
            while (box.engine->position() + 50'000 < box.cache.end(model::Log::intake))
                std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
}

inline bool settle(Box& box) {
    return box.writer->drain(120 * kSecond) && box.caught_up() && box.writer->drain(120 * kSecond);
}

inline void drain_all(Box& box, FakeKafka& kafka, Arrived& arrived) {
    for (int idle = 0; idle < 3;) {
        idle = kafka.drain([&](model::Log log, const kafka::Item& item) { arrived.take(log, item); }) ? 0 : idle + 1;
        REQUIRE(settle(box));
    }
}

inline void check_books(Box& box, const Plan& plan, const Arrived& arrived) {
    const auto sent = static_cast<uint64_t>(plan.series) * static_cast<uint64_t>(plan.seconds);
    const auto ledger = take(take(box.store.reader())->ledger());
    const auto& all = ledger.streams.at("all");
    CHECK(all.received == sent);
    CHECK(all.pending() == 0);
    CHECK(all.fates[size_t(model::Fate::forwarded)] == arrived.raws);
    CHECK(ledger.streams.at("alarm").received == sent);
    CHECK(ledger.streams.at("alarm").pending() == 0);
    for (const auto log : {model::Log::events, model::Log::context, model::Log::thinned, model::Log::gaps})
        if (ledger.logs.count(log) > 0) CHECK(ledger.logs.at(log).pending() == 0);
    CHECK(all.fates[size_t(model::Fate::summarised)] + all.fates[size_t(model::Fate::evicted)] + arrived.raws == sent);
}

inline uint64_t alarms(const Plan& plan, int64_t every) {
    uint64_t n = 0;
    for (int series = 0; series < plan.series; series++)
        for (int64_t s = 1; s < plan.seconds; s++)
            n += alarm_at(series, s, every) && !alarm_at(series, s - 1, every) ? 1 : 0;
    return n;
}

// Readings from 30 s before each alarm to 30 s after it.
inline uint64_t context_readings(const Plan& plan, int64_t every) {
    uint64_t n = 0;
    for (int series = 0; series < plan.series; series++) {
        std::vector<bool> wanted(static_cast<size_t>(plan.seconds));
        for (int64_t s = 0; s < plan.seconds; s++)
            if (alarm_at(series, s, every))
                for (int64_t c = std::max<int64_t>(0, s - 30); c <= std::min(plan.seconds - 1, s + 30); c++)
                    wanted[static_cast<size_t>(c)] = true;
        n += static_cast<uint64_t>(std::count(wanted.begin(), wanted.end(), true));
    }
    return n;
}

inline void report(const char* what, const Plan& plan, Box& box, const Arrived& a, uint64_t asked) {
    const auto stats = box.writer->ladder();
    std::string steps;
    for (size_t i = 0; i < kSteps; i++)
        if (stats.steps[i] > 0) steps += base::format(" {} {}", step_name(static_cast<Step>(i)), stats.steps[i]);
    std::printf(
        "%s: %d series, %lld s, cap %lld, most on disk %lld; arrived: %llu readings, %llu + %llu + %llu summaries (1 "
        "s, "
        "1 min, 15 min; %llu in parts), %llu events, %zu readings of context (%llu wanted), %llu gaps; holes %llu, "
        "wrong %llu, twice %llu; steps:%s\n",
        what, plan.series, static_cast<long long>(plan.seconds), static_cast<long long>(plan.cap_bytes),
        static_cast<long long>(box.store.most_bytes.load()), static_cast<unsigned long long>(a.raws),
        static_cast<unsigned long long>(a.by_second), static_cast<unsigned long long>(a.by_minute),
        static_cast<unsigned long long>(a.by_quarter), static_cast<unsigned long long>(a.split),
        static_cast<unsigned long long>(a.events), a.context.size(), static_cast<unsigned long long>(asked),
        static_cast<unsigned long long>(a.gaps), static_cast<unsigned long long>(a.holes),
        static_cast<unsigned long long>(a.wrong), static_cast<unsigned long long>(a.repeated), steps.c_str());
}

}  // namespace tributary::gateway
