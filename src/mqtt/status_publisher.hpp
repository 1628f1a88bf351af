// SPDX-License-Identifier: Apache-2.0
// Birth and last will: a retained message on the status topic says whether this gateway is there. Its own connection,
// by Paho C++ (everything we publish goes through it; intake's connection only receives). Owned by control; Paho's own
// threads do the work. Best effort: it never holds anything up.
#pragma once

#include <memory>
#include <string>

#include "config/settings.hpp"

namespace tributary::mqtt {

class StatusPublisher {
  public:
    virtual ~StatusPublisher() = default;
    virtual void tick() = 0;  // connects when not connected; about once a second
    virtual void stop() = 0;  // says good-bye ("offline") and disconnects

    // Null when the status topic is off.
    static std::unique_ptr<StatusPublisher> create(const config::MqttSettings& settings, const std::string& client_id,
                                                   const std::string& gateway, const std::string& version);
};

}  // namespace tributary::mqtt
