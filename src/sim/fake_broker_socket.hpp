// SPDX-License-Identifier: Apache-2.0
// One accepted connection of the fake broker, with or without TLS, never blocking. Owned and used by the broker's
// thread under the broker's lock. Knows bytes, not MQTT.
#pragma once

#include <openssl/ssl.h>

#include <cstdint>
#include <deque>
#include <string>

namespace tributary::sim {

class BrokerSocket {
  public:
    BrokerSocket(int fd, SSL_CTX* tls);  // takes the descriptor; tls may be null
    ~BrokerSocket();                     // soft close unless closed
    BrokerSocket(const BrokerSocket&) = delete;
    BrokerSocket& operator=(const BrokerSocket&) = delete;

    int fd() const { return fd_; }
    bool read_all(std::string& into);  // false: closed by the other side or broken
    bool write_some();                 // false: broken
    void queue(std::string piece) { out_.push_back(std::move(piece)); }
    bool has_output() const { return !out_.empty(); }
    bool wants_to_write() const { return !out_.empty() || tls_wants_write_; }
    void close(bool hard);

  private:
    enum class Step { done, later, broken };
    Step tls_step(int result);

    int fd_;
    SSL* ssl_ = nullptr;
    std::deque<std::string> out_;
    bool tls_wants_write_ = false;
};

SSL_CTX* make_server_context(const std::string& cert, const std::string& key, const std::string& client_ca);

}  // namespace tributary::sim
