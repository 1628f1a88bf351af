// SPDX-License-Identifier: Apache-2.0
#include "kafka/tail.hpp"

#include <algorithm>
#include <array>
#include <map>

#include "base/log.hpp"
#include "kafka/client.hpp"
#include "kafka/mock_cluster.hpp"
#include "kafka/topics.hpp"

namespace tributary::kafka {
namespace {

constexpr int kAskMs = 10'000, kPollMs = 300;

struct Partition {
    int64_t end = 0;  // where it ended at the start
    bool done = false;
};

class Reading {
  public:
    explicit Reading(Owned<rd_kafka_t> consumer)
        : consumer_(std::move(consumer)), queue_(rd_kafka_queue_new(consumer_.get())) {}
    ~Reading() {
        for (const auto& [where, partition] : partitions_)
            rd_kafka_consume_stop(topics_[where.first].get(), where.second);
    }

    base::Result<> begin(const config::Settings& settings, const TailOptions& options);
    base::Result<> run(const TailOptions& options, const std::function<bool(const TailRecord&)>& take,
                       const std::atomic<bool>& stop);

  private:
    base::Result<> begin(const std::string& topic, int32_t partition, const TailOptions& options);
    bool all_done() const {
        return std::all_of(partitions_.begin(), partitions_.end(), [](const auto& one) { return one.second.done; });
    }

    Owned<rd_kafka_t> consumer_;
    Owned<rd_kafka_queue_t> queue_;
    std::map<std::string, Owned<rd_kafka_topic_t>> topics_;
    std::map<std::pair<std::string, int32_t>, Partition> partitions_;
};

base::Error no_answer(rd_kafka_resp_err_t error, const config::Settings& settings) {
    return {"TRB-KAFKA-004",
            base::format("no Kafka broker of \"{}\" answers: {}", settings.kafka.brokers, rd_kafka_err2str(error))};
}

base::Result<> Reading::begin(const config::Settings& settings, const TailOptions& options) {
    const struct rd_kafka_metadata* raw = nullptr;
    if (const auto error = rd_kafka_metadata(consumer_.get(), 1, nullptr, &raw, kAskMs);
        error != RD_KAFKA_RESP_ERR_NO_ERROR)
        return no_answer(error, settings);
    const Owned<const struct rd_kafka_metadata> metadata(raw);
    for (const auto& wanted : options.topics)
        if (std::none_of(metadata->topics, metadata->topics + metadata->topic_cnt,
                         [&](const auto& one) { return wanted == one.topic; }))
            return base::Error{"TRB-KAFKA-005",
                               base::format("this cluster has no topic \"{}\", or does not show it", wanted)};
    const std::string prefix = settings.kafka.prefix + ".";
    for (int i = 0; i < metadata->topic_cnt; i++) {
        const auto& one = metadata->topics[i];
        const std::string name = one.topic;
        const bool wanted = options.topics.empty()
                                ? name.starts_with(prefix) && name != prefix + "progress"
                                : std::find(options.topics.begin(), options.topics.end(), name) != options.topics.end();
        for (int p = 0; wanted && p < one.partition_cnt; p++)
            if (auto begun = begin(name, one.partitions[p].id, options); !begun) return begun;
    }
    if (partitions_.empty())
        return base::Error{"TRB-KAFKA-005",
                           base::format("there is no topic that begins with \"{}\" yet", settings.kafka.prefix)};
    return {};
}

base::Result<> Reading::begin(const std::string& topic, int32_t partition, const TailOptions& options) {
    auto& handle = topics_[topic];
    if (!handle) handle.reset(rd_kafka_topic_new(consumer_.get(), topic.c_str(), nullptr));
    int64_t low = 0, high = 0;
    if (const auto error =
            rd_kafka_query_watermark_offsets(consumer_.get(), topic.c_str(), partition, &low, &high, kAskMs);
        error != RD_KAFKA_RESP_ERR_NO_ERROR)
        return base::Error{"TRB-KAFKA-006",
                           base::format("{} [{}] cannot be read: {}", topic, partition, rd_kafka_err2str(error))};
    int64_t from = high;
    if (options.since_ms) {
        const auto list = one_partition(topic, partition);
        list->elems[0].offset = *options.since_ms;
        const auto error = rd_kafka_offsets_for_times(consumer_.get(), list.get(), kAskMs);
        const int64_t found = list->elems[0].offset;
        if (error != RD_KAFKA_RESP_ERR_NO_ERROR)
            return base::Error{"TRB-KAFKA-006", base::format("{} [{}] cannot be searched by time: {}", topic, partition,
                                                             rd_kafka_err2str(error))};
        from = found < 0 ? high : found;
    } else if (options.last) {
        from = std::max(low, high - *options.last);
    }
    partitions_[{topic, partition}] = {high, !options.follow && from >= high};
    if (rd_kafka_consume_start_queue(handle.get(), partition, from, queue_.get()) != 0)
        return base::Error{"TRB-KAFKA-006", base::format("{} [{}] cannot be read: {}", topic, partition,
                                                         rd_kafka_err2str(rd_kafka_last_error()))};
    return {};
}

base::Result<> Reading::run(const TailOptions& options, const std::function<bool(const TailRecord&)>& take,
                            const std::atomic<bool>& stop) {
    TailRecord record;
    while (!stop && (options.follow || !all_done())) {
        const Owned<rd_kafka_message_t> message(rd_kafka_consume_queue(queue_.get(), kPollMs));
        rd_kafka_poll(consumer_.get(), 0);
        if (!message || message->rkt == nullptr) continue;
        auto& partition = partitions_[{rd_kafka_topic_name(message->rkt), message->partition}];
        if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
            partition.done = true;
            continue;
        }
        if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR)
            return base::Error{"TRB-KAFKA-006",
                               base::format("{} [{}]: {}", rd_kafka_topic_name(message->rkt), message->partition,
                                            rd_kafka_message_errstr(message.get()))};
        if (!options.follow && message->offset >= partition.end) {
            partition.done = true;
            continue;
        }
        record.topic = rd_kafka_topic_name(message->rkt);
        record.key = {static_cast<const char*>(message->key), message->key_len};
        record.value = {static_cast<const char*>(message->payload), message->len};
        record.tombstone = message->payload == nullptr;
        record.partition = message->partition, record.offset = message->offset;
        record.timestamp_ms = rd_kafka_message_timestamp(message.get(), nullptr);
        record.headers.clear();
        rd_kafka_headers_t* headers = nullptr;
        if (rd_kafka_message_headers(message.get(), &headers) == RD_KAFKA_RESP_ERR_NO_ERROR) {
            const char* name = nullptr;
            const void* value = nullptr;
            size_t size = 0;
            for (size_t i = 0; rd_kafka_header_get_all(headers, i, &name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR;
                 i++)
                record.headers.emplace_back(name, std::string_view(static_cast<const char*>(value), size));
        }
        if (!take(record)) break;
    }
    return {};
}

}  // namespace

std::string_view TailRecord::header(std::string_view name) const {
    for (const auto& [have, what] : headers)
        if (have == name) return what;
    return {};
}

base::Result<> tail(const config::Settings& settings, const TailOptions& options,
                    const std::function<bool(const TailRecord&)>& take, const std::atomic<bool>& stop) {
    if (auto other = beside_the_gateway(settings.kafka); !other) return other;
    auto consumer = make_consumer(settings, settings.kafka.brokers, "");
    if (!consumer) return consumer.error();
    Reading reading(std::move(*consumer));
    if (auto begun = reading.begin(settings, options); !begun) return begun;
    return reading.run(options, take, stop);
}

}  // namespace tributary::kafka
