// SPDX-License-Identifier: Apache-2.0
#include "gateway/status.hpp"

#include <nlohmann/json.hpp>

#include "gateway/support.hpp"

namespace tributary::gateway {
namespace {

StatusSnapshot snapshot() {
    StatusSnapshot s;
    s.gateway = "line \"1\"\n", s.version = "0.1.0", s.config_path = "/etc/tributary/tributary.toml";
    s.started_ns = 1'700'000'000 * base::kNsPerSecond;
    s.now_ns = s.started_ns + 3661 * base::kNsPerSecond + 250 * base::kNsPerMs;
    s.health = {{"store", true, "", "", s.started_ns}, {"kafka", false, "TRB-KAFKA-002", "no broker", s.started_ns}};
    s.mqtt.connected = true, s.mqtt.url = "mqtt://127.0.0.1:1883", s.mqtt.received = 100, s.mqtt.acknowledged = 90;
    s.mqtt.filters = {"a/#", "b/+"}, s.mqtt.without_promise = {"b/+"};
    s.kafka.error = "connection refused";
    s.kafka_brokers = "kafka.plant.example:9093";
    s.store_path = "/var/lib/tributary/store.db", s.store_max_bytes = 2 << 20, s.store.used_bytes = 1 << 20;
    s.logs = {{model::Log::intake, 101, 41}, {model::Log::windows, 11, 11}, {model::Log::refused, 3, 1}};
    s.oldest_unsent_ns = s.now_ns - 90 * base::kNsPerSecond;
    s.received_per_s = 12.345;
    s.clock.state = model::ClockState::holdover, s.clock.epoch = 2;
    s.ledger.received("s", 100);
    s.ledger.settle("s", model::Fate::forwarded, 60);
    s.ledger.settle("s", model::Fate::rejected, 5);
    s.ledger.received("", 1);
    s.ledger.settle("", model::Fate::duplicate);
    s.ledger.logs[model::Log::windows] = {10, 9, 1, 0};
    return s;
}

}  // namespace

TEST_CASE("status: what is wrong with the clock, in plain words") {
    ClockStatus clock;
    clock.state = model::ClockState::synced;
    CHECK(clock_trouble(clock).empty());
    clock.state = model::ClockState::unsynced;
    clock.unsynced_for_ns = 180'400 * base::kNsPerMs;
    clock.hold_until_ns = 1'700'000'000 * base::kNsPerSecond;
    CHECK(clock_trouble(clock).code == "TRB-CLOCK-001");
    CHECK(clock_trouble(clock).text ==
          "clock not synchronised for 3min; processing waits until 22:13:20 UTC for it; messages are being stored "
          "and "
          "acknowledged");
    auto s = snapshot();
    s.clock = clock;
    s.repaired = 7;
    const auto json = nlohmann::json::parse(status_json(s))["clock"];
    CHECK(json["processing_waits_until"] == "2023-11-14T22:13:20.000Z");
    CHECK(json["unsynced_for_s"] == 180.4);
    CHECK(json["repaired_messages"] == 7);
    clock.hold_until_ns = 0;
    CHECK(clock_trouble(clock).code == "TRB-CLOCK-002");
    clock.unsynced_for_ns.reset();
    clock.reset_from_ns = 2'000'000'000 * base::kNsPerSecond;
    CHECK(clock_trouble(clock).code == "TRB-CLOCK-003");
}

TEST_CASE("status: the JSON is JSON, says what is wrong, and its books balance") {
    const auto s = snapshot();
    const auto json = nlohmann::json::parse(status_json(s));
    CHECK(json["gateway"] == "line \"1\"\n");
    CHECK(json["state"] == "degraded");
    CHECK(json["uptime_s"] == 3661.3);
    CHECK(json["health"].size() == 2);
    CHECK(json["health"][1]["code"] == "TRB-KAFKA-002");
    CHECK(json["lag"]["records"] == 60);  // the refused are not on their way
    CHECK(json["lag"]["age_s"] == 90.0);
    CHECK(json["mqtt"]["filters"] == nlohmann::json({"a/#", "b/+"}));
    CHECK(json["store"]["logs"]["intake"]["waiting"] == 60);
    CHECK(!json["store"]["logs"]["refused"].contains("waiting"));
    CHECK(json["clock"]["state"] == "holdover");
    CHECK(json["clock"]["epoch"] == 2);
    CHECK(!json["clock"].contains("unsynced_for_s"));
    CHECK(json["rates"]["received_per_s"] == 12.3);
    for (const auto& [name, account] : json["ledger"]["streams"].items()) {
        int64_t sum = account["pending"];
        for (const auto fate : model::kFateNames) sum += account[std::string(fate)].get<int64_t>();
        CHECK(account["received"] == sum);
    }
    CHECK(json["ledger"]["streams"]["s"]["pending"] == 35);
    for (const auto& [name, account] : json["ledger"]["logs"].items())
        CHECK(account["appended"] == account["delivered"].get<int64_t>() + account["refused"].get<int64_t>() +
                                         account["thinned"].get<int64_t>() + account["pending"].get<int64_t>());
}

TEST_CASE("status: the ledger alone is the same one") {
    const auto s = snapshot();
    CHECK(nlohmann::json::parse(ledger_json(s.ledger))["ledger"] == nlohmann::json::parse(status_json(s))["ledger"]);
    CHECK(status_text(s).ends_with(ledger_text(s.ledger)));
    CHECK(ledger_text({}).starts_with("ledger"));
}

TEST_CASE("status: nothing running yet is a status too") {
    const auto json = nlohmann::json::parse(status_json({}));
    CHECK(json["state"] == "ok");
    CHECK(json["store"]["open"] == false);
    CHECK(json["lag"]["age_s"] == 0);
    CHECK(!status_text({}).empty());
}

TEST_CASE("status: what cannot be UTF-8 or a number does not break the JSON") {
    auto s = snapshot();
    s.mqtt.error = "\xff\xfe bad";
    s.kafka.error = std::string("zero\0byte", 9);
    CHECK(!nlohmann::json::parse(status_json(s))["mqtt"]["error"].get<std::string>().empty());
}

TEST_CASE("status: the text for people names what is wrong and hides nothing") {
    const auto text = status_text(snapshot());
    for (const char* part : {"DEGRADED", "no broker [TRB-KAFKA-002]", "mqtt://127.0.0.1:1883", "QoS 0 only",
                             "kafka.plant.example:9093", "waiting 60", "holdover", "(no stream)", "NOT connected"})
        CHECK_MESSAGE(text.find(part) != std::string::npos, part);
    auto fine = snapshot();
    fine.health.pop_back();
    CHECK(status_text(fine).find("DEGRADED") == std::string::npos);
}

}  // namespace tributary::gateway
