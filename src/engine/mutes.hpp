// SPDX-License-Identifier: Apache-2.0
// Which series are muted: for a while (control socket, MQTT command), and by the schedule of the configuration. Part of
// the engine's state; a pure function of what stands in the log and of arrival times. Owned by the engine (one thread).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "base/zone.hpp"
#include "config/settings.hpp"

namespace tributary::engine {

class Mutes {
  public:
    void schedule(const std::vector<config::MuteSettings>& wanted);
    // Until an arrival time; at or before now_ns it ends the mute of that filter. One too many is ignored (logged).
    void set(std::string_view filter, int64_t until_ns, int64_t now_ns);
    bool muted(std::string_view series, int64_t now_ns) const;
    size_t in_force(int64_t now_ns) const;  // those for a while

    void save(std::string& out) const;  // the schedule is configuration and not in it
    void load(base::ByteReader& in);

  private:
    struct Mute {
        std::string filter;
        int64_t until_ns = 0;
    };
    struct Scheduled {
        config::MuteSettings settings;
        std::optional<base::Zone> zone;  // nothing = UTC
    };
    std::vector<Mute> mutes_;
    std::vector<Scheduled> scheduled_;
};

}  // namespace tributary::engine
