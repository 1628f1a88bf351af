// SPDX-License-Identifier: Apache-2.0
// Time zones by their IANA name ("Europe/Berlin"): offset from UTC at an instant, and which instants a local time
// names. A Zone is a cheap copy of a pointer into the library's table, which lives as long as the process; any thread.
// Source: the system's tzdata through Howard Hinnant's date library. Instants are ns since 1970 UTC; local times are
// the same count with the offset added. What it does not do: parse texts, know leap seconds (UTC as POSIX counts it).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace tributary::base {

class Zone {
  public:
    // Error TRB-BASE-003 with the nearest name when there is none such, or when the box has no tzdata.
    static Result<Zone> find(std::string_view name);

    // The stretch of constant offset around an instant.
    struct Period {
        int64_t begin_ns, end_ns;  // begin inclusive, end exclusive; clamped to the range of int64_t
        int64_t offset_ns;         // local time - UTC
    };
    Period at(int64_t utc_ns) const;

    // once: earlier = later. twice (clocks went back): both instants. never (clocks went forward): earlier is the local
    // time read with the offset after the gap, later with the one before it; the gap itself is at transition_ns.
    enum class Kind : uint8_t { once, twice, never };
    struct Instants {
        Kind kind;
        int64_t earlier_ns, later_ns;
        int64_t transition_ns;
    };
    Instants instants(int64_t local_ns) const;

  private:
    explicit Zone(const void* zone) : zone_(zone) {}
    const void* zone_;
};

// "2026f", or "unknown" where tzdata does not say. Part of every `config` record.
std::string tzdata_version();

}  // namespace tributary::base
