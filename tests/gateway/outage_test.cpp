// SPDX-License-Identifier: Apache-2.0
// Long outages of Kafka, compressed.
#include "gateway/outage.hpp"

namespace tributary::gateway {
namespace {

// Each reading that was sent, by itself or in a summary, and right.
void all_there_once(const Arrived& arrived, const Plan& plan) {
    CHECK(arrived.holes == 0);
    CHECK(arrived.wrong == 0);
    CHECK(arrived.repeated == 0);
    CHECK(arrived.total == static_cast<uint64_t>(plan.series) * static_cast<uint64_t>(plan.seconds));
}

// The whole story; the outage lasts as long as the plan.
void outage(const char* what, const Plan& plan) {
    const int64_t every = 40'000;
    TempFolder folder;
    base::ManualClock clock(kStart);
    Box box(folder.path + "/store.db", plan, clock);
    box.open->control(model::ConfigRecord{engine::kEngineVersion, kConfig}, true);
    send(box, clock, plan, 0, plan.seconds, every);
    REQUIRE(settle(box));
    CHECK(box.store.most_bytes <= plan.cap_bytes);
    FakeKafka kafka(box);
    Arrived arrived(plan.series, plan.seconds);
    drain_all(box, kafka, arrived);
    arrived.check();
    const uint64_t asked = context_readings(plan, every);
    report(what, plan, box, arrived, asked);
    CHECK(box.store.most_bytes <= plan.cap_bytes);
    all_there_once(arrived, plan);
    CHECK(arrived.evicted == 0);
    CHECK(arrived.thinned + arrived.raws == arrived.total);
    CHECK(arrived.events == alarms(plan, every));
    CHECK(arrived.context.size() >= asked - arrived.events);  // the last ranges may be under way
    CHECK(kafka.incomplete() == 0);
    if (plan.day_fits) CHECK(arrived.newest_coarse <= std::max<int64_t>(0, plan.seconds - 24 * 3600));
    check_books(box, plan, arrived);
}

}  // namespace

TEST_CASE("outage: hours of it cost resolution, no history, no event and no context" * doctest::skip(kSlow)) {
    outage("outage", {60, 9'000, 4 << 20});
}

TEST_CASE("outage: two days of it, the older one in quarters of an hour" * doctest::skip(kSlow)) {
    outage("outage, two days", {15, 48 * 3600, 3 << 20, false});
}

TEST_CASE("outage: a crash at any step of the ladder, before its commit or behind it; nothing twice, nothing missing") {
    const Plan plan{30, 12'000, 2 << 20, false};
    TempFolder folder;
    const std::string path = folder.path + "/store.db";
    base::ManualClock clock(kStart);
    const int64_t every = 40'000;
    Arrived arrived(plan.series, plan.seconds);
    int crashes = 0;
    uint64_t steps = 0;
    for (int64_t second = 0; second < plan.seconds; second += 1'000) {
        Box box(path, plan, clock);
        if (second == 0) box.open->control(model::ConfigRecord{engine::kEngineVersion, kConfig}, true);
        box.store.cut_is_there = crashes % 2 == 0;
        box.store.fail_cut = true;  // found out by reopen() and done again, or found to be there
        send(box, clock, plan, second, second + 1'000, every);
        REQUIRE(settle(box));
        const auto stats = box.writer->ladder();
        for (const uint64_t n : stats.steps) steps += n;
        crashes++;
        CHECK(box.store.most_bytes <= plan.cap_bytes);
        if (second % 3'000 == 0) {  // Kafka is there for a moment: it has read what is to be thinned next
            FakeKafka kafka(box);
            kafka.drain([&](model::Log log, const kafka::Item& item) { arrived.take(log, item); }, 2'500);
            REQUIRE(settle(box));
        }
    }
    CHECK(steps > 5);
    Box box(path, plan, clock);
    REQUIRE(settle(box));
    FakeKafka kafka(box);
    drain_all(box, kafka, arrived);
    arrived.check();
    report("outage, crashes", plan, box, arrived, context_readings(plan, every));
    all_there_once(arrived, plan);
    check_books(box, plan, arrived);
    CHECK(take(store::verify(path)).clean());  // a log has no holes, whatever was thinned
}

TEST_CASE("outage: Kafka slow but there, while messages become summaries: each has one fate") {
    const Plan plan{30, 15'000, 2 << 20, false};
    TempFolder folder;
    base::ManualClock clock(kStart);
    const int64_t every = 40'000;
    Box box(folder.path + "/store.db", plan, clock);
    box.open->control(model::ConfigRecord{engine::kEngineVersion, kConfig}, true);
    Arrived arrived(plan.series, plan.seconds);
    FakeKafka kafka(box);
    std::atomic<bool> stop{false};
    std::thread slow([&] {
        while (!stop) {
            kafka.drain([&](model::Log log, const kafka::Item& item) { arrived.take(log, item); }, 300);
            std::this_thread::sleep_for(std::chrono::milliseconds(5));
        }
    });
    send(box, clock, plan, 0, plan.seconds, every);
    stop = true;
    slow.join();
    REQUIRE(settle(box));
    drain_all(box, kafka, arrived);
    arrived.check();
    report("outage, slow Kafka", plan, box, arrived, context_readings(plan, every));
    CHECK(box.store.most_bytes <= plan.cap_bytes);
    all_there_once(arrived, plan);
    check_books(box, plan, arrived);
}

TEST_CASE("outage: live-first: one after the other, new data at once, the backlog beside it, restarts in between") {
    const Plan plan{30, kSlow ? 8'000 : 24'000, 2 << 20, false};
    constexpr int64_t kAway = 2'000, kThere = 20;
    TempFolder folder;
    const std::string path = folder.path + "/store.db";
    base::ManualClock clock(kStart);
    const int64_t every = 40'000;
    Arrived arrived(plan.series, plan.seconds);
    const auto take_it = [&](model::Log log, const kafka::Item& item) { arrived.take(log, item); };
    auto box = std::make_unique<Box>(path, plan, clock);
    auto kafka = std::make_unique<FakeKafka>(*box, 500);
    box->open->control(model::ConfigRecord{engine::kEngineVersion, kConfig}, true);
    uint64_t behind = 0, current = 0, restarts = 0, thinned = 0;
    int64_t most_bytes = 0;
    for (int64_t second = 0; second < plan.seconds; second += kAway) {
        send(*box, clock, plan, second, second + kAway - kThere, every);
        REQUIRE(settle(*box));
        kafka->link();
        send(*box, clock, plan, second + kAway - kThere, second + kAway, every);
        REQUIRE(settle(*box));
        kafka->drain(take_it, INT32_MAX, 0);
        REQUIRE(settle(*box));
        behind += kafka->backlog() > 0 ? 1 : 0;
        for (int series = 0; series < plan.series; series++)
            current += arrived.newest[{"tb.readings", series}] / 1000 ==
                               static_cast<double>(kStart / kSecond + second + kAway - 1)
                           ? 1
                           : 0;
        kafka->drain(take_it, INT32_MAX, 3'000);
        REQUIRE(settle(*box));
        if (second / kAway % 3 == 1) {
            kafka = nullptr;
            thinned += box->writer->ladder().thinned;
            most_bytes = std::max(most_bytes, box->store.most_bytes.load());
            box = nullptr;
            box = std::make_unique<Box>(path, plan, clock);
            kafka = std::make_unique<FakeKafka>(*box, 500);
            restarts++;
        }
    }
    const auto rounds = static_cast<uint64_t>(plan.seconds / kAway);
    CHECK(behind == rounds);                                        // there was a backlog each time,
    CHECK(current == rounds * static_cast<uint64_t>(plan.series));  // and the newest readings came before it
    REQUIRE(settle(*box));
    drain_all(*box, *kafka, arrived);
    CHECK(kafka->backlog() == 0);
    arrived.check();
    report("outage, live-first", plan, *box, arrived, context_readings(plan, every));
    thinned += box->writer->ladder().thinned;
    most_bytes = std::max(most_bytes, box->store.most_bytes.load());
    std::printf(
        "outage, live-first: %llu outages, %llu restarts, %llu messages thinned, out of order in a topic %llu\n",
        static_cast<unsigned long long>(rounds), static_cast<unsigned long long>(restarts),
        static_cast<unsigned long long>(thinned), static_cast<unsigned long long>(arrived.reordered));
    CHECK(thinned > 0);
    CHECK(most_bytes <= plan.cap_bytes);
    CHECK(arrived.reordered == 0);
    CHECK(arrived.newest.count({"tb.readings.backfill", 0}) == 1);
    all_there_once(arrived, plan);
    check_books(*box, plan, arrived);
}

TEST_CASE("outage: drop-oldest loses the oldest messages, says which, and keeps their raw context") {
    const Plan plan{30, 12'000, 2 << 20, false, WhenFull::drop_oldest};
    TempFolder folder;
    base::ManualClock clock(kStart);
    const int64_t every = 40'000;
    Box box(folder.path + "/store.db", plan, clock);
    box.open->control(model::ConfigRecord{engine::kEngineVersion, kConfig}, true);
    send(box, clock, plan, 0, plan.seconds, every);
    REQUIRE(settle(box));
    FakeKafka kafka(box);
    Arrived arrived(plan.series, plan.seconds);
    drain_all(box, kafka, arrived);
    arrived.check();
    report("outage, drop-oldest", plan, box, arrived, context_readings(plan, every));
    const auto sent = static_cast<uint64_t>(plan.series) * static_cast<uint64_t>(plan.seconds);
    CHECK(box.store.most_bytes <= plan.cap_bytes);
    CHECK(arrived.parts.empty());
    CHECK(arrived.evicted > 0);
    CHECK(arrived.evicted + arrived.raws == sent);
    CHECK(arrived.holes == arrived.evicted);
    CHECK(arrived.events == alarms(plan, every));
    CHECK(kafka.incomplete() == 0);
    check_books(box, plan, arrived);
}

TEST_CASE("outage: block stops taking messages when it is full, and goes on by itself when there is room") {
    const Plan plan{30, kSlow ? 10'000 : 30'000, 1 << 20, false, WhenFull::block};
    TempFolder folder;
    base::ManualClock clock(kStart);
    const int64_t every = 40'000;
    Box box(folder.path + "/store.db", plan, clock);
    box.open->control(model::ConfigRecord{engine::kEngineVersion, kConfig}, true);
    std::atomic<bool> sent_all{false};
    std::thread sender([&] {
        send(box, clock, plan, 0, plan.seconds, every);
        sent_all = true;
    });
    REQUIRE(eventually([&] {
        for (const auto& state : box.metrics.health())
            if (state.component == "store" && !state.ok) return true;
        return false;
    }));
    const uint64_t there = box.cache.end(model::Log::intake);
    std::this_thread::sleep_for(std::chrono::milliseconds(500));
    CHECK(!sent_all);
    CHECK(box.cache.end(model::Log::intake) <= there + 8'000);  // what was under way at most
    FakeKafka kafka(box);
    Arrived arrived(plan.series, plan.seconds);
    CHECK(eventually([&] {
        kafka.drain([&](model::Log log, const kafka::Item& item) { arrived.take(log, item); }, 50'000);
        clock.advance(kSecond);
        return sent_all && box.engine->position() >= 2 + static_cast<uint64_t>(plan.series * plan.seconds);
    }));
    sender.join();
    REQUIRE(settle(box));
    drain_all(box, kafka, arrived);
    arrived.check();
    report("outage, block", plan, box, arrived, context_readings(plan, every));
    CHECK(box.store.most_bytes <= plan.cap_bytes);
    CHECK(arrived.raws == static_cast<uint64_t>(plan.series) * static_cast<uint64_t>(plan.seconds));
    CHECK(arrived.holes + arrived.wrong + arrived.repeated == 0);
    CHECK(arrived.gaps == 0);
    check_books(box, plan, arrived);
}

TEST_CASE("outage: five days in 64 MiB" * doctest::skip(std::getenv("TRIBUTARY_FIVE_DAYS") == nullptr)) {
    outage("outage, five days", {200, 5 * 24 * 3600, 64 << 20});
}

}  // namespace tributary::gateway
