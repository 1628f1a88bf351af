// SPDX-License-Identifier: Apache-2.0
#include "kafka/topics.hpp"

#include <algorithm>
#include <array>
#include <set>

#include "base/log.hpp"

namespace tributary::kafka {

namespace {

std::string partition_trouble(const rd_kafka_metadata_topic& topic) {
    int leaderless = 0, behind = 0, worst = 0, copies = 0;
    for (int i = 0; i < topic.partition_cnt; i++) {
        const auto& partition = topic.partitions[i];
        leaderless += partition.leader < 0 ? 1 : 0;
        if (partition.leader < 0 || partition.isr_cnt >= partition.replica_cnt) continue;
        if (behind++ == 0 || partition.isr_cnt < worst) worst = partition.isr_cnt, copies = partition.replica_cnt;
    }
    if (leaderless > 0)
        return base::format(
            "{} of {} partitions of \"{}\" have no leader: all brokers that hold them are down, or their "
            "disks have failed",
            leaderless, topic.partition_cnt, topic.topic);
    if (behind > 0)
        return base::format(
            "only {} of {} replicas of \"{}\" are in sync, in {} of {} partitions. If min.insync.replicas "
            "asks for more, nothing is taken until the other brokers are back",
            worst, copies, topic.topic, behind, topic.partition_cnt);
    return "";
}

}  // namespace

TopicCheck check_topics(rd_kafka_t* client, const std::vector<std::string>& names, int timeout_ms) {
    TopicCheck out;
    const struct rd_kafka_metadata* answer = nullptr;
    const auto error = rd_kafka_metadata(client, 1, nullptr, &answer, timeout_ms);
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
        out.error = rd_kafka_err2str(error);
        return out;
    }
    const Owned<const struct rd_kafka_metadata> metadata(answer);
    out.reached = true;
    out.brokers = metadata->broker_cnt;
    std::set<std::string, std::less<>> there;
    for (int i = 0; i < metadata->topic_cnt; i++)
        if (metadata->topics[i].err != RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART) there.insert(metadata->topics[i].topic);
    for (const auto& name : names)
        if (!there.contains(name)) out.missing.push_back(name);
    for (int i = 0; i < metadata->topic_cnt && out.partitions.empty(); i++)
        if (std::find(names.begin(), names.end(), metadata->topics[i].topic) != names.end())
            out.partitions = partition_trouble(metadata->topics[i]);
    return out;
}

void create_topics(rd_kafka_t* client, rd_kafka_queue_t* queue, const std::vector<std::string>& names,
                   const config::KafkaSettings& settings, bool validate_only) {
    std::array<char, 256> text{};
    std::vector<Owned<rd_kafka_NewTopic_t>> topics;
    std::vector<rd_kafka_NewTopic_t*> pointers;
    for (const auto& name : names) {
        topics.emplace_back(rd_kafka_NewTopic_new(name.c_str(), name.ends_with(".progress") ? 1 : settings.partitions,
                                                  settings.replication, text.data(), text.size()));
        if (!topics.back()) continue;
        // Of a gateway only its newest word counts.
        if (name.ends_with(".status")) rd_kafka_NewTopic_set_config(topics.back().get(), "cleanup.policy", "compact");
        pointers.push_back(topics.back().get());
    }
    const Owned<rd_kafka_AdminOptions_t> options(rd_kafka_AdminOptions_new(client, RD_KAFKA_ADMIN_OP_CREATETOPICS));
    rd_kafka_AdminOptions_set_request_timeout(options.get(), 10'000, text.data(), text.size());
    rd_kafka_AdminOptions_set_operation_timeout(options.get(), 5'000, text.data(), text.size());
    rd_kafka_AdminOptions_set_validate_only(options.get(), validate_only ? 1 : 0, text.data(), text.size());
    rd_kafka_CreateTopics(client, pointers.data(), pointers.size(), options.get(), queue);
}

Creation creation_result(rd_kafka_event_t* event) {
    Creation out;
    if (rd_kafka_event_error(event) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        out.failures.emplace_back("", rd_kafka_event_error_string(event));
        return out;
    }
    size_t count = 0;
    const auto* result = rd_kafka_event_CreateTopics_result(event);
    const auto** topics = rd_kafka_CreateTopics_result_topics(result, &count);
    for (size_t i = 0; i < count; i++) {
        const auto error = rd_kafka_topic_result_error(topics[i]);
        const char* name = rd_kafka_topic_result_name(topics[i]);
        if (error == RD_KAFKA_RESP_ERR_NO_ERROR || error == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS) {
            out.done.emplace_back(name);
            continue;
        }
        const char* detail = rd_kafka_topic_result_error_string(topics[i]);
        out.failures.emplace_back(name, detail != nullptr ? detail : rd_kafka_err2str(error));
    }
    return out;
}

std::string missing_topic_text(const std::string& topic, const config::KafkaSettings& settings,
                               const std::string& why) {
    return base::format(
        "Kafka topic \"{}\" is missing and {}; its records wait in the store. Make it: kafka-topics.sh --create "
        "--topic {} --partitions {}{}",
        topic, why, topic, settings.partitions,
        settings.create_topics ? ", or allow this user to create it" : ", or set create_topics = true");
}

}  // namespace tributary::kafka
