// SPDX-License-Identifier: Apache-2.0
// The configuration, typed and checked, with every default filled in. Made by config::load(); read-only afterwards and
// shared between threads. Secrets (password, Kafka properties) never leave it towards logs, status or dumps.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "model/option.hpp"
#include "model/output.hpp"
#include "model/priority.hpp"

namespace tributary::config {

struct GatewaySettings {
    std::string id;  // default: host name
    std::string log_level = "info";
    std::string clock = "auto";     // auto (believe the kernel) | trusted (the host keeps it right)
    int64_t unsynced_hold_ns = -1;  // -1: auto
    std::string control_socket;     // default: $RUNTIME_DIRECTORY/control.sock, else /run/tributary/control.sock

    bool operator==(const GatewaySettings&) const = default;
};

struct TlsSettings {
    std::string ca, cert, key;  // PEM files; cert and key for mutual TLS
    std::string key_password_file;
    bool verify = true;

    bool operator==(const TlsSettings&) const = default;
};

struct MqttSettings {
    std::vector<std::string> urls{"mqtt://127.0.0.1:1883"};  // tried in order; mqtt, mqtts, ws, wss
    std::string client_id;                                   // default: "tributary-" + gateway id
    std::string username, password, password_file;
    int version = 5;  // 5 | 4 (3.1.1)
    int64_t keepalive_ns = 30 * base::kNsPerSecond;
    int64_t session_expiry_ns = 7 * 24 * 3600 * base::kNsPerSecond;
    int receive_maximum = 1000;         // MQTT 5
    int broker_window = 20;             // what a 3.1.1 broker sends unacknowledged (mosquitto: 20)
    int64_t max_queue_bytes = 8 << 20;  // our own bound on what is received and not committed
    std::string status_topic;           // default: "tributary/<id>/status"; "" = no birth and will
    bool status_topic_off = false;
    std::string events_topic;  // events go back to the broker below it; "" = they do not
    TlsSettings tls;

    bool operator==(const MqttSettings&) const = default;
};

// SASL/OAUTHBEARER with client credentials (RFC 6749, section 4.4).
struct OauthSettings {
    std::string token_url;  // "" = not used
    std::string client_id, client_secret_file, scope;
    std::string ca;  // PEM file; "" = the system's

    bool operator==(const OauthSettings&) const = default;
};

struct KafkaSettings {
    std::string name = "main";  // of the cluster, for cursors and people
    bool mirror = false;        // the second [[kafka]]: gets a copy, keeps no accounts
    std::string brokers;
    std::string prefix = "tributary";
    std::string delivery = "at-least-once";
    std::string catch_up = "in-order";  // in-order | live-first
    int backfill_share = 50;            // percent of the time the backlog may be on its way
    int backfill_min = 10'000;          // records: fewer go in order
    bool create_topics = true;
    int partitions = 6;
    int replication = -1;                                      // -1 = the broker's default
    std::string topic = "{prefix}.{kind}", key = "{series}";   // templates (template.hpp) of what streams give
    std::vector<std::pair<std::string, std::string>> headers;  // name, template; besides our own
    bool cloudevents = false;                                  // their headers, binary mode
    std::string link = "lan";                                  // lan | wan | metered
    int64_t send_every_ns = 300 * base::kNsPerSecond;          // over a metered link
    std::string preset;                                        // of a managed cluster; "" = none
    std::string username, password_file;                       // SASL; "" = not so
    OauthSettings oauth;
    std::map<std::string, std::string> properties;  // any librdkafka property; wins over our defaults
    bool mock = false;  // brokers = "mock": librdkafka's embedded mock cluster (demonstrations and tests)
    bool exactly_once() const { return delivery == "exactly-once"; }
    bool live_first() const { return catch_up == "live-first"; }
    bool metered() const { return link == "metered"; }

    bool operator==(const KafkaSettings&) const = default;
};

struct StoreSettings {
    std::string path = "/var/lib/tributary/store.db";
    int64_t max_size_bytes = int64_t{2} << 30;
    int64_t min_free_bytes = 64 << 20;  // of the file system, left alone
    std::string when_full = "thin";     // thin | drop-oldest | block
    int64_t gather_ns = 500 * base::kNsPerMs;
    bool adaptive_gather = false;                    // less where a commit takes little
    int64_t history_ns = 3600 * base::kNsPerSecond;  // how long delivered intake stays for replay
    int64_t endurance_bytes = 0;                     // what the device may be written in its life; 0 = not known
    int block_messages = 1000;
    int64_t block_bytes = 256 << 10;

