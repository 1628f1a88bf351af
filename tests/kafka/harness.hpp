// SPDX-License-Identifier: Apache-2.0
// What the kafka tests stand on: a mock cluster that can be broken, a feed made of numbers, a book that keeps what the
// replicator reports, a consumer that reads a topic back. Test threads only.
#pragma once

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include <chrono>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "kafka/replicator.hpp"

namespace tributary::kafka::test {

class Cluster {
  public:
    explicit Cluster(bool with_topics = true, int partitions = 3)
        : host_(rd_kafka_new(RD_KAFKA_PRODUCER, quiet(), nullptr, 0)), cluster_(rd_kafka_mock_cluster_new(host_, 1)) {
        if (!with_topics) return;
        for (const char* topic :
             {"t.readings", "t.windows", "t.events", "t.late", "t.dead", "t.readings.backfill", "t.progress"})
            rd_kafka_mock_topic_create(cluster_, topic, partitions, 1);
    }
    ~Cluster() { rd_kafka_mock_cluster_destroy(cluster_), rd_kafka_destroy(host_); }
    Cluster(const Cluster&) = delete;
    Cluster& operator=(const Cluster&) = delete;

    void down() { rd_kafka_mock_broker_set_down(cluster_, 1); }
    void up() { rd_kafka_mock_broker_set_up(cluster_, 1); }
    void fail_produce(std::vector<rd_kafka_resp_err_t> errors) {
        rd_kafka_mock_push_request_errors_array(cluster_, 0, errors.size(), errors.data());
    }
    void clear_errors() { rd_kafka_mock_clear_request_errors(cluster_, 0); }
    std::string brokers() const { return rd_kafka_mock_cluster_bootstraps(cluster_); }

  private:
    static rd_kafka_conf_t* quiet() {
        rd_kafka_conf_t* conf = rd_kafka_conf_new();
        rd_kafka_conf_set_log_cb(conf, nullptr);
        return conf;
    }
    rd_kafka_t* host_;
    rd_kafka_mock_cluster_t* cluster_;
};

struct Read {
    std::string key, value, id, gateway, time_mark;
    int64_t timestamp_ms = 0;
    int32_t partition = 0;
};

// Everything a topic of three partitions holds (or the mock cluster's `partitions`).
inline std::vector<Read> read_topic(const std::string& brokers, const std::string& topic, int partitions = 3) {
    rd_kafka_conf_t* conf = rd_kafka_conf_new();
    rd_kafka_conf_set(conf, "bootstrap.servers", brokers.c_str(), nullptr, 0);
    rd_kafka_conf_set(conf, "group.id", "reader", nullptr, 0);
    rd_kafka_conf_set(conf, "enable.partition.eof", "true", nullptr, 0);
    rd_kafka_conf_set(conf, "isolation.level", "read_uncommitted", nullptr, 0);
    rd_kafka_conf_set(conf, "enable.auto.commit", "false", nullptr, 0);
    rd_kafka_t* consumer = rd_kafka_new(RD_KAFKA_CONSUMER, conf, nullptr, 0);
    rd_kafka_poll_set_consumer(consumer);
    rd_kafka_topic_partition_list_t* list = rd_kafka_topic_partition_list_new(partitions);
    for (int p = 0; p < partitions; p++)
        rd_kafka_topic_partition_list_add(list, topic.c_str(), p)->offset = RD_KAFKA_OFFSET_BEGINNING;
    rd_kafka_assign(consumer, list);
    rd_kafka_topic_partition_list_destroy(list);
    std::vector<Read> out;
    for (int ends = 0, patience = 100; ends < partitions && patience > 0;) {
        rd_kafka_message_t* message = rd_kafka_consumer_poll(consumer, 100);
        if (message == nullptr) {
            patience--;
            continue;
        }
        if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) ends++;
        if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
            Read read;
            read.key.assign(static_cast<const char*>(message->key), message->key_len);
            read.value.assign(static_cast<const char*>(message->payload), message->len);
            read.timestamp_ms = rd_kafka_message_timestamp(message, nullptr);
            read.partition = message->partition;
            rd_kafka_headers_t* headers = nullptr;
            rd_kafka_message_headers(message, &headers);
            const auto header = [&](const char* name) {
                const void* value = nullptr;
                size_t size = 0;
                if (headers == nullptr || rd_kafka_header_get_last(headers, name, &value, &size) != 0)
                    return std::string();
                return std::string(static_cast<const char*>(value), size);
            };
            read.id = header("tb-id"), read.gateway = header("tb-gw"), read.time_mark = header("tb-time");
            out.push_back(std::move(read));
        }
        rd_kafka_message_destroy(message);
    }
    rd_kafka_consumer_close(consumer);
    rd_kafka_destroy(consumer);
    return out;
}

