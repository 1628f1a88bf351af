// SPDX-License-Identifier: Apache-2.0
// Which timestamp a Kafka record gets. Kafka 4 refuses a record stamped more than an hour ahead of the broker, and the
// whole batch with it: so nothing goes out stamped beyond our own clock + 5 min. When the broker refuses a stamp all
// the same, our clock is wrong (or the topic refuses old stamps): then the newest stamp this broker took stands in.
// Owned by the replicator's thread. The true time always stays in the record's value.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdlib>

#include "base/clock.hpp"

namespace tributary::kafka {

class StampRule {
  public:
    struct Stamp {
        int64_t ms = 0;
        bool clamped = false;
        bool unsynced = false;  // header tb-time: unsynced
    };

    // refused_before: the broker has refused this very record for its stamp.
    Stamp stamp(int64_t true_ms, bool refused_before, const base::Clock& clock) {
        Stamp out{true_ms};
        const int64_t limit = base::ns_to_ms(clock.wall_ns()) + kAheadMs;
        if (out.ms > limit) out = {limit, true, false};
        if (capped_ && cap_is_over(clock)) capped_ = false;
        if (refused_before || (capped_ && out.ms > substitute_ms_)) out = {substitute_ms_, out.clamped, true};
        return out;
    }

    void accepted(int64_t ms) {
        if (!known_ || ms > newest_ms_) newest_ms_ = ms;
        known_ = true;
    }

    // False: no stamp helps any more; the record is refused.
    bool refused(int64_t ms, bool refused_before, const base::Clock& clock) {
        const int64_t wall_ms = base::ns_to_ms(clock.wall_ns());
        if (!refused_before) {
            // Too new, as far as we can tell: the records behind it would fare no better.
            if (!known_ || ms > newest_ms_) {
                capped_ = true;
                capped_at_boot_ns_ = clock.boot_ns();
                wall_minus_boot_ns_ = clock.wall_ns() - clock.boot_ns();
            }
            tries_ = known_ ? 0 : 1;
            substitute_ms_ = known_ ? newest_ms_ : wall_ms - kHourMs;
            return true;
        }
        if (ms != substitute_ms_) return true;  // an older guess; the next one is still to be tried
        if (substitute_ms_ == 0) return false;
        // 1 h, 2 h, 4 h, ... before our clock: 20 steps reach 1970 from anywhere.
        substitute_ms_ = std::max<int64_t>(0, wall_ms - (kHourMs << std::min(tries_++, 30)));
        return true;
    }

  private:
    static constexpr int64_t kHourMs = 3'600'000;
    static constexpr int64_t kAheadMs = 5 * 60'000;
    static constexpr int64_t kCapNs = 600 * base::kNsPerSecond;

    // Our clock was set, or it is time to see whether the broker's was.
    bool cap_is_over(const base::Clock& clock) const {
        const int64_t boot_ns = clock.boot_ns();
        return boot_ns - capped_at_boot_ns_ > kCapNs ||
               std::abs(clock.wall_ns() - boot_ns - wall_minus_boot_ns_) > 60 * base::kNsPerSecond;
    }

    bool known_ = false, capped_ = false;
    int tries_ = 0;
    int64_t newest_ms_ = 0, substitute_ms_ = 0;
    int64_t capped_at_boot_ns_ = 0, wall_minus_boot_ns_ = 0;
};

}  // namespace tributary::kafka
