// SPDX-License-Identifier: Apache-2.0
#include "mqtt/event_publisher.hpp"

#include <chrono>

#include "base/log.hpp"
#include "mqtt/publish_options.hpp"

namespace tributary::mqtt {
namespace {

class PahoEventPublisher final : public EventPublisher {
  public:
    explicit PahoEventPublisher(const config::MqttSettings& settings)
        : settings_(settings),
          client_(publish_url(settings), settings.client_id + "-events", publish_create_options(settings), nullptr) {}

    base::Result<> publish(const std::vector<Publication>& publications, int64_t timeout_ns) override {
        const auto timeout = std::chrono::milliseconds(timeout_ns / base::kNsPerMs);
        try {
            if (!client_.is_connected() && !client_.connect(publish_connect_options(settings_))->wait_for(timeout))
                return missing("the broker did not answer");
            std::vector<::mqtt::delivery_token_ptr> tokens;
            tokens.reserve(publications.size());
            for (const auto& one : publications)
                tokens.push_back(client_.publish(one.topic, one.payload.data(), one.payload.size(), 1, false));
            for (const auto& token : tokens)
                if (!token->wait_for(timeout)) return missing("the broker did not acknowledge");
        } catch (const std::exception& failed) {
            return missing(failed.what());
        }
        return {};
    }

    bool connected() const override { return client_.is_connected(); }

    void stop() override {
        try {
            if (client_.is_connected()) client_.disconnect()->wait_for(std::chrono::seconds(1));
        } catch (const std::exception& failed) {
            base::log::debug("mqtt: events connection: {}", failed.what());
        }
    }

  private:
    static base::Error missing(std::string_view why) {
        return {"TRB-MQTT-007", base::format("events cannot be published to the local broker: {}", why)};
    }

    const config::MqttSettings settings_;
    ::mqtt::async_client client_;
};

}  // namespace

std::unique_ptr<EventPublisher> EventPublisher::create(const config::MqttSettings& settings) {
    return std::make_unique<PahoEventPublisher>(settings);
}

std::string topic_part(std::string_view series) {
    std::string out(series);
    for (char& c : out)
        if (c == '+' || c == '#' || c == '\0') c = '_';
    return out;
}

}  // namespace tributary::mqtt
