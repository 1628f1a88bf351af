// SPDX-License-Identifier: Apache-2.0
// Reads topics back, for people: any broker, no group, nothing is committed. Only what is committed is seen
// (read_committed). The caller's thread; a context of its own. What it does not do: print.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "config/settings.hpp"

namespace tributary::kafka {

struct TailOptions {
    std::vector<std::string> topics;  // full names; none = all of the prefix
    std::optional<int64_t> since_ms;  // record timestamp; else:
    std::optional<int64_t> last;      // so many of each partition; else only what comes
    bool follow = true;               // false: ends where the topics ended at the start
};

// Views are valid during the call.
struct TailRecord {
    std::string_view topic, key, value;
    bool tombstone = false;
    int32_t partition = 0;
    int64_t offset = 0, timestamp_ms = 0;
    std::vector<std::pair<std::string_view, std::string_view>> headers;
    std::string_view header(std::string_view name) const;
};

// take: false ends it. Ends also when stop is set, within half a second.
base::Result<> tail(const config::Settings& settings, const TailOptions& options,
                    const std::function<bool(const TailRecord&)>& take, const std::atomic<bool>& stop);

}  // namespace tributary::kafka
