// SPDX-License-Identifier: Apache-2.0
#include "metrics/metrics.hpp"

#include <doctest/doctest.h>

#include <thread>

using tributary::metrics::Registry;

TEST_CASE("the same name and label give the same object") {
    Registry registry;
    auto& first = registry.counter("tributary_messages_total", "Messages.", "stream", "a");
    CHECK(&first == &registry.counter("tributary_messages_total", "", "stream", "a"));
    CHECK(&first != &registry.counter("tributary_messages_total", "", "stream", "b"));
    auto& lag = registry.gauge("tributary_lag_seconds", "Lag.");
    lag.set(-3);
    CHECK(registry.gauge("tributary_lag_seconds", "").value() == -3);
}

TEST_CASE("the exposition is in a stable order and escapes labels") {
    Registry registry;
    registry.counter("tributary_b_total", "Second.").add(2);
    registry.counter("tributary_a_total", "First.", "stream", "z").add(1);
    registry.counter("tributary_a_total", "First.", "stream", "a\"b\\c\nd").add(7);
    registry.gauge("tributary_store_bytes", "Size.").set(1234567890123);
    registry.degraded("kafka", "TRB-KAFKA-001", "no broker answers");
    registry.healthy("mqtt");
    CHECK(registry.exposition() ==
          "# HELP tributary_a_total First.\n# TYPE tributary_a_total counter\n"
          "tributary_a_total{stream=\"a\\\"b\\\\c\\nd\"} 7\ntributary_a_total{stream=\"z\"} 1\n"
          "# HELP tributary_b_total Second.\n# TYPE tributary_b_total counter\ntributary_b_total 2\n"
          "# HELP tributary_store_bytes Size.\n# TYPE tributary_store_bytes gauge\n"
          "tributary_store_bytes 1234567890123\n"
          "# HELP tributary_healthy 1 = the component is well, 0 = degraded (see status)\n"
          "# TYPE tributary_healthy gauge\n"
          "tributary_healthy{component=\"kafka\"} 0\ntributary_healthy{component=\"mqtt\"} 1\n");
    CHECK(Registry().exposition().empty());
}

TEST_CASE("health keeps the beginning of a trouble while only its words change") {
    Registry registry;
    registry.degraded("store", "TRB-STORE-004", "full: 2.0 GiB");
    const auto before = registry.health().at(0);
    CHECK(!before.ok);
    CHECK(before.since_ns > 0);
    registry.degraded("store", "TRB-STORE-004", "full: 2.1 GiB");
    CHECK(registry.health().at(0).since_ns == before.since_ns);
    CHECK(registry.health().at(0).text == "full: 2.1 GiB");
    registry.degraded("store", "TRB-STORE-005", "broken");
    CHECK(registry.health().at(0).code == "TRB-STORE-005");
    registry.healthy("store");
    const auto after = registry.health().at(0);
    CHECK(after.ok);
    CHECK(after.code.empty());
    CHECK(after.since_ns >= before.since_ns);
    registry.healthy("store");
    CHECK(registry.health().at(0).since_ns == after.since_ns);
}

TEST_CASE("many threads make and count at once") {
    Registry registry;
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; t++)
        threads.emplace_back([&] {
            for (int i = 0; i < 1000; i++) {
                registry.counter("tributary_x_total", "X.", "n", std::to_string(i % 7)).add();
                if (i % 100 == 0) CHECK(!registry.exposition().empty());
                registry.degraded("kafka", "TRB-KAFKA-001", "x");
            }
        });
    for (auto& thread : threads) thread.join();
    uint64_t sum = 0;
    for (int i = 0; i < 7; i++) sum += registry.counter("tributary_x_total", "X.", "n", std::to_string(i)).value();
    CHECK(sum == 4000);
}

TEST_CASE("the ledger is part of the exposition, a series per fate and account") {
    tributary::model::Ledger ledger;
    ledger.received("line \"1\"", 10);
    ledger.settle("line \"1\"", tributary::model::Fate::summarised, 7);
    ledger.logs[tributary::model::Log::thinned] = {5, 3, 1, 0};
    const auto text = Registry().exposition(ledger);
    for (const char* line :
         {"tributary_ledger_received_total{stream=\"line \\\"1\\\"\"} 10\n", "fate=\"summarised\"} 7\n",
          "fate=\"evicted\"} 0\n", "tributary_ledger_records_total{log=\"thinned\",account=\"delivered\"} 3\n"})
        CHECK_MESSAGE(text.find(line) != std::string::npos, line);
    CHECK(Registry().exposition().find("ledger") == std::string::npos);
}
