// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "base/log.hpp"
#include "kafka/mock_cluster.hpp"
#include "kafka/producer.hpp"
#include "kafka/replicator.hpp"
#include "kafka/topic_rules.hpp"
#include "kafka/topics.hpp"
#include "kafka/trouble.hpp"

namespace tributary::kafka {

namespace {

// The client's own words on why it cannot connect are in its error events; those that tell what to do count most.
std::string why_unreachable(Producer& client, const std::string& fallback) {
    std::string why = fallback;
    bool advised = false;
    while (const auto event = client.event(0)) {
        const auto error = rd_kafka_event_error(event.get());
        if (rd_kafka_event_type(event.get()) != RD_KAFKA_EVENT_ERROR || error == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN ||
            advised)
            continue;
        const auto advice = what_to_do(error, "");
        advised = !advice.empty();
        why = rd_kafka_event_error_string(event.get());
        if (advised) why += ": " + advice;
    }
    return why;
}

void say_what_is_missing(Producer& client, const std::vector<std::string>& missing,
                         const config::KafkaSettings& settings, int timeout_ms, std::vector<Finding>& out) {
    if (!settings.create_topics) {
        for (const auto& name : missing)
            out.push_back({false, missing_topic_text(name, settings, "create_topics is off")});
        return;
    }
    create_topics(client.handle(), client.queue(), missing, settings, true);
    while (const auto event = client.event(timeout_ms)) {
        if (rd_kafka_event_type(event.get()) != RD_KAFKA_EVENT_CREATETOPICS_RESULT) continue;
        const Creation result = creation_result(event.get());
        for (const auto& name : result.done)
            out.push_back({true, base::format("topic \"{}\" is missing; run will create it", name)});
        for (const auto& [name, why] : result.failures)
            out.push_back({false, missing_topic_text(name.empty() ? missing.front() : name, settings,
                                                     base::format("cannot be created ({})", why))});
        return;
    }
    out.push_back({false, "the brokers did not say in time whether the missing topics can be created"});
}

}  // namespace

std::vector<Finding> probe(const config::Settings& settings, int64_t timeout_ns, int64_t outage_ns) {
    if (settings.kafka.mock) return {{true, "brokers = \"mock\": an embedded cluster is started by run"}};
    auto handle = make_producer(settings, settings.kafka.brokers, Sending::batched);
    if (!handle) return {{false, handle.error().text()}};
    Producer client(std::move(*handle));
    const int timeout_ms = static_cast<int>(std::clamp<int64_t>(timeout_ns / base::kNsPerMs, 1, 600'000));
    auto topics = topics_of(settings);
    const TopicCheck check = check_topics(client.handle(), topics, timeout_ms);
    if (!check.reached)
        return {{false, base::format("no Kafka broker of \"{}\" answers: {}", settings.kafka.brokers,
                                     why_unreachable(client, check.error))}};
    std::vector<Finding> out{{true, base::format("Kafka: {} broker(s) answer", check.brokers)}};
    if (check.missing.empty())
        out.push_back({true, base::format("all topics of \"{}\" are there", settings.kafka.prefix)});
    else
        say_what_is_missing(client, check.missing, settings.kafka, timeout_ms, out);
    if (!check.partitions.empty()) out.push_back({true, check.partitions, true});
    std::erase_if(topics, [&](const auto& topic) {
        return std::find(check.missing.begin(), check.missing.end(), topic) != check.missing.end();
    });
    if (topics.empty()) return out;
    for (auto& finding : check_rules(client, topics, outage_ns, timeout_ms)) out.push_back(std::move(finding));
    return out;
}

}  // namespace tributary::kafka
