// SPDX-License-Identifier: Apache-2.0
// The signals that end a command: SIGINT and SIGTERM, waited for instead of delivered. To be made before any thread,
// which then inherits that they are blocked; the caller's thread. What it does not do: unblock them again.
#pragma once

#include <csignal>
#include <ctime>

#include "base/clock.hpp"

namespace tributary::gateway {

class EndSignals {
  public:
    EndSignals() {
        sigemptyset(&set_);
        for (const int signal : {SIGTERM, SIGINT}) sigaddset(&set_, signal);
        pthread_sigmask(SIG_BLOCK, &set_, nullptr);
    }
    bool came(int64_t within_ns) const {
        const timespec wait{static_cast<time_t>(within_ns / base::kNsPerSecond),
                            static_cast<long>(within_ns % base::kNsPerSecond)};
        return sigtimedwait(&set_, nullptr, &wait) > 0;
    }

  private:
    sigset_t set_;
};

}  // namespace tributary::gateway
