// SPDX-License-Identifier: Apache-2.0
// What a mosquitto on this box would do to our messages while we are away: MQTT does not say, its configuration does.
// Reads Debian's /etc/mosquitto; any thread; nothing is kept.
// What it does not do: judge a broker elsewhere, change anything.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace tributary::gateway {

// Nothing to say when the broker is not here, is not Debian's mosquitto, or keeps enough.
std::optional<std::string> mosquitto_warning(const std::vector<std::string>& urls,
                                             const std::string& folder = "/etc/mosquitto");

}  // namespace tributary::gateway
