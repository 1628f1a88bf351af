// SPDX-License-Identifier: Apache-2.0
// Filters what the MQTT broker delivers again although we have it: best effort, never at the price of a real message.
// Only a message with DUP=1, only against the last message with that packet id of the same session, equal topic and
// payload, each entry once a connection (a link that is cut again and again redelivers again and again). The newest
// 32,768 packet ids are known. When in doubt, keep.
//
// The doubt: a broker that uses a packet id again soon may redeliver a *new* message that equals an old one. While our
// PUBACK has not been sent the id cannot have been used again. Afterwards we trust an entry only when this session's
// broker has been seen to go round the ids (mosquitto does) instead of taking the lowest free one.
// Protected by Paho's lock: callbacks hold it, and so does the writer when it marks ids as acknowledged.
#pragma once

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

    static constexpr uint32_t kEvidence = 16;  // fresh messages without an id used again soon

  private:
    struct Entry {
        uint64_t hash = 0;
        uint16_t used_on = 0;  // low bits of the connection that redelivered it last
        bool taken = false;    // something stands here
        bool acknowledged = false;
        bool high_id = false;  // which of the two ids that share the slot
    };
    // Mosquitto overruns the receive window by thousands when the link flaps; ids this far apart share a slot, and the
    // newer one wins.
    static constexpr size_t kSlots = 32768;
    Entry& slot(uint16_t message_id) { return entries_[message_id % kSlots]; }

    std::unique_ptr<Entry[]> entries_;
    uint32_t session_ = 0, fresh_ = 0;
    bool ids_reused_soon_ = false;
};

}  // namespace tributary::mqtt