    bool operator==(const StoreSettings&) const = default;
};

enum Forward : uint8_t {
    kForwardWindows = 1,
    kForwardEvents = 2,
    kForwardReduced = 4,
    kForwardAll = 8,
    kForwardRaw = 16
};

struct ValueField {
    std::string name;     // "" for the single value of a stream, else appended to the series as "/name"
    std::string pointer;  // JSON pointer (RFC 6901)
};

struct WindowSettings {
    std::string name;               // default: from the size as written
    std::string type = "tumbling";  // tumbling | hopping | session | count
    int64_t size_ns = 0;            // tumbling, hopping
    int64_t slide_ns = 0;           // hopping: a window begins every so often
    int64_t gap_ns = 0;             // session
    int count = 0;                  // count: readings a window
    int64_t lateness_ns = 0;
    int64_t revise_ns = 0;                // how long after that late readings still revise it
    int64_t idle_ns = 0;                  // default: max(size or gap, 1 min)
    std::string zone;                     // IANA name; "" = UTC
    int64_t offset_ns = 0;                // of the beginning of windows
    std::vector<std::string> aggregates;  // besides the usual figures
    int bins = 128;                       // of a quantile sketch
    model::SourcePosition position;
};

struct DetectSettings {
    std::string type;
    std::string name;          // default: type; unique within the stream
    model::OptionMap options;  // without type and name; checked against detect::registry()
    model::SourcePosition position;
};

struct DownsampleSettings {
    std::string type;
    model::OptionMap options;  // without type; checked against downsample::registry()
    model::SourcePosition position;
};

// Raw readings around events.
struct ContextSettings {
    int64_t before_ns = 30 * base::kNsPerSecond, after_ns = 30 * base::kNsPerSecond;
};

// Of the room for messages in the store: a share, or bytes; both 0 = no bound.
struct QuotaSettings {
    int percent = 0;
    int64_t bytes = 0;
    bool none() const { return percent == 0 && bytes == 0; }
    bool operator==(const QuotaSettings&) const = default;
};

struct StreamSettings {
    std::string name;
    std::vector<std::string> topics;
    std::string series;  // template; "" = the topic
    model::Labels labels;
    std::string format = "auto";  // auto | json | scalar
    std::vector<ValueField> values{{"", "/value"}};
    std::string time_pointer;  // "" = arrival
    int64_t time_unit_ns = base::kNsPerMs;
    std::string time_zone;  // of time texts that name none; "" = UTC
    std::string unit;
    double scale = 1.0, offset = 0.0;
    uint8_t forward = 0;  // Forward bits, default filled in
    std::vector<WindowSettings> windows;
    std::vector<DetectSettings> detectors;
    std::optional<DownsampleSettings> downsample;
    std::optional<ContextSettings> context;
    model::Priority priority = model::Priority::normal;
    QuotaSettings quota;
    int max_series = 50'000;                                 // with one more its readings are refused, see forget
    int64_t forget_ns = 7 * 24 * 3600 * base::kNsPerSecond;  // silent for so long, a series gives its place away
    int max_windows = 500'000;                               // kept at once
    int max_reorder = 100'000;                               // readings that wait for their order
    int64_t max_ahead_ns = 300 * base::kNsPerSecond;
    int64_t min_time_ns = 946'684'800 * base::kNsPerSecond;  // 2000-01-01
    // Canonical TOML of this stream: equal text = same stream over a reload. Without what the engine does not look at:
    // priority and quota.
    std::string text;
    model::SourcePosition position;

    bool forwards(Forward bit) const { return (forward & bit) != 0; }
};

// Maintenance: events of these series do not open between two times of day.
struct MuteSettings {
    std::string series = "#";        // MQTT topic filter over names of series
    int64_t from_ns = 0, to_ns = 0;  // of the local day; to at or before from: it passes midnight
    uint8_t days = 0x7f;             // bit 0 = Monday; of the day on which it begins
    std::string zone;                // IANA name; "" = UTC
    std::string from, to;            // as written: "22:00"
    std::vector<std::string> on;     // the days as written
};

struct EventSettings {
    std::string commands_topic;  // MQTT: mutes and acknowledgements come in here; "" = they do not
    int max_per_machine = 1000;  // events that open in `per` for one machine; 0 = no bound
    int64_t per_ns = 600 * base::kNsPerSecond;
    int machine_levels = 0;  // a machine is so many levels of a series' name; 0 = all but the last
    std::vector<MuteSettings> mutes;
};

struct Settings {
    GatewaySettings gateway;
    MqttSettings mqtt;
    KafkaSettings kafka;
    std::optional<KafkaSettings> mirror;  // the second [[kafka]]
    StoreSettings store;
    EventSettings events;
    std::vector<StreamSettings> streams;
};

}  // namespace tributary::config
