// SPDX-License-Identifier: Apache-2.0
#include "kafka/trouble.hpp"

#include "base/log.hpp"

namespace tributary::kafka {

Trouble trouble_of(rd_kafka_resp_err_t error) {
    switch (error) {
        case RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP:
            return Trouble::stamp;
        case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
        case RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE:
        case RD_KAFKA_RESP_ERR_INVALID_RECORD:
        case RD_KAFKA_RESP_ERR_POLICY_VIOLATION:
        case RD_KAFKA_RESP_ERR_UNSUPPORTED_FOR_MESSAGE_FORMAT:
            return Trouble::record;
        case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
        case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
        case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
        case RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION:
        case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
        case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
            return Trouble::topic;
        default:
            return Trouble::passing;
    }
}

std::string what_to_do(rd_kafka_resp_err_t error, const std::string& topic) {
    switch (error) {
        case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
            return base::format(
                "let this user write: kafka-acls.sh --add --allow-principal User:NAME --operation Write --operation "
                "Describe --topic {}",
                topic);
        case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
            return "brokers before 3.0 ask for the right IdempotentWrite on the cluster";
        case RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED:
            return "exactly-once needs Write and Describe on the transactional id";
        case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
            return "exactly-once needs Read on the group that is named like the transactional id";
        case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
        case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
            return "was it removed? It is made anew when create_topics is on and this user may";
        case RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE:
            return base::format("raise segment.bytes of {}, or send smaller messages", topic);
        case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
        case RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE:
            return base::format(
                "raise max.message.bytes of {} (or message.max.bytes in [kafka.properties]), or send "
                "smaller messages",
                topic);
        case RD_KAFKA_RESP_ERR_INVALID_RECORD:
        case RD_KAFKA_RESP_ERR_POLICY_VIOLATION:
            return base::format("a rule of {} forbids it: is it compacted, are its records validated?", topic);
        case RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP:
            return base::format(
                "it does not take the stamp: message.timestamp.before.max.ms and message.timestamp.after.max.ms of {}",
                topic);
        case RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS:
        case RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS_AFTER_APPEND:
            return "fewer replicas are in sync than min.insync.replicas asks for: start the brokers that are down";
        case RD_KAFKA_RESP_ERR_KAFKA_STORAGE_ERROR:
            return "a disk of the broker has failed: see its log";
        case RD_KAFKA_RESP_ERR__AUTHENTICATION:
        case RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED:
            return "the login is not accepted: look at username, password_file (or [kafka.oauth]) and sasl.mechanisms";
        case RD_KAFKA_RESP_ERR__SSL:
            return "TLS does not come about: look at ssl.ca.location, the server's certificate and protocol (TLS 1.2 "
                   "at least), and both clocks";
        default:
            return "";
    }
}

std::string advice(std::string_view error_name, const std::string& topic) {
    const rd_kafka_err_desc* known = nullptr;
    size_t count = 0;
    rd_kafka_get_err_descs(&known, &count);
    for (const auto* one = known; one != known + count; one++)
        if (one->name != nullptr && error_name == one->name) return what_to_do(one->code, topic);
    return {};
}

std::string in_plain_words(rd_kafka_resp_err_t error, const std::string& topic) {
    const auto what = what_to_do(error, topic);
    return base::format("{}{}{}", rd_kafka_err2str(error), what.empty() ? "" : ": ", what);
}

}  // namespace tributary::kafka
