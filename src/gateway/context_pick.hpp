// SPDX-License-Identifier: Apache-2.0
// Which readings of one message belong to a context range, and by which id they are known. Shared by the feed to Kafka
// and by `replay`; one thread per instance. What it does not do: walk the log.
//
// A reading's number within its message counts first what is forwarded anyway (raw, all), then the readings of streams
// with context, in the order of the streams. So a reading has the id it would have if it were forwarded alone, and
// never that of another.
#pragma once

#include <vector>

#include "engine/engine.hpp"

namespace tributary::gateway {

struct ContextReading {
    engine::Projected projected;  // its series: not set, it is the range's
    uint32_t n = 0;               // counts when `several`
    bool several = false;
};

class ContextPick {
  public:
    // stream: index of the range's stream in settings. Valid while the message is, until the next call.
    const std::vector<ContextReading>& of(const model::ContextRange& range, uint32_t stream,
                                          const config::Settings& settings, engine::Projection& projection,
                                          const model::Message& message, int64_t arrival_ns);

  private:
    void number(uint32_t stream, const config::Settings& settings, engine::Projection& projection,
                const model::Message& message, int64_t arrival_ns);

    std::vector<ContextReading> picked_;
    std::vector<engine::Projected> projected_;
    uint32_t first_ = 0, total_ = 0;  // of the stream's readings; of all that the message gives
};

// Index of the stream in these settings, if it has context there.
std::optional<uint32_t> context_stream(const config::Settings& settings, std::string_view name);

}  // namespace tributary::gateway
