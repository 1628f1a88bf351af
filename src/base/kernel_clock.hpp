// SPDX-License-Identifier: Apache-2.0
// Whether the kernel says that its clock is synchronised. A header alone, because tributary-clock (src/clock) asks too
// and has nothing of ours linked into it. Any thread.
#pragma once

#include <sys/timex.h>

namespace tributary::base {

// False also where it may not be asked.
inline bool kernel_synchronised() {
    timex state{};
    const int result = adjtimex(&state);
    return result != -1 && result != TIME_ERROR && (state.status & STA_UNSYNC) == 0;
}

}  // namespace tributary::base
