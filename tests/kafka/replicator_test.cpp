// SPDX-License-Identifier: Apache-2.0
#include "kafka/replicator.hpp"

#include <doctest/doctest.h>

#include <set>
#include <thread>

#include "kafka/harness.hpp"

using namespace tributary;
using namespace tributary::kafka;
using namespace tributary::kafka::test;

namespace {

// kOneRequest where all must be in it, on the busiest machine. Records sent one by one do not wait for others.
const Properties kOneBatch{{"max.in.flight", "1"}, {"linger.ms", "500"}};
constexpr int64_t kDay = 24 * 3600 * base::kNsPerSecond;

struct Rig {
    explicit Rig(std::vector<Feed*> feeds, const std::string& brokers, const base::Clock* own_clock = nullptr,
                 const Properties& properties = {})
        : settings(settings_for(brokers, properties)) {
        auto made = Replicator::create(settings, std::move(feeds), book, metrics, own_clock ? *own_clock : clock);
        REQUIRE(made.ok());
        replicator = std::move(*made);
    }
    bool until_cursor(model::Log log, uint64_t cursor, int seconds = 60) {
        return run_until(
            *replicator, [&] { return book.cursors[log] == cursor; }, seconds);
    }
    config::Settings settings;
    Book book;
    metrics::Registry metrics;
    base::SystemClock clock;
    std::unique_ptr<Replicator> replicator;
};

size_t distinct(const std::vector<Read>& records) {
    std::set<std::string> ids;
    for (const auto& record : records) ids.insert(record.id);
    return ids.size();
}

}  // namespace

TEST_CASE("what these tests call order") {
    const auto of = [](const std::vector<const char*>& values) {
        std::vector<Read> records;
        for (const char* value : values) {
            Read read;
            read.key = "k", read.value = read.id = value;
            records.push_back(std::move(read));
        }
        return check_order(records);
    };
    CHECK(of({"1.0", "2.0", "2.1", "9.0"}).kept);
    CHECK(of({"1.0", "2.0", "1.0", "2.0", "3.0"}).kept);  // sent again
    CHECK(of({"1.0", "2.0", "1.0", "2.0", "3.0"}).duplicates == 2);
    CHECK_FALSE(of({"1.0", "3.0", "2.0"}).kept);
    CHECK_FALSE(of({"2.0", "1.0", "2.0"}).kept);
}

