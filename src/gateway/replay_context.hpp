// SPDX-License-Identifier: Apache-2.0
// Raw context in `replay`: keeps the messages that a context range may still ask for and finds the readings of one, as
// ContextFeed does in the gateway. Replay's one thread. Bounded by the engine's own floor.
#pragma once

#include <deque>
#include <memory>
#include <string>

#include "gateway/context_pick.hpp"

namespace tributary::gateway {

class ReplayContext {
  public:
    // From here on; nothing is kept while no stream has context.
    void configure(std::shared_ptr<const config::Settings> settings);
    void set_clock(model::ClockState clock) { clock_ = clock; }
    void keep(const model::Message& message, uint64_t seq, int64_t arrival_ns);
    // Drops what lies below the engine's floor, now and then.
    void trim(const engine::Engine& engine);

    // Calls each(reading, seq of its message, index, several) for the readings of the range, in order.
    template <class Each>
    void readings(const model::ContextRange& range, Each each) {
        for (Kept& kept : messages_) {
            if (kept.seq < range.from_seq || kept.seq > range.to_seq) continue;
            const auto stream = context_stream(*kept.setup->settings, range.origin.stream);
            if (!stream || !kept.setup->projection->gives(kept.topic, *stream, range.origin.series)) continue;
            model::Message message;
            message.topic = kept.topic, message.payload = kept.payload;
            kept.setup->projection->set_clock(kept.clock);
            for (const ContextReading& one :
                 pick_.of(range, *stream, *kept.setup->settings, *kept.setup->projection, message, kept.arrival_ns)) {
                engine::Projected projected = one.projected;
                projected.series = range.origin.series;
                each(projected, kept.seq, one.n, one.several);
            }
        }
    }

  private:
    struct Setup {
        std::shared_ptr<const config::Settings> settings;
        std::unique_ptr<engine::Projection> projection;
    };
    struct Kept {
        std::shared_ptr<Setup> setup;
        uint64_t seq = 0;
        int64_t arrival_ns = 0;
        model::ClockState clock = model::ClockState::synced;
        std::string topic, payload;
    };

    std::shared_ptr<Setup> setup_;
    bool any_ = false;
    model::ClockState clock_ = model::ClockState::synced;
    std::deque<Kept> messages_;
    uint64_t since_trim_ = 0;
    ContextPick pick_;
};

}  // namespace tributary::gateway
