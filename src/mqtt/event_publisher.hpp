// SPDX-License-Identifier: Apache-2.0
// Publishes to the local broker and waits until it has what was published (QoS 1). By Paho C++, on a connection of its
// own: intake's connection only receives. Owned by one thread, which calls all but connected(); Paho's threads do the
// work. What it does not do: know what it publishes, try again (the caller's cursor does).
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "config/settings.hpp"

namespace tributary::mqtt {

struct Publication {
    std::string topic, payload;
};

class EventPublisher {
  public:
    virtual ~EventPublisher() = default;
    // In order; true: the broker acknowledged all of them. Connects first when it is not connected. Error TRB-MQTT-007:
    // at least one may not be there; publish them again.
    virtual base::Result<> publish(const std::vector<Publication>& publications, int64_t timeout_ns) = 0;
    virtual bool connected() const = 0;  // any thread
    virtual void stop() = 0;

    static std::unique_ptr<EventPublisher> create(const config::MqttSettings& settings);
};

// A series' name as the end of a topic to publish to: wildcards cannot stand there.
std::string topic_part(std::string_view series);

}  // namespace tributary::mqtt
