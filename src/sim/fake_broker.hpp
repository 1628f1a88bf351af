// SPDX-License-Identifier: Apache-2.0
// A small MQTT broker for tests (3.1.1 and 5, TCP or TLS, loopback only): it writes down every packet with its time,
// sends what the test scripts, and misbehaves on demand. Own thread; all calls from any thread. It routes nothing:
// what clients publish is written down and acknowledged. Several connections may live at once; the calls below that
// need one take the newest live connection that subscribed, else the newest live one ("current").
// A second CONNECT with the same client id takes the session over: the older connection is closed.
// It uses neither recv() nor poll(), because tests link with wraps of these.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "sim/mqtt_wire.hpp"

namespace tributary::sim {

class FakeBroker {
  public:
    using Timeout = std::chrono::milliseconds;
    struct Options {
        uint16_t port = 0;                  // 0 = any free one
        std::string tls_cert{}, tls_key{};  // PEM files; both given = TLS
        std::string tls_client_ca{};        // PEM file: a client certificate signed by it is required
        int receive_buffer_bytes = 0;       // SO_RCVBUF of connections, so that stop_reading() bites soon; 0 = default
    };
    struct Ack {
        uint16_t packet_id = 0;
        int64_t time_ns = 0;
        int connection = 0;
        uint8_t reason = 0;
    };
    enum class Drop { hard, soft };  // RST; or an orderly close (TLS: with close_notify)

    static base::Result<std::unique_ptr<FakeBroker>> start(const Options& options);
    static base::Result<std::unique_ptr<FakeBroker>> start() { return start(Options{}); }
    ~FakeBroker();  // closes what is open, softly
    FakeBroker(const FakeBroker&) = delete;
    FakeBroker& operator=(const FakeBroker&) = delete;

    uint16_t port() const;
    std::string url() const;  // "mqtt://127.0.0.1:<port>" or "mqtts://127.0.0.1:<port>"
    static int64_t now_ns();  // the clock of every time_ns

    // Script; valid for what comes after the call.
    void set_session_present(bool yes);     // of CONNACKs; default false
    void refuse_connections(uint8_t code);  // CONNACK code, then closed; 0 = accept (default)
    void set_suback_code(int code);         // e.g. 0x80 = refused; -1 = the QoS asked for (default)
    void set_answering_pings(bool yes);     // default true
    void set_acking_publishes(bool yes);    // of QoS 1 messages from clients; default true
    void set_reading(bool yes);             // false: nothing is read from any connection until true again

    // To the current connection; false when there is none. They return at once; sending happens in order.
    bool publish(const Publish& publish);
    bool send_raw(std::string bytes);  // one write(), as far as the socket takes it
    // One write() per piece, with a pause between, so that the client reads them apart. Returns after the last.
    bool send_pieces(const std::vector<std::string>& pieces, Timeout pause = Timeout(5));
    bool wait_until_sent(Timeout timeout);  // all handed to the kernel
    bool drop(Drop how);                    // what is not sent yet is forgotten; returns when it is closed

    // What was seen.
    int connections() const;          // CONNECT packets so far, the refused ones included
    int current() const;              // number of the current connection, 0 = none
    uint8_t current_version() const;  // 4 or 5; 0 = none
    int malformed() const;            // connections closed because of bytes that are no packet
    std::vector<Received> received() const;
    std::vector<Received> received(PacketType type) const;
    std::vector<Ack> pubacks() const;                // in order of arrival, over all connections
    std::vector<Ack> pubacks(int connection) const;  // of one

    // Bounded waits; false = timeout.
    bool wait_for_connections(int count, Timeout timeout) const;       // at least so many CONNECTs in total
    bool wait_for_subscriptions(size_t count, Timeout timeout) const;  // at least so many SUBSCRIBEs in total
    bool wait_for_pubacks(size_t count, Timeout timeout) const;        // at least so many in total
    bool wait_for_closed(int connection, Timeout timeout) const;
    bool wait_for(const std::function<bool(const std::vector<Received>&)>& condition, Timeout timeout) const;

  private:
    struct Impl;
    explicit FakeBroker(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace tributary::sim
