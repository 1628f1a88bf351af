// SPDX-License-Identifier: Apache-2.0
#include "mqtt/dup_filter.hpp"

#include "base/hash.hpp"

namespace tributary::mqtt {
namespace {

uint64_t content_hash(const model::Message& message) {
    return base::fnv1a(message.payload, base::fnv1a(std::string_view("\0", 1), base::fnv1a(message.topic)));
}

}  // namespace

DupFilter::DupFilter() : storage_(std::make_unique<std::array<Entry, kSlots>>()), entries_(*storage_) {}

bool DupFilter::is_duplicate(const model::Message& message, uint32_t connection) {
    if (!message.dup || message.qos == 0) return false;
    Entry& entry = slot(message.message_id);
    if (entry.order == 0 || entry.used_on == connection || entry.message_id != message.message_id ||
        entry.session != message.session)
        return false;
    if (order_ - entry.order > kTail) return false;
    if (entry.acknowledged && (ids_reused_soon_ || fresh_ < kEvidence)) return false;
    if (entry.hash != content_hash(message)) return false;
    entry.used_on = connection;
    entry.acknowledged = false;  // it will be once more, on this connection
    return true;
}

void DupFilter::kept(const model::Message& message) {
    if (message.qos == 0) return;
    if (message.session != session_) session_ = message.session, fresh_ = 0, ids_reused_soon_ = false;
    Entry& entry = slot(message.message_id);
    order_++;
    if (!message.dup) {
        fresh_++;
        if (entry.order != 0 && entry.message_id == message.message_id && entry.session == message.session &&
            order_ - entry.order <= kTail)
            ids_reused_soon_ = true;
    }
    entry = {content_hash(message), order_, message.session, 0, message.message_id, false};
}

void DupFilter::acknowledged(uint16_t message_id) {
    Entry& entry = slot(message_id);
    if (entry.message_id == message_id) entry.acknowledged = true;
}

}  // namespace tributary::mqtt
