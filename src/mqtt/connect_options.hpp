// SPDX-License-Identifier: Apache-2.0
// MqttSettings as Paho C wants them: URLs, TLS, user, session properties. Owns the strings the C structures point to.
// Used by Session alone. Passwords are read from their file at each refresh() and never leave.
#pragma once

#include <MQTTAsync.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "config/settings.hpp"

namespace tributary::mqtt {

// What OpenSSL says stands beside Paho's own error, which only tells that it failed. Any thread; taken once.
void note_tls_error(std::string_view line);
std::string take_tls_error();  // "" = none; with a colon and a blank in front

class ConnectOptions {
  public:
    static base::Result<std::unique_ptr<ConnectOptions>> create(const config::MqttSettings& settings);
    ~ConnectOptions();
    ConnectOptions(const ConnectOptions&) = delete;
    ConnectOptions& operator=(const ConnectOptions&) = delete;

    base::Result<MQTTAsync> make_client(const std::string& client_id) const;
    base::Result<> refresh();
    MQTTAsync_connectOptions& paho() { return options_; }
    bool plain_tcp() const { return plain_tcp_; }  // all URLs are tcp://
    const std::string& first_url() const { return settings_.urls.front(); }

  private:
    explicit ConnectOptions(const config::MqttSettings& settings) : settings_(settings) {}

    const config::MqttSettings settings_;
    MQTTAsync_connectOptions options_ = MQTTAsync_connectOptions_initializer;
    MQTTAsync_SSLOptions ssl_ = MQTTAsync_SSLOptions_initializer;
    MQTTProperties properties_ = MQTTProperties_initializer;
    std::vector<std::string> urls_;
    std::vector<char*> url_pointers_;
    std::string password_, key_password_;
    bool plain_tcp_ = true;
};

}  // namespace tributary::mqtt
