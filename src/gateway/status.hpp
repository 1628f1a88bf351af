// SPDX-License-Identifier: Apache-2.0
// What `tributary status` says: one snapshot of the running gateway, as JSON and as text for people. Filled in by
// control; the rendering is pure. Contains no secret.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/engine.hpp"
#include "gateway/clock_watch.hpp"
#include "gateway/ladder.hpp"
#include "gateway/quotas.hpp"
#include "gateway/wear.hpp"
#include "kafka/replicator.hpp"
#include "metrics/metrics.hpp"
#include "model/intake.hpp"
#include "model/ledger.hpp"
#include "mqtt/session.hpp"
#include "store/store.hpp"

namespace tributary::gateway {

class Writer;

struct LogStatus {
    model::Log log = model::Log::intake;
    uint64_t next_seq = 1, kafka_cursor = 1;
    uint64_t ahead = 0;  // at Kafka beyond the cursor (catch_up)
    uint64_t waiting() const { return next_seq > kafka_cursor + ahead ? next_seq - kafka_cursor - ahead : 0; }
};

// Of all logs, intake first, as that cluster stands in them; and what of them it has not. What it refused is not
// waiting.
std::vector<LogStatus> log_status(const Writer& writer, const config::KafkaSettings& kafka);
uint64_t waiting(const std::vector<LogStatus>& logs);

struct StatusSnapshot {
    std::string gateway, version, config_path;
    int64_t now_ns = 0, started_ns = 0;  // arrival time
    std::vector<metrics::HealthState> health;
    mqtt::SessionStatus mqtt;
    uint64_t context_incomplete = 0;  // context ranges that lack messages, since the start
    kafka::Status kafka;
    struct Mirror {
        std::string name, brokers;  // "" = there is no second cluster
        kafka::Status kafka;
        uint64_t waiting = 0;  // records
    } mirror;
    uint64_t backlog = 0;  // records on their way to the backfill topics
    std::string kafka_brokers;
    engine::Stats engine;
    struct {
        std::string topic;  // "" = events do not go back to the broker
        bool connected = false;
        uint64_t published = 0, cursor = 0;
    } events;
    uint64_t engine_cursor = 1;
    int64_t watermark_ns = base::kNever;  // every window that ends at or before it is out
    std::string config_hash;              // of the streams in force
    store::Usage store;
    std::string store_path;
    int64_t store_max_bytes = 0, queue_bytes = 0;
    std::string when_full;
    LadderStats ladder;
    std::vector<Quotas::Status> quotas;
    bool store_open = false;
    Wear::Status wear;
    Wear::Status uplink;                             // own: sent to Kafka; today, day: both ways
    std::vector<LogStatus> logs;                     // intake first
    int64_t oldest_unsent_ns = 0;                    // arrival of the oldest message Kafka has not; 0 = none
    double received_per_s = 0, delivered_per_s = 0;  // over the last ten seconds
    ClockStatus clock;
    std::string clock_policy;
    int64_t clock_floor_ns = 0;
    uint64_t repaired = 0;  // messages whose arrival was, since the start
    model::Ledger ledger;   // committed
};

// What is wrong with the clock, in plain words; no code = nothing.
struct ClockTrouble {
    std::string code, text;
    bool empty() const { return code.empty(); }
};
ClockTrouble clock_trouble(const ClockStatus& clock);

std::string status_json(const StatusSnapshot& snapshot);
std::string status_text(const StatusSnapshot& snapshot);
// Every message and record, and what has become of it (design: promise P2).
std::string ledger_text(const model::Ledger& ledger);
std::string ledger_json(const model::Ledger& ledger);
// For the status topic, without the closing brace: the sender adds the id.
std::string status_record(const StatusSnapshot& snapshot);

}  // namespace tributary::gateway