// Source records first..last of one log; seq s gives `per_seq(s)` Kafka records with key "k<s % keys>", value =
// "<s>.<n>".
class NumberFeed final : public Feed {
  public:
    NumberFeed(model::Log log, std::string topic, uint64_t last) : log_(log), last_(last) {
        record_.topic = std::move(topic);
    }
    model::Log log() const override { return log_; }
    uint64_t cursor() const override { return 1; }
    void seek(uint64_t seq) override { seq_ = seq, n_ = 0, seeks_++; }
    void grow(uint64_t by) { last_ += by; }  // not while next() runs
    void linked() override { links++; }
    bool backfill() const override { return apart; }
    bool next(Item& item) override {
        if (seq_ > last_) return false;
        const uint32_t several = per_seq(seq_);
        item.seq = seq_, item.n = n_, item.last = n_ + 1 >= several, item.nothing = several == 0;
        item.accounts = accounts;
        const std::string text = std::to_string(seq_) + "." + std::to_string(n_);
        record_.key = "k" + std::to_string(seq_ % keys);
        record_.id = "feed/" + text;
        record_.timestamp_ms = stamp_ms(seq_);
        record_.value = value(seq_, text);
        item.record = &record_;
        if (zero_copy) {
            auto bytes = std::make_shared<std::string>(record_.value);
            item.value = *bytes;
            item.keep = std::move(bytes);
        }
        taken++;
        if (item.last || item.nothing)
            seq_++, n_ = 0;
        else
            n_++;
        return true;
    }

    std::function<uint32_t(uint64_t)> per_seq = [](uint64_t) { return 1; };
    std::function<int64_t(uint64_t)> stamp_ms = [](uint64_t seq) {
        return 1'760'000'000'000 + static_cast<int64_t>(seq);
    };
    std::function<std::string(uint64_t, const std::string&)> value = [](uint64_t, const std::string& text) {
        return text;
    };
    uint64_t keys = 7, taken = 0;
    bool zero_copy = false, apart = false;
    int links = 0;
    const Accounts* accounts = nullptr;

  private:
    const model::Log log_;
    uint64_t last_;
    uint64_t seq_ = 1, seeks_ = 0;
    uint32_t n_ = 0;
    record::KafkaRecord record_;
};

struct Book final : Progress {
    void advanced(model::Log log, uint64_t cursor, model::Ledger&& delta) override {
        backwards |= cursor < cursors[log];
        cursors[log] = cursor;
        ledger.add(delta);
        if (on_advance) on_advance(log, cursor);
    }
    void refused(model::RefusedRecord&& record) override { refusals.push_back(std::move(record)); }

    std::map<model::Log, uint64_t> cursors;
    model::Ledger ledger;
    std::vector<model::RefusedRecord> refusals;
    std::function<void(model::Log, uint64_t)> on_advance;
    bool backwards = false;
};

using Properties = std::map<std::string, std::string>;

// Where the mock cluster refuses a request: it would take the next one all the same, which a broker would not, because
// a sequence number is missing.
inline const Properties kOneRequest{{"max.in.flight", "1"}};

inline config::Settings settings_for(const std::string& brokers, const Properties& properties = {}) {
    config::Settings settings;
    settings.gateway.id = "gw";
    settings.kafka.brokers = brokers;
    settings.kafka.prefix = "t";
    settings.kafka.properties = properties;
    settings.kafka.properties.emplace("linger.ms", "5");
    return settings;
}

// Steps until `done` or the time is up (a generous bound for a loaded machine, not a promise about speed).
inline bool run_until(Replicator& replicator, const std::function<bool()>& done, int seconds = 60) {
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(seconds);
    while (!done()) {
        if (std::chrono::steady_clock::now() > until) return false;
        replicator.step(100 * base::kNsPerMs);
    }
    return true;
}

// Values of NumberFeed, key by key, for a reader that passes over an id it has had: the numbers never go down. The mock
// cluster takes from an idempotent producer what a broker would know by its sequence number (librdkafka looks at those
// of transactions only): a request whose answer is lost stands there twice.
struct Order {
    bool kept = true;
    size_t duplicates = 0;
};
inline Order check_order(const std::vector<Read>& records) {
    Order out;
    std::set<std::string> ids;
    std::map<std::string, double> newest;
    for (const auto& record : records) {
        if (!ids.insert(record.id).second) {
            out.duplicates++;
            continue;
        }
        const double number = std::stod(record.value);
        const auto [at, fresh] = newest.emplace(record.key, number);
        if (!fresh && number <= at->second) out.kept = false;
        at->second = number;
    }
    return out;
}

}  // namespace tributary::kafka::test
