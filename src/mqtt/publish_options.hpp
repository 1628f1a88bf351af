// SPDX-License-Identifier: Apache-2.0
// How the clients that publish (Paho C++) connect: version, credentials, TLS from the settings. Pure but for reading
// the password file; any thread. What it does not do: intake's own connection (connect_options).
#pragma once

#include <mqtt/async_client.h>

#include <string>

#include "config/settings.hpp"

namespace tributary::mqtt {

::mqtt::connect_options publish_connect_options(const config::MqttSettings& settings);
::mqtt::create_options publish_create_options(const config::MqttSettings& settings);
std::string publish_url(const config::MqttSettings& settings);  // the first of the list

}  // namespace tributary::mqtt
