// SPDX-License-Identifier: Apache-2.0
#include "config/keys.hpp"

#include <array>

namespace tributary::config {
namespace {

using enum KeyKind;
constexpr double kMinute = 60, kDay = 86400, kKiB = 1024, kMiB = 1048576, kGiB = 1073741824;
constexpr double kAny = std::numeric_limits<double>::infinity();

constexpr std::array kGateway{
    Key<GatewaySettings>{{"id", text, "", "Name of this box in every record; default: the host name"},
                         &GatewaySettings::id},
    Key<GatewaySettings>{{"log_level", text, "info", "What goes to the log", 0, 0, "debug|info|warning|error"},
                         &GatewaySettings::log_level},
    Key<GatewaySettings>{
        {"clock", text, "auto",
         "auto: believe the kernel whether its clock is synchronised; trusted: the host keeps it right", 0, 0,
         "auto|trusted"},
        &GatewaySettings::clock},
    Key<GatewaySettings>{{"unsynced_hold", special, "auto",
                          "How long processing waits at start for a synchronised clock, 0s = not at all; auto: 15min "
                          "where this store has seen one before, else 2min",
                          0, 0, "", false, "duration or auto"},
                         {}},
    Key<GatewaySettings>{{"control_socket", text, "",
                          "Socket for `status`; default: `$RUNTIME_DIRECTORY/control.sock`, else "
                          "`/run/tributary/control.sock`"},
                         &GatewaySettings::control_socket}};

constexpr std::array kMqtt{
    Key<MqttSettings>{
        {"url", texts, "mqtt://127.0.0.1:1883", "Broker, or several, tried in order; mqtt, mqtts (TLS), ws, wss"},
        &MqttSettings::urls},
    Key<MqttSettings>{{"client_id", text, "", "Stays the same for ever; default: `tributary-` + gateway id"},
                      &MqttSettings::client_id},
    Key<MqttSettings>{{"username", text, "", "User name at the broker"}, &MqttSettings::username},
    Key<MqttSettings>{{"password", text, "", "Its password; better in `password_file`"}, &MqttSettings::password},
    Key<MqttSettings>{{"password_file", text, "", "File whose first line is the password"},
                      &MqttSettings::password_file},
    Key<MqttSettings>{{"version", special, "5", "Version of MQTT; 3.1.1 in quotes", 0, 0, "5|3.1.1"}, {}},
    Key<MqttSettings>{{"keepalive", duration, "30s", "A dead connection is noticed after 1.5 times this", 1, 65535},
                      &MqttSettings::keepalive_ns},
    Key<MqttSettings>{{"session_expiry", duration, "7d",
                       "How long the broker keeps our messages while we are away (MQTT 5); longer than the longest "
                       "planned stop",
                       0, 3650 * kDay},
                      &MqttSettings::session_expiry_ns},
    Key<MqttSettings>{
        {"receive_maximum", integer, "1000", "Unacknowledged messages we accept at once (MQTT 5)", 1, 65535},
        &MqttSettings::receive_maximum},
    Key<MqttSettings>{{"broker_window", integer, "20",
                       "Unacknowledged messages a 3.1.1 broker sends (mosquitto: `max_inflight_messages`)", 1, 65535},
                      &MqttSettings::broker_window},
    Key<MqttSettings>{{"max_queue", size, "8MiB", "Bound on what is received and not yet on disk", 64 * kKiB, kGiB},
                      &MqttSettings::max_queue_bytes},
    Key<MqttSettings>{
        {"status_topic", special, "", "Topic of birth and last will, false = none; default: `tributary/<id>/status`", 0,
         0, "", false, "text or false"},
        {}},
    Key<MqttSettings>{{"events_topic", text, "",
                       "Events are published back to this broker under `<events_topic>/<series>` (QoS 1), for PLCs and "
                       "panels; default: they are not"},
                      &MqttSettings::events_topic},
    Key<MqttSettings>{{"tls", table, "", "Files and checks of TLS, see `[mqtt.tls]`"}, {}}};

constexpr std::array kTls{
    Key<TlsSettings>{{"ca", text, "", "PEM file with the certificates to trust; default: the system's"},
                     &TlsSettings::ca},
    Key<TlsSettings>{{"cert", text, "", "PEM file with our certificate (mutual TLS)"}, &TlsSettings::cert},
    Key<TlsSettings>{{"key", text, "", "PEM file with its private key"}, &TlsSettings::key},
    Key<TlsSettings>{{"key_password_file", text, "", "File whose first line is the key's password"},
                     &TlsSettings::key_password_file},
    Key<TlsSettings>{{"verify", boolean, "true", "Check the broker's certificate and name"}, &TlsSettings::verify}};

constexpr std::array kKafka{
    Key<KafkaSettings>{
        {"name", text, "main", "Of the cluster; a second `[[kafka]]` needs one ([migration](migration.md))"},
        &KafkaSettings::name},
    Key<KafkaSettings>{{"brokers", special, "",
                        "`host:port`, several as a list or divided by commas; `mock` = an embedded cluster for trials",
                        0, 0, "", false, "text or list"},
                       {}},
    Key<KafkaSettings>{{"prefix", text, "tributary", "Topics are `<prefix>.readings`, `<prefix>.windows`, ..."},
                       &KafkaSettings::prefix},
    Key<KafkaSettings>{
        {"delivery", text, "at-least-once",
         "Promise towards Kafka: a record may come twice after a crash, under the same id, or transactions", 0, 0,
         "at-least-once|exactly-once"},
        &KafkaSettings::delivery},
    Key<KafkaSettings>{{"catch_up", text, "in-order",
                        "After an outage: everything in order, or new data at once and the backlog to "
                        "`<topic>.backfill`, see [outages](outages.md)",
                        0, 0, "in-order|live-first"},
                       &KafkaSettings::catch_up},
    Key<KafkaSettings>{{"backfill_share", integer, "50",
                        "Percent of the time in which the backlog may be on its way, beside live data", 1, 100},
                       &KafkaSettings::backfill_share},
    Key<KafkaSettings>{{"backfill_min", integer, "10000",
                        "Records of a log: when fewer wait as the link returns, they go in order", 1, 1000000},
                       &KafkaSettings::backfill_min},
    Key<KafkaSettings>{{"create_topics", boolean, "true", "Make topics that are missing"},
                       &KafkaSettings::create_topics},
    Key<KafkaSettings>{{"partitions", integer, "6", "Of topics we make", 1, 10000}, &KafkaSettings::partitions},
    Key<KafkaSettings>{{"replication", integer, "-1", "Of topics we make; -1 = the broker's default", -1, 100},
                       &KafkaSettings::replication},
    Key<KafkaSettings>{
        {"topic", text, "{prefix}.{kind}", "Template of the topics of what streams give, see [routing](routing.md)"},
        &KafkaSettings::topic},
    Key<KafkaSettings>{{"key", text, "{series}", "Template of their keys: records of one key keep their order"},
                       &KafkaSettings::key},
    Key<KafkaSettings>{{"headers", table, "", "Headers besides our own: name = template"}, {}},
    Key<KafkaSettings>{{"cloudevents", boolean, "false", "Add the headers of CloudEvents 1.0 (binary mode)"},
                       &KafkaSettings::cloudevents},
    Key<KafkaSettings>{{"link", text, "lan",
                        "`wan`: compressed, in larger batches; `metered`: windows, reduced readings and events only, "
                        "in batches every `send_every`",
                        0, 0, "lan|wan|metered"},
                       &KafkaSettings::link},
    Key<KafkaSettings>{{"send_every", duration, "5min", "Over a metered link: time between two batches", 1, 86400},
                       &KafkaSettings::send_every_ns},
    Key<KafkaSettings>{{"preset", text, "", "Security and topics as a managed cluster wants them", 0, 0,
                        "confluent-cloud|msk-scram|msk-mtls"},
                       &KafkaSettings::preset},
    Key<KafkaSettings>{{"username", text, "", "SASL user name, or API key"}, &KafkaSettings::username},
    Key<KafkaSettings>{{"password_file", text, "", "File whose first line is its password, or API secret"},
                       &KafkaSettings::password_file},
    Key<KafkaSettings>{{"oauth", table, "", "SASL/OAUTHBEARER, see `[kafka.oauth]`"}, {}},
    Key<KafkaSettings>{{"properties", table, "",
                        "Any librdkafka property, in quotes: `\"linger.ms\" = \"100\"`; see `[kafka.properties]`"},
                       {}}};

constexpr std::array kOauth{
    Key<OauthSettings>{{"token_url", text, "", "Where tokens are fetched: the token endpoint of the identity provider",
                        0, 0, "", true},
                       &OauthSettings::token_url},
    Key<OauthSettings>{{"client_id", text, "", "Who we are there", 0, 0, "", true}, &OauthSettings::client_id},
    Key<OauthSettings>{{"client_secret_file", text, "", "File whose first line is the client's secret", 0, 0, "", true},
                       &OauthSettings::client_secret_file},
    Key<OauthSettings>{{"scope", text, "", "Asked for"}, &OauthSettings::scope},
    Key<OauthSettings>{{"ca", text, "", "PEM file with the certificates to trust; default: the system's"},
                       &OauthSettings::ca}};

constexpr std::array kStore{
    Key<StoreSettings>{{"path", text, "/var/lib/tributary/store.db", "The one file everything is kept in"},
                       &StoreSettings::path},
    Key<StoreSettings>{{"max_size", size, "2GiB", "Bound of this file", 16 * kMiB, kAny},
                       &StoreSettings::max_size_bytes},
    Key<StoreSettings>{{"min_free", size, "64MiB", "Left free on the file system, whatever `max_size` allows", 0, kAny},
                       &StoreSettings::min_free_bytes},
    Key<StoreSettings>{{"when_full", text, "thin",
                        "What a long outage costs, see [outages](outages.md): resolution, the oldest messages, or "
                        "nothing but the broker's patience",
                        0, 0, "thin|drop-oldest|block"},
                       &StoreSettings::when_full},
    Key<StoreSettings>{
        {"gather", duration, "500ms",
         "How long messages gather before one commit; longer spares flash, shorter acknowledges sooner", 0, kMinute},
        &StoreSettings::gather_ns},
    Key<StoreSettings>{{"adaptive_gather", boolean, "false",
                        "Follows the disk: twenty times what a commit takes, at least 50ms and at most `gather`; low "
                        "latency on a disk that is fast, more commits"},
                       &StoreSettings::adaptive_gather},
    Key<StoreSettings>{{"history", duration, "1h", "How long delivered messages stay for `replay`", 0, 3650 * kDay},
                       &StoreSettings::history_ns},
    Key<StoreSettings>{{"endurance", size, "0B",
                        "Bytes the device may be written in its life (TBW of its data sheet); given, `status` says how "
                        "long it will last, and health warns two years before the end",
                        0, kAny},
                       &StoreSettings::endurance_bytes},
    Key<StoreSettings>{{"block_messages", integer, "1000", "A commit holds at most so many messages", 1, 65535},
                       &StoreSettings::block_messages},
    Key<StoreSettings>{{"block_bytes", size, "256KiB", "... and so many bytes", 4 * kKiB, 16 * kMiB},
                       &StoreSettings::block_bytes}};

constexpr std::array kEvents{
    Key<EventSettings>{{"commands_topic", text, "",
                        "MQTT topic on which mutes and acknowledgements are taken; who may publish there is the "
                        "broker's to say; default: none are taken"},
                       &EventSettings::commands_topic},
    Key<EventSettings>{{"max_per_machine", integer, "1000",
                        "Events that may open for one machine in each `per`; the others are counted and one event "
                        "`flood` says so; 0 = no bound",
                        0, 1e9},
                       &EventSettings::max_per_machine},
    Key<EventSettings>{{"per", duration, "10min", "See `max_per_machine`", 1, kDay}, &EventSettings::per_ns},
    Key<EventSettings>{{"machine_levels", integer, "0",
                        "A machine is so many levels of the name of a series; 0 = all but the last", 0, 100},
                       &EventSettings::machine_levels},
    Key<EventSettings>{
        {"mute", table, "", "Maintenance by the clock, see `[[events.mute]]`", 0, 0, "", false, "list of tables"}, {}}};

constexpr std::array kMute{
    Key<MuteSettings>{{"series", text, "#", "MQTT topic filter over the names of series"}, &MuteSettings::series},
    Key<MuteSettings>{{"from", text, "", "Time of day at which it begins: `22:00`", 0, 0, "", true},
                      &MuteSettings::from},
    Key<MuteSettings>{
        {"to", text, "", "Time of day at which it ends; at or before `from`: on the day after", 0, 0, "", true},
        &MuteSettings::to},
    Key<MuteSettings>{{"days", texts, "", "Days on which it begins: mon, tue, wed, thu, fri, sat, sun; default: all"},
                      &MuteSettings::on},
    Key<MuteSettings>{{"zone", text, "UTC", "IANA time zone of these times: `Europe/Berlin`"}, &MuteSettings::zone}};

constexpr std::array kStream{
    Key<StreamSettings>{{"name", text, "", "Letters, digits, `-`, `_`, `.`; unique", 0, 0, "", true},
                        &StreamSettings::name},
    Key<StreamSettings>{
        {"topics", texts, "", "MQTT topic filters; a message goes to every stream that matches", 0, 0, "", true},
        &StreamSettings::topics},
    Key<StreamSettings>{{"series", text, "",
                         "Template of the series' name, `{1}` = first topic level; default: the topic; several values: "
                         "+ `/` + name"},
                        &StreamSettings::series},
    Key<StreamSettings>{{"labels", table, "", "Fixed texts that go with every record"}, {}},
    Key<StreamSettings>{{"format", text, "auto", "How payloads are read", 0, 0, "auto|json|scalar"},
                        &StreamSettings::format},
    Key<StreamSettings>{{"value", text, "/value", "JSON pointer to the value"}, {}},
    Key<StreamSettings>{{"values", table, "", "Several values of one message: name = JSON pointer"}, {}},
    Key<StreamSettings>{{"time", text, "", "JSON pointer to the time; default: time of arrival"},
                        &StreamSettings::time_pointer},
    Key<StreamSettings>{{"time_unit", special, "ms", "Unit of a time that is a number", 0, 0, "s|ms|us|ns"}, {}},
    Key<StreamSettings>{{"time_zone", text, "UTC",
                         "Zone of a time text that names none, like `Europe/Berlin`; an hour that comes twice: the one "
                         "nearer to arrival"},
                        &StreamSettings::time_zone},
    Key<StreamSettings>{{"unit", text, "", "Unit of the value, after scaling"}, &StreamSettings::unit},
    Key<StreamSettings>{{"scale", number, "1.0", "value = payload * scale + offset"}, &StreamSettings::scale},
    Key<StreamSettings>{{"offset", number, "0.0", "See scale"}, &StreamSettings::offset},
    Key<StreamSettings>{{"forward", special, "",
                         "What goes to Kafka: none, windows, events, reduced, all, raw; default: events, with windows "
                         "or reduced where there are any, else with all",
                         0, 0, "none|windows|events|reduced|all|raw", false, "text or list"},
                        {}},
    Key<StreamSettings>{{"window", table, "", "Windows in event time, see `[[stream.window]]`", 0, 0, "", false,
                         "table or list of tables"},
                        {}},
    Key<StreamSettings>{
        {"detect", table, "", "Anomaly detectors, see `[[stream.detect]]`", 0, 0, "", false, "list of tables"}, {}},
    Key<StreamSettings>{{"max_series", integer, "50000",
                         "Series this stream keeps; readings of one more are refused (dead, `series-limit`)", 1, 1e7},
                        &StreamSettings::max_series},
    Key<StreamSettings>{{"forget", duration, "7d",
                         "When there are too many, a series that was silent for so long gives its place to a new one; "
                         "0s = never",
                         0, 3650 * kDay},
                        &StreamSettings::forget_ns},
    Key<StreamSettings>{{"max_windows", integer, "500000",
                         "Windows kept at once; with one more the oldest of the series closes early", 100, 1e8},
                        &StreamSettings::max_windows},
    Key<StreamSettings>{
        {"max_reorder", integer, "100000",
         "Readings that wait for their order at once; with one more the oldest of the series goes on", 100, 1e8},
        &StreamSettings::max_reorder},
    Key<StreamSettings>{{"downsample", table, "", "Thinning out of the readings, see `[stream.downsample]`"}, {}},
    Key<StreamSettings>{{"context", table, "", "Raw readings around events, see `[stream.context]`"}, {}},
    Key<StreamSettings>{{"priority", special, "normal",
                         "When room is short the messages of low streams give way first, those of high ones last, see "
                         "[outages](outages.md)",
                         0, 0, "low|normal|high"},
                        {}},
    Key<StreamSettings>{{"quota", special, "",
                         "Share of the store's room (`20%`), or a size, beyond which messages of this stream that "
                         "Kafka has not give way before all others; default: no bound",
                         0, 0, "", false, "text"},
                        {}},
    Key<StreamSettings>{{"max_ahead", duration, "5min",
                         "A time stamp further ahead of arrival is replaced by the time of arrival", 0, 31 * kDay},
                        &StreamSettings::max_ahead_ns},
    Key<StreamSettings>{
        {"min_time", special, "2000-01-01T00:00:00Z", "So is a time stamp before this", 0, 0, "", false, "time"}, {}}};

constexpr std::array kWindow{
    Key<WindowSettings>{{"type", text, "tumbling",
                         "tumbling: one after the other; hopping: one every `slide`; session: until nothing came for "
                         "`gap`; count: every `count` readings",
                         0, 0, "tumbling|hopping|session|count|~calendar"},
                        &WindowSettings::type},
    Key<WindowSettings>{
        {"size", duration, "", "Length (tumbling, hopping); windows begin at multiples of it, see `zone` and `offset`",
         0.001, 31 * kDay},
        &WindowSettings::size_ns},
    Key<WindowSettings>{
        {"slide", duration, "", "Hopping: from one start to the next; divides the size", 0.001, 31 * kDay},
        &WindowSettings::slide_ns},
    Key<WindowSettings>{{"gap", duration, "", "Session: it ends so long after its last reading", 0.001, 7 * kDay},
                        &WindowSettings::gap_ns},
    Key<WindowSettings>{{"count", integer, "", "Count: readings a window", 1, 1e9}, &WindowSettings::count},
    Key<WindowSettings>{{"name", text, "", "Name in the records; default: the size as written"}, &WindowSettings::name},
    Key<WindowSettings>{{"lateness", duration, "0s", "How much disorder in time stamps is waited for", 0, 7 * kDay},
                        &WindowSettings::lateness_ns},
    Key<WindowSettings>{{"revise", duration, "0s",
                         "So long after the lateness a late reading revises its window (sent again, revision + 1); "
                         "tumbling and hopping",
                         0, 31 * kDay},
                        &WindowSettings::revise_ns},
    Key<WindowSettings>{{"zone", text, "", "Time zone by whose clocks windows begin: `Europe/Berlin`; default: UTC"},
                        &WindowSettings::zone},
    Key<WindowSettings>{
        {"offset", duration, "0s", "Windows begin so much later: 6h for shifts from 06:00", 0, 7 * kDay},
        &WindowSettings::offset_ns},
    Key<WindowSettings>{{"aggregates", texts, "",
                         "Figures besides the usual ones: time_weighted_mean, increase, rate, states, mode, quantiles "
                         "like p50 or p99.9"},
                        &WindowSettings::aggregates},
    Key<WindowSettings>{
        {"bins", integer, "128", "Memory of a quantile: with more bins a wider range keeps the error of 1 %", 16, 4096},
        &WindowSettings::bins},
    Key<WindowSettings>{
        {"idle", duration, "", "A silent series closes its windows after this; default: size or gap, at least 1min",
         0.001, 31 * kDay},
        &WindowSettings::idle_ns}};

constexpr std::array kDetect{
    Key<DetectSettings>{{"type", text, "", "Kind of detector: `tributary list detectors`", 0, 0, "", true},
                        &DetectSettings::type},
    Key<DetectSettings>{{"name", text, "", "Name in the events, unique in the stream; default: the type"},
                        &DetectSettings::name}};

constexpr std::array kDownsample{Key<DownsampleSettings>{
    {"type", text, "", "Method: `tributary list downsamplers`", 0, 0, "", true}, &DownsampleSettings::type}};

constexpr std::array kContext{
    Key<ContextSettings>{
        {"before", duration, "30s", "Raw readings from so long before an event begins go to Kafka", 0, 5 * kMinute},
        &ContextSettings::before_ns},
    Key<ContextSettings>{
        {"after", duration, "30s", "... until so long after it ended; of one event at most 10 minutes", 0, 5 * kMinute},
        &ContextSettings::after_ns}};

template <class T>
Table table_of(std::string_view header, std::span<const Key<T>> keys) {
    Table table{header, {}};
    for (const auto& key : keys) table.rows.push_back(key.row);
    return table;
}

}  // namespace

std::span<const Key<GatewaySettings>> gateway_keys() { return kGateway; }
std::span<const Key<MqttSettings>> mqtt_keys() { return kMqtt; }
std::span<const Key<TlsSettings>> tls_keys() { return kTls; }
std::span<const Key<KafkaSettings>> kafka_keys() { return kKafka; }
std::span<const Key<OauthSettings>> oauth_keys() { return kOauth; }
std::span<const Key<StoreSettings>> store_keys() { return kStore; }
std::span<const Key<EventSettings>> event_keys() { return kEvents; }
std::span<const Key<MuteSettings>> mute_keys() { return kMute; }
std::span<const Key<StreamSettings>> stream_keys() { return kStream; }
std::span<const Key<WindowSettings>> window_keys() { return kWindow; }
std::span<const Key<DetectSettings>> detect_keys() { return kDetect; }
std::span<const Key<DownsampleSettings>> downsample_keys() { return kDownsample; }
std::span<const Key<ContextSettings>> context_keys() { return kContext; }

std::vector<Table> all_tables() {
    return {table_of("[gateway]", gateway_keys()),        table_of("[mqtt]", mqtt_keys()),
            table_of("[mqtt.tls]", tls_keys()),           table_of("[kafka]", kafka_keys()),
            table_of("[kafka.oauth]", oauth_keys()),      table_of("[store]", store_keys()),
            table_of("[events]", event_keys()),           table_of("[[events.mute]]", mute_keys()),
            table_of("[[stream]]", stream_keys()),        table_of("[[stream.window]]", window_keys()),
            table_of("[[stream.detect]]", detect_keys()), table_of("[stream.downsample]", downsample_keys()),
            table_of("[stream.context]", context_keys())};
}

}  // namespace tributary::config
