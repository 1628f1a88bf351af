// SPDX-License-Identifier: Apache-2.0
#include "gateway/status_feed.hpp"

namespace tributary::gateway {

void StatusFeed::set(std::string json, int64_t time_ms) {
    const std::lock_guard lock(mutex_);
    json_ = std::move(json);
    time_ms_ = time_ms;
    newest_++;
}

void StatusFeed::seek(uint64_t seq) {
    const std::lock_guard lock(mutex_);
    next_ = seq;
}

bool StatusFeed::next(kafka::Item& item) {
    item = {};
    const std::lock_guard lock(mutex_);
    if (next_ > newest_) return false;
    // Words that were overtaken while Kafka was away are not sent any more.
    next_ = newest_ + 1;
    record_.topic = routing_.prefix() + ".status";
    record_.key = routing_.gateway();
    record_.id.clear();
    record::append_id(record_.id, incarnation_, model::Log::status, newest_, 0, false);
    record_.value = json_ + ",\"id\":\"" + record_.id + "\"}";
    record_.timestamp_ms = time_ms_;
    routing_.address_own("status", record_);
    item.seq = newest_;
    item.record = &record_;
    item.value = record_.value;
    return true;
}

}  // namespace tributary::gateway
