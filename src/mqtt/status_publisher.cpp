// SPDX-License-Identifier: Apache-2.0
#include "mqtt/status_publisher.hpp"

#include <mqtt/async_client.h>

#include <atomic>

#include "base/log.hpp"
#include "mqtt/connect_options.hpp"
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
    return tls;
}

std::string password_of(const config::MqttSettings& settings) {
    if (settings.password_file.empty()) return settings.password;
    auto secret = read_secret(settings.password_file);
    return secret ? *secret : std::string();
}

::mqtt::connect_options connect_options(const config::MqttSettings& settings) {
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
::mqtt::create_options create_options(const config::MqttSettings& settings) {
    return ::mqtt::create_options(settings.version == 5 ? MQTTVERSION_5 : MQTTVERSION_3_1_1);
}

std::string first_url(const config::MqttSettings& settings) {
    auto url = paho_url(settings.urls.front());
    return url ? *url : settings.urls.front();
}

class PahoStatusPublisher final : public StatusPublisher {
  public:
    PahoStatusPublisher(const config::MqttSettings& settings, const std::string& client_id, const std::string& gateway,
                        const std::string& version)
        : settings_(settings),
          topic_(settings.status_topic),
          birth_(base::format(R"({{"gateway":"{}","state":"online","version":"{}"}})", gateway, version)),
          death_(base::format(R"({{"gateway":"{}","state":"offline"}})", gateway)),
          client_(first_url(settings), client_id + "-status", create_options(settings), nullptr) {
        client_.set_connected_handler([this](const std::string&) {
            connecting_ = false;
            try {
                client_.publish(topic_, birth_.data(), birth_.size(), 1, true);
            } catch (const ::mqtt::exception& failed) {
                base::log::debug("mqtt: birth message not sent: {}", failed.what());
            }
        });
        client_.set_connection_lost_handler([this](const std::string&) { connecting_ = false; });
    }

    void tick() override {
        if (client_.is_connected() || (connecting_ && ++waited_ < 15)) return;
        connecting_ = true;
        waited_ = 0;
        try {
            auto options = connect_options(settings_);
            options.set_will(::mqtt::will_options(topic_, death_.data(), death_.size(), 1, true));
            client_.connect(options);
        } catch (const std::exception& failed) {
            connecting_ = false;
            base::log::debug("mqtt: status connection: {}", failed.what());
        }
    }

    void stop() override {
        if (!client_.is_connected()) return;
        try {
            client_.publish(topic_, death_.data(), death_.size(), 1, true)->wait_for(std::chrono::seconds(1));
            client_.disconnect()->wait_for(std::chrono::seconds(1));
        } catch (const std::exception& failed) {
            base::log::debug("mqtt: status connection: {}", failed.what());
        }
    }

  private:
    const config::MqttSettings settings_;
    const std::string topic_, birth_, death_;
    ::mqtt::async_client client_;
    std::atomic<bool> connecting_{false};
    int waited_ = 0;
};

}  // namespace

std::unique_ptr<StatusPublisher> StatusPublisher::create(const config::MqttSettings& settings,
                                                         const std::string& client_id, const std::string& gateway,
                                                         const std::string& version) {
    if (settings.status_topic_off || settings.status_topic.empty()) return nullptr;
    return std::make_unique<PahoStatusPublisher>(settings, client_id, gateway, version);
}

base::Result<std::string> probe(const config::MqttSettings& settings, const std::string& client_id) {
    std::string tried;
    for (const auto& one : settings.urls) {
        auto url = paho_url(one);
        if (!url) return url.error();
        try {
            ::mqtt::async_client client(*url, client_id, create_options(settings), nullptr);
            client.connect(connect_options(settings))->wait();
            client.disconnect()->wait_for(std::chrono::seconds(2));
            return base::format("MQTT broker {} lets us in", one);
        } catch (const std::exception& failed) {
            tried += (tried.empty() ? "" : "; ") + one + ": " + failed.what();
        }
    }
    return base::Error{"TRB-MQTT-002", base::format("cannot connect to the MQTT broker: {}", tried)};
}

}  // namespace tributary::mqtt
