// SPDX-License-Identifier: Apache-2.0
#include "mqtt/status_publisher.hpp"

#include <atomic>
#include <chrono>

#include "base/log.hpp"
#include "mqtt/connect_options.hpp"
#include "mqtt/publish_options.hpp"
#include "mqtt/session.hpp"

namespace tributary::mqtt {
namespace {

class PahoStatusPublisher final : public StatusPublisher {
  public:
    PahoStatusPublisher(const config::MqttSettings& settings, const std::string& client_id, const std::string& gateway,
                        const std::string& version)
        : settings_(settings),
          topic_(settings.status_topic),
          birth_(base::format(R"({{"gateway":"{}","state":"online","version":"{}"}})", gateway, version)),
          death_(base::format(R"({{"gateway":"{}","state":"offline"}})", gateway)),
          client_(publish_url(settings), client_id + "-status", publish_create_options(settings), nullptr) {
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
            auto options = publish_connect_options(settings_);
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
            ::mqtt::async_client client(*url, client_id, publish_create_options(settings), nullptr);
            client.connect(publish_connect_options(settings))->wait();
            client.disconnect()->wait_for(std::chrono::seconds(2));
            return base::format("MQTT broker {} lets us in", one);
        } catch (const std::exception& failed) {
            tried += (tried.empty() ? "" : "; ") + one + ": " + failed.what();
        }
    }
    return base::Error{"TRB-MQTT-002", base::format("cannot connect to the MQTT broker: {}", tried)};
}

}  // namespace tributary::mqtt
