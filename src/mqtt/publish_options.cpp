// SPDX-License-Identifier: Apache-2.0
#include "mqtt/publish_options.hpp"

#include <chrono>

#include "base/files.hpp"
#include "mqtt/session.hpp"

namespace tributary::mqtt {
namespace {

::mqtt::ssl_options tls_options(const config::MqttSettings& settings) {
    ::mqtt::ssl_options tls;
    if (!settings.tls.ca.empty())
        tls.set_trust_store(settings.tls.ca);
    else
        tls.ca_path("/etc/ssl/certs");
    if (!settings.tls.cert.empty()) tls.set_key_store(settings.tls.cert);
    if (!settings.tls.key.empty()) tls.set_private_key(settings.tls.key);
    tls.set_enable_server_cert_auth(settings.tls.verify);
    tls.set_verify(settings.tls.verify);
    if (!settings.tls.key_password_file.empty())
        if (const auto secret = base::read_secret(settings.tls.key_password_file))
            tls.set_private_key_password(*secret);
    return tls;
}

std::string password_of(const config::MqttSettings& settings) {
    if (settings.password_file.empty()) return settings.password;
    auto secret = base::read_secret(settings.password_file);
    return secret ? *secret : std::string();
}

}  // namespace

::mqtt::connect_options publish_connect_options(const config::MqttSettings& settings) {
    ::mqtt::connect_options options;
    options.set_mqtt_version(settings.version == 5 ? MQTTVERSION_5 : MQTTVERSION_3_1_1);
    if (settings.version == 5)
        options.set_clean_start(true);
    else
        options.set_clean_session(true);
    options.set_keep_alive_interval(std::chrono::seconds(settings.keepalive_ns / base::kNsPerSecond));
    options.set_connect_timeout(std::chrono::seconds(10));
    if (!settings.username.empty()) options.set_user_name(settings.username);
    if (const auto password = password_of(settings); !password.empty()) options.set_password(password);
    options.set_ssl(tls_options(settings));
    return options;
}

// Paho refuses to connect with another version than the client was made for.
::mqtt::create_options publish_create_options(const config::MqttSettings& settings) {
    return ::mqtt::create_options(settings.version == 5 ? MQTTVERSION_5 : MQTTVERSION_3_1_1);
}

std::string publish_url(const config::MqttSettings& settings) {
    auto url = paho_url(settings.urls.front());
    return url ? *url : settings.urls.front();
}

}  // namespace tributary::mqtt
