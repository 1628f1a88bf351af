// SPDX-License-Identifier: Apache-2.0
#include "base/clock.hpp"

#include <sys/timex.h>

#include <ctime>

namespace tributary::base {
namespace {

int64_t read_clock(clockid_t id) {
    timespec t{};
    clock_gettime(id, &t);
    return static_cast<int64_t>(t.tv_sec) * kNsPerSecond + t.tv_nsec;
}

}  // namespace

int64_t SystemClock::wall_ns() const { return read_clock(CLOCK_REALTIME); }
int64_t SystemClock::boot_ns() const { return read_clock(CLOCK_BOOTTIME); }

bool SystemClock::synchronised() const {
    timex state{};
    const int result = adjtimex(&state);
    return result != -1 && result != TIME_ERROR && (state.status & STA_UNSYNC) == 0;
}

}  // namespace tributary::base
