// SPDX-License-Identifier: Apache-2.0
// Filters what the MQTT broker delivers again although we have it: best effort, never at the price of a real message.
// Only a message with DUP=1, only against the last message with that packet id of the same session in the newest
// `tail` messages, equal topic and payload, each entry once a connection (a link that is cut again and again redelivers
// again and again). When in doubt, keep.
//
// The doubt: a broker that uses a packet id again soon may redeliver a *new* message that equals an old one. While our
// PUBACK has not been sent the id cannot have been used again. Afterwards we trust an entry only when this session's
// broker has been seen to go round the ids (mosquitto does) instead of taking the lowest free one.
// Protected by Paho's lock: callbacks hold it, and so does the writer when it marks ids as acknowledged.
#pragma once

#include <array>
#include <cstdint>
#include <memory>

#include "model/intake.hpp"

namespace tributary::mqtt {

class DupFilter {
  public:
    DupFilter();

    // And uses the entry up for this connection (its generation, from 1).
    bool is_duplicate(const model::Message& message, uint32_t connection);
    void kept(const model::Message& message);  // it went into the open block, or was found in the store at start
    void acknowledged(uint16_t message_id);

    static constexpr uint64_t kTail = 4096;  // messages; the receive window is 1,000 and mosquitto can overrun it
    static constexpr uint32_t kEvidence = 16;

  private:
    struct Entry {
        uint64_t hash = 0, order = 0;
        uint32_t session = 0;
        uint32_t used_on = 0;  // connection that redelivered it last
        uint16_t message_id = 0;
        bool acknowledged = false;
    };
    static constexpr size_t kSlots = 8192;  // ids that far apart share a slot; the tail is shorter than that
    Entry& slot(uint16_t message_id) { return entries_[message_id % kSlots]; }

    std::unique_ptr<std::array<Entry, kSlots>> storage_;
    std::array<Entry, kSlots>& entries_;
    uint64_t order_ = 0;
    uint32_t session_ = 0, fresh_ = 0;
    bool ids_reused_soon_ = false;
};

}  // namespace tributary::mqtt
