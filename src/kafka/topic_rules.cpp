// SPDX-License-Identifier: Apache-2.0
#include "kafka/topic_rules.hpp"

#include <array>
#include <charconv>
#include <optional>

#include "base/log.hpp"
#include "base/units.hpp"

namespace tributary::kafka {
namespace {

std::optional<int64_t> number(const TopicConfig& config, const char* name) {
    const auto found = config.find(name);
    int64_t value = 0;
    if (found == config.end()) return std::nullopt;
    const auto& text = found->second;
    const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), value);
    return fault == std::errc() && end == text.data() + text.size() ? std::optional(value) : std::nullopt;
}

std::string text(const TopicConfig& config, const char* name) {
    const auto found = config.find(name);
    return found == config.end() ? "" : found->second;
}

std::string days(int64_t ms) { return base::format_duration(ms * base::kNsPerMs); }

}  // namespace

std::vector<Finding> judge_topic(const std::string& topic, const TopicConfig& config, int64_t outage_ns) {
    std::vector<Finding> out;
    const int64_t outage_ms = outage_ns / base::kNsPerMs;
    const auto warn = [&](const std::string& what, const std::string& remedy) {
        out.push_back({true,
                       base::format("topic \"{}\": {}. kafka-configs.sh --alter --entity-type topics --entity-name {} "
                                    "--add-config {}",
                                    topic, what, topic, remedy),
                       true});
    };
    const bool status = topic.ends_with(".status"), progress = topic.ends_with(".progress");
    if (progress) return out;  // nothing is written to it
    const auto policy = text(config, "cleanup.policy");
    if (!status && policy.find("compact") != std::string::npos)
        warn("it is compacted: of each key only the newest record stays", "cleanup.policy=delete");
    if (status && !policy.empty() && policy.find("compact") == std::string::npos)
        warn("it is not compacted, so a gateway's last word is deleted some day", "cleanup.policy=compact");
    const auto retention = number(config, "retention.ms");
    if (!status && retention && *retention >= 0 && *retention < outage_ms)
        warn(base::format(
                 "it keeps records for {}, counted from their own time: what comes after an outage of {} would be "
                 "deleted as it arrives",
                 days(*retention), days(outage_ms)),
             base::format("retention.ms={}", outage_ms * 2));
    for (const auto* name : {"message.timestamp.before.max.ms", "message.timestamp.difference.max.ms"})
        if (const auto limit = number(config, name); !status && limit && *limit < outage_ms) {
            warn(base::format("it refuses records older than {}, and an outage can make them {} old", days(*limit),
                              days(outage_ms)),
                 base::format("{}={}", name, outage_ms * 2));
            break;
        }
    if (text(config, "message.timestamp.type") == "LogAppendTime")
        warn("Kafka puts its own time on the records: consumers see when they came, not when they were measured",
             "message.timestamp.type=CreateTime");
    return out;
}

std::vector<Finding> check_rules(Producer& client, const std::vector<std::string>& topics, int64_t outage_ns,
                                 int timeout_ms) {
    std::vector<Owned<rd_kafka_ConfigResource_t>> owned;
    std::vector<rd_kafka_ConfigResource_t*> asked;
    for (const auto& topic : topics) {
        owned.emplace_back(rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic.c_str()));
        asked.push_back(owned.back().get());
    }
    std::array<char, 256> fault{};
    const Owned<rd_kafka_AdminOptions_t> options(
        rd_kafka_AdminOptions_new(client.handle(), RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS));
    rd_kafka_AdminOptions_set_request_timeout(options.get(), timeout_ms, fault.data(), fault.size());
    rd_kafka_DescribeConfigs(client.handle(), asked.data(), asked.size(), options.get(), client.queue());
    const auto unknown = [](const std::string& why) {
        return std::vector<Finding>{
            {true, base::format("the topics' own settings are not known ({}): retention was not looked at", why),
             true}};
    };
    while (const auto event = client.event(timeout_ms)) {
        if (rd_kafka_event_type(event.get()) != RD_KAFKA_EVENT_DESCRIBECONFIGS_RESULT) continue;
        if (rd_kafka_event_error(event.get()) != RD_KAFKA_RESP_ERR_NO_ERROR)
            return unknown(rd_kafka_event_error_string(event.get()));
        size_t count = 0;
        const auto** resources =
            rd_kafka_DescribeConfigs_result_resources(rd_kafka_event_DescribeConfigs_result(event.get()), &count);
        std::vector<Finding> out;
        for (size_t i = 0; i < count; i++) {
            if (const auto error = rd_kafka_ConfigResource_error(resources[i]); error != RD_KAFKA_RESP_ERR_NO_ERROR)
                return unknown(rd_kafka_err2str(error));
            size_t entries = 0;
            const auto** configs = rd_kafka_ConfigResource_configs(resources[i], &entries);
            TopicConfig config;
            for (size_t k = 0; k < entries; k++)
                if (const char* value = rd_kafka_ConfigEntry_value(configs[k]); value != nullptr)
                    config[rd_kafka_ConfigEntry_name(configs[k])] = value;
            for (auto& finding : judge_topic(rd_kafka_ConfigResource_name(resources[i]), config, outage_ns))
                out.push_back(std::move(finding));
        }
        return out;
    }
    return unknown("no answer in time");
}

}  // namespace tributary::kafka