TEST_CASE("50,000 records arrive complete, in order, once") {
    Cluster cluster;
    NumberFeed feed(model::Log::intake, "t.readings", 50'000);
    const Accounts accounts{"s"};
    feed.zero_copy = true;
    feed.accounts = &accounts;
    Rig rig({&feed}, cluster.brokers());
    REQUIRE(rig.until_cursor(model::Log::intake, 50'001));
    const auto records = read_topic(cluster.brokers(), "t.readings");
    CHECK(records.size() == 50'000);
    CHECK(distinct(records) == 50'000);
    const Order order = check_order(records);
    CHECK(order.kept);
    CHECK(order.duplicates == 0);
    CHECK(records.front().gateway == "gw");
    CHECK(rig.book.ledger.streams.at("s").fates[static_cast<size_t>(model::Fate::forwarded)] == 50'000);
    CHECK_FALSE(rig.book.backwards);
    const Status status = rig.replicator->status();
    CHECK(status.delivered == 50'000);
    CHECK(status.producers == 1);
    CHECK(status.in_flight == 0);
    CHECK(status.connected);
    CHECK(rig.metrics.counter("tributary_kafka_delivered_total", "").value() == 50'000);
}

TEST_CASE("the backlog goes beside live data, to a topic of its own, and has the rest of the time off") {
    Cluster cluster;
    NumberFeed live(model::Log::windows, "t.windows", 2'000),
        backlog(model::Log::intake, "t.readings.backfill", 40'000);
    backlog.apart = true;
    Rig rig({&live, &backlog}, cluster.brokers());
    rig.settings.kafka.backfill_share = 5;
    auto made = Replicator::create(rig.settings, {&live, &backlog}, rig.book, rig.metrics, rig.clock);
    REQUIRE(made.ok());
    rig.replicator = std::move(*made);
    REQUIRE(rig.until_cursor(model::Log::windows, 2'001));
    CHECK(rig.book.cursors[model::Log::intake] <= 20'000);  // it paused after its first 4,000
    REQUIRE(rig.until_cursor(model::Log::intake, 40'001, 120));
    const auto records = read_topic(cluster.brokers(), "t.readings.backfill");
    CHECK(records.size() == 40'000);
    CHECK(check_order(records).kept);
    CHECK(check_order(records).duplicates == 0);
    CHECK(live.links == 1);
}

// The mock cluster has transactions, but forgets our place in them and fences nobody: those are tested with a real
// Kafka (tests/system/test_exactly_once.py).
TEST_CASE("exactly-once: transactions over an outage, in order, with messages of several records and none") {
    Cluster cluster;
    NumberFeed events(model::Log::events, "t.events", 50), intake(model::Log::intake, "t.readings", 25'000);
    intake.per_seq = [](uint64_t seq) { return static_cast<uint32_t>(seq % 3); };
    Rig rig({&events, &intake}, cluster.brokers());
    rig.settings.kafka.delivery = "exactly-once";
    auto made = Replicator::create(rig.settings, {&events, &intake}, rig.book, rig.metrics, rig.clock, "run");
    REQUIRE(made.ok());
    rig.replicator = std::move(*made);
    REQUIRE(run_until(*rig.replicator, [&] { return rig.book.cursors[model::Log::intake] > 1; }));
    cluster.down();
    run_until(
        *rig.replicator, [] { return false; }, 2);
    cluster.up();
    REQUIRE(rig.until_cursor(model::Log::intake, 25'001, 120));
    REQUIRE(rig.until_cursor(model::Log::events, 51));
    CHECK(rig.replicator->flush(10 * base::kNsPerSecond));
    const auto records = read_topic(cluster.brokers(), "t.readings");
    CHECK(distinct(records) == 25'000);
    CHECK(check_order(records).kept);
    CHECK_FALSE(rig.book.backwards);
}

TEST_CASE("several records, none, and several logs") {
    Cluster cluster;
    NumberFeed events(model::Log::events, "t.events", 100), intake(model::Log::intake, "t.readings", 3'000);
    const Accounts accounts{"a", "b"};
    intake.accounts = &accounts;
    intake.per_seq = [](uint64_t seq) { return static_cast<uint32_t>(seq % 4); };
    Rig rig({&events, &intake}, cluster.brokers());
    REQUIRE(rig.until_cursor(model::Log::intake, 3'001));
    REQUIRE(rig.until_cursor(model::Log::events, 101));
    CHECK(read_topic(cluster.brokers(), "t.readings").size() == 4'500);
    CHECK(read_topic(cluster.brokers(), "t.events").size() == 100);
    CHECK(rig.book.ledger.logs.at(model::Log::events).delivered == 100);
    for (const char* stream : {"a", "b"}) CHECK(rig.book.ledger.streams.at(stream).settled() == 2'250);
    CHECK_FALSE(rig.book.ledger.logs.contains(model::Log::intake));
}

TEST_CASE("two logs share the topic of readings: neither loses, each has its cursor and account") {
    Cluster cluster;
    NumberFeed reduced(model::Log::reduced, "t.readings", 2'000), intake(model::Log::intake, "t.readings", 3'000);
    reduced.value = [](uint64_t seq, const std::string&) { return std::to_string(1'000'000 + seq); };
    reduced.keys = 1, intake.keys = 6;
    intake.per_seq = [](uint64_t seq) { return static_cast<uint32_t>(seq % 2); };
    Rig rig({&reduced, &intake}, cluster.brokers());
    REQUIRE(run_until(*rig.replicator, [&] { return rig.replicator->status().delivered > 500; }));
    cluster.down();
    for (int i = 0; i < 10; i++) rig.replicator->step(100 * base::kNsPerMs);
    cluster.up();
    REQUIRE(rig.until_cursor(model::Log::reduced, 2'001));
    REQUIRE(rig.until_cursor(model::Log::intake, 3'001));
    std::set<std::string> mine, others;
    for (const auto& record : read_topic(cluster.brokers(), "t.readings"))
        (record.value.size() == 7 ? mine : others).insert(record.value);
    CHECK(mine.size() == 2'000);
    CHECK(others.size() == 1'500);
    CHECK(rig.book.ledger.logs.at(model::Log::reduced).delivered == 2'000);
    CHECK_FALSE(rig.book.ledger.logs.contains(model::Log::intake));
    CHECK_FALSE(rig.book.backwards);
}

TEST_CASE("an outage costs disk, not memory, and no order") {
    Cluster cluster;
    NumberFeed feed(model::Log::intake, "t.readings", 40'000);
    Rig rig({&feed}, cluster.brokers());
    REQUIRE(run_until(*rig.replicator, [&] { return rig.replicator->status().delivered > 1'000; }));
    cluster.down();
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(4);
    while (std::chrono::steady_clock::now() < until) rig.replicator->step(100 * base::kNsPerMs);
    const Status away = rig.replicator->status();
    CHECK_FALSE(away.connected);
    CHECK_FALSE(away.error.empty());
    CHECK(away.in_flight <= 10'000);
    CHECK(rig.metrics.health().at(0).ok == false);
    const uint64_t taken = feed.taken;
    for (int i = 0; i < 5; i++) rig.replicator->step(100 * base::kNsPerMs);
    CHECK(feed.taken == taken);
    // On a busy machine all that was in flight may have arrived before the brokers went away.
    const bool nothing_flies = rig.replicator->status().in_flight == 0;
    CHECK(rig.replicator->flush(100 * base::kNsPerMs) == nothing_flies);
    cluster.up();
    REQUIRE(rig.until_cursor(model::Log::intake, 40'001));
    const auto records = read_topic(cluster.brokers(), "t.readings");
    CHECK(distinct(records) == 40'000);
    CHECK(check_order(records).kept);
    CHECK(rig.replicator->status().connected);
    CHECK(rig.metrics.health().at(0).ok);
}

TEST_CASE("an outage with nothing in flight ends by itself, and wake ends a wait") {
    Cluster cluster;
    cluster.down();
    NumberFeed feed(model::Log::intake, "t.readings", 10);
    Rig rig({&feed}, cluster.brokers());
    for (int i = 0; i < 5; i++) rig.replicator->step(100 * base::kNsPerMs);
    CHECK(feed.taken == 0);
    cluster.up();
    REQUIRE(rig.until_cursor(model::Log::intake, 11));
    std::thread waker([&] {
        std::this_thread::sleep_for(std::chrono::milliseconds(100));
        rig.replicator->wake();
    });
    rig.replicator->step(600 * base::kNsPerSecond);  // hangs for ten minutes unless woken
    waker.join();
}

TEST_CASE("errors of a batch") {
    Cluster cluster;
    NumberFeed feed(model::Log::intake, "t.readings", 2'000);
    const Accounts accounts{"s"};
    feed.accounts = &accounts;
    Rig rig({&feed}, cluster.brokers(), nullptr, kOneRequest);
    uint64_t least_producers = 1;
    SUBCASE("retriable: nobody notices") {
        cluster.fail_produce({RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION, RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT});
    }
    SUBCASE("stamp: one by one, and all arrive") {
        cluster.fail_produce({RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP});
        least_producers = 3;  // batched, singly, batched
    }
    SUBCASE("size: one by one, and all arrive") {
        cluster.fail_produce({RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE});
        least_producers = 3;
    }
    SUBCASE("fatal: out of order") {
        cluster.fail_produce({RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER});
        least_producers = 2;
    }
    SUBCASE("fatal: old epoch") {
        cluster.fail_produce({RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH});
        least_producers = 2;
    }
    SUBCASE("topic closed for a while: not refused") {
        cluster.fail_produce({RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED});
        least_producers = 2;
    }
    REQUIRE(rig.until_cursor(model::Log::intake, 2'001));
    const auto records = read_topic(cluster.brokers(), "t.readings");
    CHECK(distinct(records) == 2'000);
    CHECK(check_order(records).kept);
    CHECK(rig.book.refusals.empty());
    CHECK_FALSE(rig.book.backwards);
    CHECK(rig.book.ledger.streams.at("s").fates[static_cast<size_t>(model::Fate::forwarded)] == 2'000);
    run_until(
        *rig.replicator, [&] { return rig.replicator->status().producers >= least_producers; }, 20);
    CHECK(rig.replicator->status().producers >= least_producers);
}

TEST_CASE("refused for good: counted, and the log goes on") {
    Cluster cluster;
    NumberFeed feed(model::Log::windows, "t.windows", 500);
    SUBCASE("by the client: larger than message.max.bytes") {
        feed.value = [](uint64_t seq, const std::string& text) {
            return seq % 100 == 0 ? std::string(2'000'000, 'x') : text;
        };
    }
    SUBCASE("by the broker: the batch, then five records of it alone") {
        cluster.fail_produce({RD_KAFKA_RESP_ERR_INVALID_RECORD, RD_KAFKA_RESP_ERR_INVALID_RECORD,
                              RD_KAFKA_RESP_ERR_INVALID_RECORD, RD_KAFKA_RESP_ERR_INVALID_RECORD,
                              RD_KAFKA_RESP_ERR_INVALID_RECORD, RD_KAFKA_RESP_ERR_INVALID_RECORD});
    }
    Rig rig({&feed}, cluster.brokers(), nullptr, kOneRequest);
    REQUIRE(rig.until_cursor(model::Log::windows, 501));
    const auto records = read_topic(cluster.brokers(), "t.windows");
    const auto account = rig.book.ledger.logs.at(model::Log::windows);
    CHECK(account.refused >= 3);
    CHECK(account.refused + account.delivered == 500);
    CHECK(rig.book.refusals.size() == account.refused);
    CHECK(distinct(records) == account.delivered);
    CHECK(check_order(records).kept);
    CHECK(rig.book.refusals.front().topic == "t.windows");
    CHECK_FALSE(rig.book.refusals.front().key.empty());
}

TEST_CASE("stamps") {
    Cluster cluster;
    NumberFeed feed(model::Log::intake, "t.readings", 20);
    const base::ManualClock clock(1'760'000'000 * base::kNsPerSecond, 1'000 * base::kNsPerSecond);
    constexpr int64_t kNowMs = 1'760'000'000'000;
    SUBCASE("two hours ahead of our clock: brought back, counted, not marked") {
        feed.stamp_ms = [](uint64_t seq) { return kNowMs + (seq > 10 ? 7'200'000 : 0); };
        Rig rig({&feed}, cluster.brokers(), &clock);
        REQUIRE(rig.until_cursor(model::Log::intake, 21));
        CHECK(rig.replicator->status().clamped == 10);
        for (const auto& record : read_topic(cluster.brokers(), "t.readings")) {
            CHECK(record.timestamp_ms <= kNowMs + 300'000);
            CHECK(record.time_mark.empty());
        }
    }
    SUBCASE("refused alone too: a stamp from before our clock, marked") {
        const auto bad = RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP;
        feed.keys = 1;  // one batch, then one record at a time
        feed.stamp_ms = [](uint64_t) { return kNowMs; };
        cluster.fail_produce({bad, bad, bad});
        Rig rig({&feed}, cluster.brokers(), &clock, kOneBatch);
        REQUIRE(rig.until_cursor(model::Log::intake, 21));
        const auto records = read_topic(cluster.brokers(), "t.readings");
        CHECK(records.size() == 20);
        CHECK(check_order(records).kept);
        // Our clock minus 1 h was refused, minus 2 h taken; what follows is capped at it.
        for (const auto& record : records) CHECK(record.timestamp_ms == kNowMs - 2 * 3'600'000);
        for (const auto& record : records) CHECK(record.time_mark == "unsynced");
        CHECK(rig.book.refusals.empty());
    }
}

TEST_CASE("topics that are missing are named, and nothing is lost") {
    Cluster cluster(false);
    NumberFeed feed(model::Log::late, "t.late", 10);
    Rig rig({&feed}, cluster.brokers());
    rig.settings.kafka.create_topics = false;
    run_until(
        *rig.replicator, [&] { return !rig.metrics.health().empty() && !rig.metrics.health()[0].ok; }, 20);
    REQUIRE_FALSE(rig.metrics.health().empty());
    CHECK(rig.metrics.health()[0].code == "TRB-KAFKA-005");
    CHECK(rig.metrics.health()[0].text.find("\"t.late\"") != std::string::npos);
    CHECK(feed.taken == 0);
}

TEST_CASE("properties that would break a promise are refused") {
    Book book;
    metrics::Registry metrics;
    base::SystemClock clock;
    const std::vector<std::pair<std::string, std::string>> bad{
        {"enable.idempotence", "false"}, {"acks", "1"},           {"request.required.acks", "0"},
        {"transactional.id", "x"},       {"acks", "0"},           {"message.timeout.ms", "1000"},
        {"delivery.timeout.ms", "1000"}, {"no.such.thing", "1"},  {"max.in.flight.requests.per.connection", "many"},
        {"bootstrap.servers", "x:1"},    {"enabled_events", "0"}, {"delivery.report.only.error", "true"},
    };
    for (const auto& [name, value] : bad) {
        config::Settings settings = settings_for("127.0.0.1:1");
        settings.kafka.properties[name] = value;
        const auto made = Replicator::create(settings, {}, book, metrics, clock);
        REQUIRE_FALSE(made.ok());
        CHECK(made.error().message.find(name) != std::string::npos);
    }
    config::Settings settings = settings_for("127.0.0.1:1");
    settings.kafka.properties = {{"acks", "-1"}, {"compression.type", "zstd"}, {"linger.ms", "7"}};
    CHECK(Replicator::create(settings, {}, book, metrics, clock).ok());
}

TEST_CASE("brokers = \"mock\", and probe") {
    NumberFeed feed(model::Log::dead, "t.dead", 5);
    Book book;
    metrics::Registry metrics;
    base::SystemClock clock;
    config::Settings settings = settings_for("mock");
    settings.kafka.mock = true;
    auto made = Replicator::create(settings, {&feed}, book, metrics, clock);
    REQUIRE(made.ok());
    const std::string brokers = (*made)->status().mock_brokers;
    REQUIRE_FALSE(brokers.empty());
    REQUIRE(run_until(**made, [&] { return book.cursors[model::Log::dead] == 6; }));
    CHECK(read_topic(brokers, "t.dead", 6).size() == 5);

    const auto good = probe(settings_for(brokers), 5 * base::kNsPerSecond, kDay);
    for (const auto& finding : good) CHECK_MESSAGE(finding.ok, finding.text);
    const auto away = probe(settings_for("127.0.0.1:1"), base::kNsPerSecond, kDay);
    REQUIRE(away.size() == 1);
    CHECK_FALSE(away[0].ok);
    CHECK(away[0].text.find("127.0.0.1:1") != std::string::npos);
}

TEST_CASE("a source record of more records than are kept in hand, its end told behind them") {
    // Gives `many` records of each seq and then says that it is complete, as ranges of raw context do.
    class ManyFeed final : public Feed {
      public:
        ManyFeed(uint32_t many, uint64_t last) : many_(many), last_(last) { record_.topic = "t.readings"; }
        model::Log log() const override { return model::Log::context; }
        uint64_t cursor() const override { return 1; }
        void seek(uint64_t seq) override { seq_ = seq, n_ = 0; }
        bool next(Item& item) override {
            item = {};
            if (seq_ > last_) return false;
            if (pause_ = !pause_ && n_ % 1'000 == 500; pause_) return item.busy = true, false;
            item.seq = seq_, item.n = n_;
            if (n_ == (seq_ == 1 ? many_ : 3)) {
                item.nothing = item.complete = true;
                seq_++, n_ = 0;
                return true;
            }
            record_.value = std::to_string(seq_) + "." + std::to_string(n_++);
            record_.key = "k" + std::to_string(n_ % 7), record_.timestamp_ms = 1'760'000'000'000;
            item.last = false;
            item.record = &record_;
            item.value = record_.value;
            return true;
        }

      private:
        const uint32_t many_;
        const uint64_t last_;
        uint64_t seq_ = 1;
        uint32_t n_ = 0;
        bool pause_ = false;
        record::KafkaRecord record_;
    };
    Cluster cluster;
    ManyFeed many(70'000, 2);
    NumberFeed dead(model::Log::dead, "t.dead", 100);
    Rig rig({&many, &dead}, cluster.brokers());
    bool broken = false;
    rig.book.on_advance = [&](model::Log log, uint64_t) {
        if (log == model::Log::dead && !broken) cluster.down(), broken = true;
    };
    REQUIRE(run_until(*rig.replicator, [&] { return broken; }));
    for (int i = 0; i < 5; i++) rig.replicator->step(100 * base::kNsPerMs);
    cluster.up();
    REQUIRE(rig.until_cursor(model::Log::context, 3));
    const auto read = read_topic(cluster.brokers(), "t.readings");
    std::set<std::string> values;
    for (const auto& one : read) values.insert(one.value);
    CHECK(values.size() == 70'003);
    CHECK(rig.book.ledger.logs.at(model::Log::context).delivered == 2);  // ranges
    CHECK(rig.book.ledger.logs.at(model::Log::context).refused == 0);
    CHECK_FALSE(rig.book.backwards);
}
