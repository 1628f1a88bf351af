// SPDX-License-Identifier: Apache-2.0
// The front door: one MQTT session (3.1.1 or 5; TCP, TLS, websockets) over Paho's MQTTAsync. Each message goes to the
// Sink on Paho's thread; its PUBACK leaves only when the writer releases the ticket, that is after COMMIT. Paho keeps
// the connection alive; connecting again is tick()'s work, so that it is paced in one place. What it does not do:
// store, decode, publish (see StatusPublisher).
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "config/settings.hpp"
#include "metrics/metrics.hpp"
#include "model/intake.hpp"

namespace tributary::mqtt {

// The right to acknowledge one message: valid on the connection it came on.
struct Ticket {
    uint32_t connection = 0;
    uint16_t message_id = 0;
};

// Where messages go. All calls on Paho's thread with Paho's lock held: copy and return.
class Sink {
  public:
    virtual ~Sink() = default;
    // False: no room within the bound; try again after wait_for_room().
    virtual bool message(const model::Message& message, const Ticket* ticket) = 0;
    // A redelivery of something taken before: acknowledged when everything taken so far is durable.
    virtual void acknowledge_only(const Ticket& ticket) = 0;
    virtual bool wait_for_room(int64_t timeout_ns) = 0;
    virtual void session(const model::SessionRecord& record) = 0;
};

struct SessionStatus {
    bool connected = false;
    std::string url;    // connected to, or tried last
    std::string error;  // why not connected
    uint64_t connections = 0, received = 0, duplicates = 0, acknowledged = 0, stale_acks = 0, dropped_connections = 0;
    size_t acks_waiting = 0;
    std::vector<std::string> filters;
    std::vector<std::string> without_promise;  // filters the broker granted QoS 0 only
};

class Session {
  public:
    // subscribed: the filters this client id subscribed to before (from the store); what is not wanted any more is
    // unsubscribed. last_session: number of the newest session in the store. On_subscribed is called on Paho's thread
    // when the broker has granted the present filters.
    struct Setup {
        config::MqttSettings settings;
        std::string client_id;
        std::vector<std::string> filters;  // wanted; reduced to the maximal ones here
        std::vector<std::string> subscribed;
        uint32_t last_session = 0;
        int64_t gather_ns = 0;
    };
    static base::Result<std::unique_ptr<Session>> create(Setup setup, Sink& sink, metrics::Registry& metrics,
                                                         const base::Clock& clock);
    virtual ~Session() = default;

    virtual void remember(const model::Message& message) = 0;  // before the first tick(): the newest stored messages
    virtual void tick() = 0;  // control, about once a second: connects when not connected and it is time
    // Writer, after COMMIT, in the order of the log: sends what can be sent now, keeps the rest for the next call (an
    // empty span is a retry). True = nothing is waiting.
    virtual bool release(std::span<const Ticket> tickets) = 0;
    virtual void set_filters(std::vector<std::string> filters) = 0;  // after a reload
    virtual void stop_intake() = 0;  // from now on messages are neither taken nor acknowledged; the session stays
    virtual void disconnect() = 0;   // clean DISCONNECT; at most some seconds
    // Control: other certificates are in place. A clean DISCONNECT, the session stays; the next tick() connects.
    virtual void reconnect() = 0;
    virtual SessionStatus status() const = 0;
    // Filters granted by the broker since the last call; empty = nothing new. For the store's memory.
    virtual std::vector<std::string> newly_subscribed() = 0;
};

// "mqtt://host" -> "tcp://host:1883" as Paho wants it; error for an unknown scheme.
base::Result<std::string> paho_url(const std::string& url);

// One attempt to connect and subscribe with another client id, for `check --online`.
base::Result<std::string> probe(const config::MqttSettings& settings, const std::string& client_id);

}  // namespace tributary::mqtt
