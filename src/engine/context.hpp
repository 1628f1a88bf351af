// SPDX-License-Identifier: Apache-2.0
// What the outputs of one intake record need to know besides the stream. Made by the engine for each record; the parts
// of it hand it on. Views only.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "engine/engine.hpp"

namespace tributary::engine {

class Floods;
class Mutes;

struct Context {
    Sink& sink;
    Stats& stats;
    const std::string& gateway;
    const Mutes& mutes;
    Floods& floods;
    int64_t now_ns = 0;  // arrival
    uint64_t seq = 0;
    bool hears = true;            // whoever is silent by now is silent
    std::string_view topic = {};  // of the message
};

}  // namespace tributary::engine
