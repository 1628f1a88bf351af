// SPDX-License-Identifier: Apache-2.0
#include "mqtt/dup_filter.hpp"

#include <algorithm>

#include "base/hash.hpp"

namespace tributary::mqtt {
namespace {

uint64_t content_hash(const model::Message& message) {
    return base::fnv1a(message.payload, base::fnv1a(std::string_view("\0", 1), base::fnv1a(message.topic)));
}

}  // namespace

DupFilter::DupFilter() : entries_(std::make_unique<Entry[]>(kSlots)) {}

bool DupFilter::is_duplicate(const model::Message& message, uint32_t connection) {
    if (!message.dup || message.qos == 0 || message.session != session_) return false;
    Entry& entry = slot(message.message_id);
    if (!entry.taken || entry.high_id != (message.message_id >= kSlots)) return false;
    if (entry.used_on == static_cast<uint16_t>(connection)) return false;
    if (entry.acknowledged && (ids_reused_soon_ || fresh_ < kEvidence)) return false;
    if (entry.hash != content_hash(message)) return false;
    entry.used_on = static_cast<uint16_t>(connection);
    entry.acknowledged = false;  // it will be once more, on this connection
    return true;
}

void DupFilter::kept(const model::Message& message) {
    if (message.qos == 0) return;
    if (message.session != session_) {
        session_ = message.session;
        std::fill_n(entries_.get(), kSlots, Entry());
        fresh_ = 0;
        ids_reused_soon_ = false;
    }
    Entry& entry = slot(message.message_id);
    const bool high_id = message.message_id >= kSlots;
    if (!message.dup) {
        fresh_++;
        if (entry.taken && entry.high_id == high_id) ids_reused_soon_ = true;
    }
    entry = {content_hash(message), 0, true, false, high_id};
}

void DupFilter::acknowledged(uint16_t message_id) {
    Entry& entry = slot(message_id);
    if (entry.high_id == (message_id >= kSlots)) entry.acknowledged = true;
}

}  // namespace tributary::mqtt
