// SPDX-License-Identifier: Apache-2.0
// Every place where we stand between Paho C and the wire, in one file. Paho sends the QoS 1 PUBACK right after the
// callback; the linker (--wrap, see paho.cmake) makes it call us instead, and we hold it back until the commit.
// The other wraps take call tracing, heap tracking and the small reads out of the unmodified library; they can be
// built without (TRIBUTARY_PAHO_FAST_PATH=OFF). A Link is one intake connection; Session owns it. Threads: as marked.
// What it does not do: TLS, websockets, reconnect, keep-alive; those stay Paho's.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

namespace tributary::mqtt {

class Link {
  public:
    // From now on PUBACKs of this client id are held back. buffered: plain TCP, so that reads may be gathered here.
    // gather_ns: how long a read may wait for more to come (0 = not at all); only while messages flow.
    Link(std::string client_id, bool buffered, int64_t gather_ns);
    ~Link();
    Link(const Link&) = delete;
    Link& operator=(const Link&) = delete;

    // Any thread, between two connections: forget what was read ahead.
    void connection_ended() { reset_.store(true); }

    // How many PUBACKs Paho handed to the wrap since the start: counted against callbacks (any thread).
    uint64_t held_back() const { return held_back_.load(std::memory_order_relaxed); }

    struct Sent {
        size_t count = 0;     // of ids, from the front
        bool broken = false;  // the socket failed: drop the connection
    };
    // Sends PUBACKs in order, as many as go without waiting. Only with Paho's lock (PahoLock) held.
    Sent send_pubacks(std::span<const uint16_t> ids, int mqtt_version);

    // Paho notices the end by itself and calls connectionLost. Only with Paho's lock held.
    void drop_connection();

    // --- for the wraps in paho_link.cpp only (Paho's receive thread) ---
    struct ReadBuffer;
    bool holds_back(const char* client_id, void* net);
    ReadBuffer* buffer_for(const void* net);
    ReadBuffer* buffer_for_socket(int socket);

  private:
    const std::string client_id_;
    const bool buffered_;
    std::atomic<void*> net_{nullptr};  // Paho's networkHandles of this client; its first member is the socket
    std::atomic<uint64_t> held_back_{0};
    std::atomic<bool> reset_{false};
    std::unique_ptr<ReadBuffer> buffer_;
};

// Paho's one lock (not recursive: callbacks hold it already). The writer must not wait for it while anyone waits for
// the writer, hence the time-out.
class PahoLock {
  public:
    explicit PahoLock(int64_t timeout_ns);
    ~PahoLock();
    PahoLock(const PahoLock&) = delete;
    PahoLock& operator=(const PahoLock&) = delete;
    bool owned() const { return owned_; }

  private:
    bool owned_;
};

}  // namespace tributary::mqtt
