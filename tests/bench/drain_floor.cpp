// SPDX-License-Identifier: Apache-2.0
// The floor of a drain: reads a topic into memory, then sends the same records (key, value, headers, stamp) to another
// one with a bare librdkafka producer set like the gateway's. Prints one JSON line about the sending alone.
//   drain_floor BROKERS FROM TO COUNT
#include <librdkafka/rdkafka.h>
#include <sys/resource.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

namespace {

struct Record {
    std::string key, value;
    std::vector<std::pair<std::string, std::string>> headers;
    int64_t stamp_ms = 0;
};

double cpu_seconds() {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    const auto seconds = [](const timeval& t) {
        return static_cast<double>(t.tv_sec) + 1e-6 * static_cast<double>(t.tv_usec);
    };
    return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

void set(rd_kafka_conf_t* conf, const char* name, const char* value) {
    char text[256];
    if (rd_kafka_conf_set(conf, name, value, text, sizeof text) != RD_KAFKA_CONF_OK) {
        std::fprintf(stderr, "drain_floor: %s\n", text);
        std::exit(2);
    }
}

std::vector<Record> read_all(const char* brokers, const char* topic, size_t count) {
    rd_kafka_conf_t* conf = rd_kafka_conf_new();
    set(conf, "bootstrap.servers", brokers);
    set(conf, "group.id", "drain_floor");
    set(conf, "auto.offset.reset", "earliest");
    rd_kafka_t* consumer = rd_kafka_new(RD_KAFKA_CONSUMER, conf, nullptr, 0);
    rd_kafka_poll_set_consumer(consumer);
    auto* list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, topic, RD_KAFKA_PARTITION_UA);
    rd_kafka_subscribe(consumer, list);
    std::vector<Record> out;
    out.reserve(count);
    for (int idle = 0; out.size() < count && idle < 300;) {
        rd_kafka_message_t* message = rd_kafka_consumer_poll(consumer, 100);
        if (message == nullptr || message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
            idle++;
            if (message != nullptr) rd_kafka_message_destroy(message);
            continue;
        }
        idle = 0;
        Record record;
        record.key.assign(static_cast<const char*>(message->key), message->key_len);
        record.value.assign(static_cast<const char*>(message->payload), message->len);
        record.stamp_ms = rd_kafka_message_timestamp(message, nullptr);
        rd_kafka_headers_t* headers = nullptr;
        const char* name = nullptr;
        const void* value = nullptr;
        size_t size = 0;
        if (rd_kafka_message_headers(message, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR)
            for (size_t i = 0; rd_kafka_header_get_all(headers, i, &name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR;
                 i++)
                record.headers.emplace_back(name, std::string(static_cast<const char*>(value), size));
        out.push_back(std::move(record));
        rd_kafka_message_destroy(message);
    }
    rd_kafka_consumer_close(consumer);
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_destroy(consumer);
    return out;
}

size_t g_delivered = 0;

}  // namespace

int main(int argc, char** argv) {
    if (argc != 5) return 2;
    const auto count = static_cast<size_t>(std::atoll(argv[4]));
    const auto records = read_all(argv[1], argv[2], count);
    if (records.size() < count) {
        std::fprintf(stderr, "drain_floor: only %zu of %zu records in %s\n", records.size(), count, argv[2]);
        return 1;
    }
    rd_kafka_conf_t* conf = rd_kafka_conf_new();
    set(conf, "bootstrap.servers", argv[1]);
    set(conf, "acks", "all");
    set(conf, "enable.idempotence", "true");
    set(conf, "enable.gapless.guarantee", "true");
    set(conf, "message.timeout.ms", "0");
    set(conf, "queue.buffering.max.messages", "20000");
    set(conf, "queue.buffering.max.kbytes", "16384");
    set(conf, "linger.ms", "100");
    set(conf, "batch.num.messages", "500");
    set(conf, "partitioner", "murmur2_random");
    rd_kafka_conf_set_dr_msg_cb(conf, [](rd_kafka_t*, const rd_kafka_message_t* message, void*) {
        g_delivered += message->err == RD_KAFKA_RESP_ERR_NO_ERROR ? 1 : 0;
    });
    rd_kafka_t* producer = rd_kafka_new(RD_KAFKA_PRODUCER, conf, nullptr, 0);
    rd_kafka_topic_t* topic = rd_kafka_topic_new(producer, argv[3], nullptr);
    const double cpu = cpu_seconds();
    const auto began = std::chrono::steady_clock::now();
    for (const auto& record : records) {
        while (true) {
            rd_kafka_headers_t* headers = rd_kafka_headers_new(record.headers.size());
            for (const auto& [name, value] : record.headers)
                rd_kafka_header_add(headers, name.data(), static_cast<ssize_t>(name.size()), value.data(),
                                    static_cast<ssize_t>(value.size()));
            const auto error = rd_kafka_producev(
                producer, RD_KAFKA_V_RKT(topic), RD_KAFKA_V_KEY(record.key.data(), record.key.size()),
                RD_KAFKA_V_VALUE(const_cast<char*>(record.value.data()), record.value.size()), RD_KAFKA_V_MSGFLAGS(0),
                RD_KAFKA_V_TIMESTAMP(record.stamp_ms), RD_KAFKA_V_HEADERS(headers), RD_KAFKA_V_END);
            if (error == RD_KAFKA_RESP_ERR_NO_ERROR) break;
            rd_kafka_headers_destroy(headers);
            rd_kafka_poll(producer, 10);
        }
        rd_kafka_poll(producer, 0);
    }
    rd_kafka_flush(producer, 300'000);
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
    std::printf("{\"records\": %zu, \"seconds\": %.3f, \"cpu_us\": %.3f}\n", g_delivered, took.count(),
                (cpu_seconds() - cpu) / static_cast<double>(count) * 1e6);
    rd_kafka_topic_destroy(topic);
    rd_kafka_destroy(producer);
    return g_delivered == count ? 0 : 1;
}
