// SPDX-License-Identifier: Apache-2.0
#include "kafka/client.hpp"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "base/files.hpp"
#include "base/log.hpp"
#include "kafka/oauth.hpp"
#include "kafka/replicator.hpp"
#include "kafka/transactions.hpp"
#include "record/routing.hpp"

namespace tributary::kafka {

namespace {

using base::Error;

// Properties we own: name, the values that are allowed all the same ("" = none), and why.
struct Reserved {
    std::string_view name, allowed, also_allowed, why;
};
constexpr std::array kReserved{
    Reserved{"enable.idempotence", "true", "true", "order and freedom from duplicates rest on it"},
    Reserved{"enable.gapless.guarantee", "true", "true", "the order of the records rests on it"},
    Reserved{"acks", "all", "-1", "a record that only the leader has can be lost"},
    Reserved{"request.required.acks", "all", "-1", "a record that only the leader has can be lost"},
    Reserved{"transactional.id", "", "", "the gateway decides itself about transactions: see delivery"},
    Reserved{"message.timeout.ms", "0", "0", "a record that times out would leave a gap"},
    Reserved{"delivery.timeout.ms", "0", "0", "a record that times out would leave a gap"},
    Reserved{"bootstrap.servers", "", "", "write it as brokers in [kafka]"},
    Reserved{"metadata.broker.list", "", "", "write it as brokers in [kafka]"},
    Reserved{"delivery.report.only.error", "false", "false", "cursors move by delivery reports"},
    Reserved{"enabled_events", "", "", "the gateway chooses the events it reads"},
    Reserved{"log.queue", "true", "true", "the gateway reads the client's log there"},
    Reserved{"statistics.interval.ms", "", "", "the gateway reads them for status and metrics"},
    Reserved{"test.mock.num.brokers", "", "", "write brokers = \"mock\" in [kafka]"},
};

base::Result<> check_property(const std::string& name, const std::string& value) {
    for (const auto& reserved : kReserved)
        if (name == reserved.name &&
            (reserved.allowed.empty() || (value != reserved.allowed && value != reserved.also_allowed)))
            return Error{"TRB-KAFKA-001", base::format("kafka.properties: \"{}\" cannot be set{}: {}", name,
                                                       reserved.allowed.empty() ? "" : " to this value", reserved.why)};
    return {};
}

// The value is never shown: it may be a password.
base::Result<> set(rd_kafka_conf_t* conf, const std::string& name, const std::string& value) {
    std::array<char, 512> text{};
    if (rd_kafka_conf_set(conf, name.c_str(), value.c_str(), text.data(), text.size()) == RD_KAFKA_CONF_OK) return {};
    return Error{"TRB-KAFKA-002", base::format("kafka.properties: librdkafka does not take \"{}\": {}", name,
                                               std::string_view(text.data()).find(value) == std::string_view::npos
                                                   ? text.data()
                                                   : "the value is not allowed")};
}

using Properties = std::vector<std::pair<std::string, std::string>>;

base::Result<Owned<rd_kafka_conf_t>> conf_of(const Properties& values) {
    Owned<rd_kafka_conf_t> conf(rd_kafka_conf_new());
    // Known since 2.5.0: no uplink use that nobody asked for.
    rd_kafka_conf_set(conf.get(), "enable.metrics.push", "false", nullptr, 0);
    for (const auto& [name, value] : values)
        if (auto done = set(conf.get(), name, value); !done) return done.error();
    return conf;
}

// settings: of whom it logs in as; null: nobody.
base::Result<Owned<rd_kafka_t>> make_client(rd_kafka_type_t type, const char* what, Owned<rd_kafka_conf_t> conf,
                                            const config::Settings* settings) {
    const bool tokens = settings != nullptr && !settings->kafka.oauth.token_url.empty();
    if (tokens) use_oauth(conf.get(), *settings);
    std::array<char, 512> text{};
    Owned<rd_kafka_t> client(rd_kafka_new(type, conf.get(), text.data(), text.size()));
    if (!client) return Error{"TRB-KAFKA-003", base::format("the Kafka {} cannot be made: {}", what, text.data())};
    static_cast<void>(conf.release());  // the client owns it now
    if (tokens)
        if (auto begun = begin_oauth(client.get()); !begun) return begun.error();
    return client;
}

// user name and password, or tokens.
base::Result<> add_login(const config::KafkaSettings& kafka, Properties& values) {
    if (!kafka.oauth.token_url.empty()) values.emplace_back("sasl.mechanisms", "OAUTHBEARER");
    if (!kafka.username.empty()) values.emplace_back("sasl.username", kafka.username);
    if (kafka.password_file.empty()) return {};
    auto secret = base::read_secret(kafka.password_file);
    if (!secret) return secret.error();
    values.emplace_back("sasl.password", std::move(*secret));
    return {};
}

// The best that this librdkafka was built with.
const char* compression() {
    const Owned<rd_kafka_conf_t> trial(rd_kafka_conf_new());
    const bool zstd = rd_kafka_conf_set(trial.get(), "compression.codec", "zstd", nullptr, 0) == RD_KAFKA_CONF_OK;
    return zstd ? "zstd" : "gzip";
}

void add_link(const config::KafkaSettings& kafka, Properties& values) {
    // A backlog fills the window, and no partition has more of it than a part: a batch has to be full before that, or
    // each would wait for its linger time.
    if (kafka.link == "lan") {
        values.emplace_back("batch.num.messages", "500");
        return;
    }
    values.emplace_back("compression.codec", compression());
    values.emplace_back("linger.ms", kafka.metered() ? "1000" : "500");
    if (kafka.metered()) values.emplace_back("topic.metadata.refresh.interval.ms", "900000");
}

// Whoever set them meant the producer; a consumer would complain about each.
bool of_producers_only(const std::string& name) {
    static constexpr std::array kNames{"linger.ms",
                                       "batch.",
                                       "compression.",
                                       "queue.buffering.",
                                       "message.timeout.ms",
                                       "delivery.timeout",
                                       "acks",
                                       "request.required.acks",
                                       "enable.idempotence",
                                       "enable.gapless",
                                       "transaction.",
                                       "partitioner",
                                       "sticky.partitioning",
                                       "retries",
                                       "message.send.max.retries",
                                       "debug"};
    return std::any_of(kNames.begin(), kNames.end(), [&](const char* prefix) { return name.starts_with(prefix); });
}

}  // namespace

base::Result<Owned<rd_kafka_conf_t>> producer_conf(const config::Settings& settings, const std::string& brokers,
                                                   Sending sending) {
    Properties values{
        {"bootstrap.servers", brokers},
        {"client.id", "tributary-" + settings.gateway.id},
        {"acks", "all"},
        {"enable.idempotence", "true"},
        {"message.timeout.ms", "0"},
        {"queue.buffering.max.messages", "20000"},
        {"queue.buffering.max.kbytes", "16384"},
        {"linger.ms", "100"},
        {"reconnect.backoff.ms", "500"},
        {"reconnect.backoff.max.ms", "5000"},  // after a long outage the first record leaves within seconds
        {"socket.keepalive.enable", "true"},
        {"partitioner", "murmur2_random"},  // the Java client's: a key finds the same partition from everywhere
        {"log.queue", "true"},
        {"statistics.interval.ms", "15000"},  // bytes on the wire, and whether the brokers slow us down
    };
    add_link(settings.kafka, values);
    if (auto login = add_login(settings.kafka, values); !login) return login.error();
    for (const auto& [name, value] : settings.kafka.properties) {
        if (auto allowed = check_property(name, value); !allowed) return allowed.error();
        // librdkafka knows two names for one knob; the later call wins.
        values.emplace_back(name, value);
    }
    const bool singly = sending == Sending::singly, exact = settings.kafka.exactly_once();
    if (exact) {
        const auto given = settings.kafka.properties.find("transaction.timeout.ms");
        const std::string limit = given != settings.kafka.properties.end() ? given->second : "60000";
        values.emplace_back("transactional.id", transactional_id(settings));
        values.emplace_back("transaction.timeout.ms", limit);
        values.emplace_back("message.timeout.ms", limit);  // more is not allowed; what times out is sent again
    }
    // In batches, whatever goes wrong with one must stop everything behind it (a fatal error, a new producer), or later
    // records would overtake it. Singly, records that must keep their order are never in flight together.
    values.emplace_back("enable.gapless.guarantee", singly || exact ? "false" : "true");
    if (singly) {
        values.emplace_back("linger.ms", "0");
        values.emplace_back("batch.num.messages", "1");
    }
    auto conf = conf_of(values);
    if (!conf) return conf;
    rd_kafka_conf_set_events(conf->get(),
                             RD_KAFKA_EVENT_DR | RD_KAFKA_EVENT_ERROR | RD_KAFKA_EVENT_LOG | RD_KAFKA_EVENT_STATS);
    return conf;
}

base::Result<Owned<rd_kafka_t>> make_producer(Owned<rd_kafka_conf_t> conf, const config::Settings* settings) {
    auto producer = make_client(RD_KAFKA_PRODUCER, "producer", std::move(conf), settings);
    if (producer) rd_kafka_set_log_queue(producer->get(), nullptr);
    return producer;
}

base::Result<Owned<rd_kafka_t>> make_producer(const config::Settings& settings, const std::string& brokers,
                                              Sending sending) {
    auto conf = producer_conf(settings, brokers, sending);
    if (!conf) return conf.error();
    return make_producer(std::move(*conf), &settings);
}

base::Result<Owned<rd_kafka_t>> make_consumer(const config::Settings& settings, const std::string& brokers,
                                              const std::string& group) {
    Properties values{{"bootstrap.servers", brokers},        {"client.id", "tributary-" + settings.gateway.id},
                      {"isolation.level", "read_committed"}, {"enable.auto.commit", "false"},
                      {"enable.partition.eof", "true"},      {"log_level", "2"}};
    if (!group.empty()) values.emplace_back("group.id", group);
    for (const auto& [name, value] : settings.kafka.properties)
        if (!of_producers_only(name)) values.emplace_back(name, value);
    if (auto login = add_login(settings.kafka, values); !login) return login.error();
    auto conf = conf_of(values);
    if (!conf) return conf.error();
    return make_client(RD_KAFKA_CONSUMER, "consumer", std::move(*conf), &settings);
}

Owned<rd_kafka_topic_partition_list_t> one_partition(const std::string& topic, int32_t partition) {
    Owned<rd_kafka_topic_partition_list_t> list(rd_kafka_topic_partition_list_new(1));
    rd_kafka_topic_partition_list_add(list.get(), topic.c_str(), partition);
    return list;
}

std::vector<std::string> topics_of(const config::Settings& settings) {
    std::vector<std::string> names;
    const auto add = [&](std::string name) {
        if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(std::move(name));
    };
    using model::Log;
    for (const auto log : {Log::intake, Log::reduced, Log::context, Log::windows, Log::thinned, Log::events, Log::late,
                           Log::dead, Log::gaps, Log::status})
        for (const auto& topic : record::Routing::topics(settings, log)) {
            add(topic);
            const bool apart = log == Log::intake || log == Log::reduced || log == Log::windows || log == Log::thinned;
            if (settings.kafka.live_first() && apart) add(topic + std::string(kBackfill));
        }
    if (settings.kafka.exactly_once()) add(progress_topic(settings.kafka));
    return names;
}

}  // namespace tributary::kafka
