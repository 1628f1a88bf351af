// SPDX-License-Identifier: Apache-2.0
// What people on the floor may want of the gateway by MQTT (events.commands_topic), as JSON:
//   {"mute": "line1/#", "for": "2h"}    no event of these series opens for so long (at most 31 d)
//   {"unmute": "line1/#"}               ends the mute of exactly that filter
//   {"acknowledge": "<event_id>", "by": "name"}
// Pure; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace tributary::codec {

struct Command {
    enum class What : uint8_t { mute, acknowledge };
    What what = What::mute;
    std::string text;    // mute: filter over names of series; acknowledge: event id
    int64_t for_ns = 0;  // mute; 0 = it ends now
    std::string by;      // acknowledge: who
};

// The message of the error says what is wrong, for people.
base::Result<Command> parse_command(std::string_view payload);

}  // namespace tributary::codec
