// SPDX-License-Identifier: Apache-2.0
// Sends messages to an MQTT broker with QoS 1 and keeps each one until the broker has acknowledged it: what is in
// flight when the connection goes is sent again after the next connect, in order (twice rather than never). At most
// `in_flight` messages wait; publish() waits for room. Paho C++ inside; called by one thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/result.hpp"
#include "sim/source.hpp"

namespace tributary::sim {

struct PublisherOptions {
    std::string url = "mqtt://127.0.0.1:1883";  // mqtts:// for TLS
    std::string client_id;
    std::string user, password;
    std::string ca;   // PEM file; empty: the system's
    int version = 5;  // 5 | 4 (3.1.1)
    size_t in_flight = 100;
    int64_t connect_timeout_ms = 10'000;  // of the first connection; later ones are tried until it works
};

class Publisher {
  public:
    struct Counts {
        uint64_t published = 0, acknowledged = 0, refused = 0;  // refused: by the broker, for good (MQTT 5)
        uint64_t reconnects = 0, waiting = 0;
    };

    // `stop` ends every wait. note() is told about lost and new connections; it runs in the calling thread.
    Publisher(const PublisherOptions& options, const std::atomic<bool>& stop,
              std::function<void(const std::string&)> note);
    ~Publisher();

    base::Result<> connect();                 // the first time
    bool publish(const SimMessage& message);  // false: stopped before there was room
    bool finish(int64_t timeout_ms);  // waits for the acknowledgements, then disconnects; false: some are missing
    Counts counts() const;

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace tributary::sim
