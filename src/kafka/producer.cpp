// SPDX-License-Identifier: Apache-2.0
#include "kafka/producer.hpp"

namespace tributary::kafka {

Producer::~Producer() {
    // Otherwise destroying waits for what a dead broker will never answer.
    rd_kafka_purge(handle_.get(), RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT | RD_KAFKA_PURGE_F_NON_BLOCKING);
}

rd_kafka_topic_t* Producer::topic(const std::string& name) {
    if (const auto found = topics_.find(name); found != topics_.end()) return found->second.get();
    return topics_.emplace(name, rd_kafka_topic_new(handle_.get(), name.c_str(), nullptr)).first->second.get();
}

rd_kafka_resp_err_t Producer::send(const Outgoing& out) {
    rd_kafka_topic_t* const topic_handle = topic(out.record.topic);
    if (topic_handle == nullptr) return RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC;
    Owned<rd_kafka_headers_t> headers(rd_kafka_headers_new(4 + out.record.headers.size()));
    const auto add = [&](std::string_view name, std::string_view value) {
        rd_kafka_header_add(headers.get(), name.data(), static_cast<ssize_t>(name.size()), value.data(),
                            static_cast<ssize_t>(value.size()));
    };
    add("tb-id", out.record.id);
    add("tb-gw", out.gateway);
    if (!out.time_mark.empty()) add("tb-time", out.time_mark);
    if (out.record.replayed) add("tb-replay", "1");
    for (const auto& [name, text] : out.record.headers) add(name, text);

    // A null pointer would be a null value (a tombstone); an empty payload is an empty value.
    const char* value = out.value.empty() ? "" : out.value.data();
    const auto error = rd_kafka_producev(
        handle_.get(), RD_KAFKA_V_RKT(topic_handle), RD_KAFKA_V_KEY(out.record.key.data(), out.record.key.size()),
        RD_KAFKA_V_VALUE(const_cast<char*>(value), out.value.size()),
        RD_KAFKA_V_MSGFLAGS(out.copy ? RD_KAFKA_MSG_F_COPY : 0), RD_KAFKA_V_TIMESTAMP(out.timestamp_ms),
        RD_KAFKA_V_HEADERS(headers.get()), RD_KAFKA_V_OPAQUE(out.id), RD_KAFKA_V_END);
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR) static_cast<void>(headers.release());  // the message owns them now
    return error;
}

}  // namespace tributary::kafka
