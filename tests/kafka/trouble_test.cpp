// SPDX-License-Identifier: Apache-2.0
#include "kafka/trouble.hpp"

#include <doctest/doctest.h>

#include "kafka/harness.hpp"
#include "kafka/topic_rules.hpp"

using namespace tributary;
using namespace tributary::kafka;
using namespace tributary::kafka::test;

namespace {

constexpr int64_t kFiveDays = 5 * 24 * 3600 * base::kNsPerSecond;

std::string said(const std::string& topic, const TopicConfig& config) {
    std::string out;
    for (const auto& finding : judge_topic(topic, config, kFiveDays)) out += finding.text + "\n";
    return out;
}

std::string health_of(const metrics::Registry& metrics, const std::string& component) {
    for (const auto& state : metrics.health())
        if (state.component == component && !state.ok) return state.code + " " + state.text;
    return "";
}

}  // namespace

TEST_CASE("a topic's own settings, and data that comes five days late") {
    const TopicConfig fine{{"cleanup.policy", "delete"},
                           {"retention.ms", "604800000"},
                           {"message.timestamp.type", "CreateTime"},
                           {"message.timestamp.before.max.ms", "9223372036854775807"}};
    CHECK(said("t.windows", fine).empty());
    const auto with = [&](const char* name, const char* value) {
        auto config = fine;
        config[name] = value;
        return said("t.windows", config);
    };
    CHECK(with("retention.ms", "86400000").find("deleted as it arrives") != std::string::npos);
    CHECK(with("retention.ms", "-1").empty());
    CHECK(with("cleanup.policy", "compact").find("only the newest record stays") != std::string::npos);
    CHECK(with("message.timestamp.before.max.ms", "3600000").find("refuses records older than 1h") !=
          std::string::npos);
    CHECK(with("message.timestamp.difference.max.ms", "3600000").find("refuses records") != std::string::npos);
    CHECK(with("message.timestamp.type", "LogAppendTime").find("not when they were measured") != std::string::npos);
    CHECK(with("retention.ms", "86400000").find("--add-config retention.ms=864000000") != std::string::npos);
    CHECK(said("t.status", {{"cleanup.policy", "compact"}, {"retention.ms", "1000"}}).empty());
    CHECK_FALSE(said("t.status", {{"cleanup.policy", "delete"}}).empty());
    CHECK(said("t.progress", {{"cleanup.policy", "compact"}}).empty());
}

TEST_CASE("errors come with what to do about them") {
    for (const auto error :
         {RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE,
          RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS, RD_KAFKA_RESP_ERR_KAFKA_STORAGE_ERROR,
          RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, RD_KAFKA_RESP_ERR__AUTHENTICATION, RD_KAFKA_RESP_ERR__SSL}) {
        CHECK_FALSE(what_to_do(error, "t").empty());
        CHECK(in_plain_words(error, "t").starts_with(rd_kafka_err2str(error)));
    }
    CHECK(advice("MSG_SIZE_TOO_LARGE", "t").find("max.message.bytes of t") != std::string::npos);
    CHECK(advice("REQUEST_TIMED_OUT", "t").empty());
    CHECK(advice("no such error", "t").empty());
    CHECK(in_plain_words(RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT, "t") == "Broker: Request timed out");
}

TEST_CASE("brokers that answer and take nothing: said, with the reason, until a record is taken") {
    Cluster cluster;
    NumberFeed feed(model::Log::intake, "t.readings", 3'000);
    Book book;
    metrics::Registry metrics;
    base::SystemClock clock;
    const auto settings = settings_for(cluster.brokers(), kOneRequest);
    // More refusals than there are tries in the time that silence is waited for.
    cluster.fail_produce(std::vector<rd_kafka_resp_err_t>(2'000, RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS));
    auto made = Replicator::create(settings, {&feed}, book, metrics, clock);
    REQUIRE(made.ok());
    REQUIRE(run_until(
        **made, [&] { return !health_of(metrics, "kafka").empty(); }, 90));
    CHECK(health_of(metrics, "kafka").starts_with("TRB-KAFKA-013"));
    CHECK((*made)->status().connected);
    cluster.clear_errors();
    REQUIRE(run_until(
        **made, [&] { return book.cursors[model::Log::intake] == 3'001; }, 90));
    CHECK(run_until(
        **made, [&] { return health_of(metrics, "kafka").empty(); }, 30));
    CHECK(check_order(read_topic(cluster.brokers(), "t.readings")).kept);
}

TEST_CASE("over a metered link: a batch, then a pause; events do not wait") {
    Cluster cluster;
    NumberFeed events(model::Log::events, "t.events", 10), windows(model::Log::windows, "t.windows", 1'000);
    Book book;
    metrics::Registry metrics;
    base::SystemClock clock;
    auto settings = settings_for(cluster.brokers());
    settings.kafka.link = "metered";
    settings.kafka.send_every_ns = 5 * base::kNsPerSecond;
    auto made = Replicator::create(settings, {&events, &windows}, book, metrics, clock);
    REQUIRE(made.ok());
    const auto at = [&](model::Log log, uint64_t cursor) {
        return [&, log, cursor] { return book.cursors[log] == cursor; };
    };
    REQUIRE(run_until(**made, at(model::Log::windows, 1'001)));
    run_until(
        **made, [] { return false; }, 1);  // the batch ends
    windows.grow(1'000), events.grow(10);
    (*made)->wake();
    REQUIRE(run_until(**made, at(model::Log::events, 21)));
    CHECK(book.cursors[model::Log::windows] == 1'001);
    REQUIRE(run_until(**made, at(model::Log::windows, 2'001)));
    CHECK(run_until(
        **made, [&] { return (*made)->status().sent_bytes > 1'000; }, 40));  // by the next statistics
}
