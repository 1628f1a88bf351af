// SPDX-License-Identifier: Apache-2.0
// Topic -> streams and series names (a bounded cache), payload -> readings with checked stamps. The part of the engine
// that kafka_loop runs too, with its own instance: one thread per instance. A pure function of the settings, the clock
// state and the message; the cache changes nothing but speed.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

#include "base/zone.hpp"
#include "codec/codec.hpp"
#include "engine/engine.hpp"

namespace tributary::engine {

class MessageProjection final : public Projection {
  public:
    explicit MessageProjection(std::shared_ptr<const config::Settings> settings);

    const std::vector<uint32_t>& streams_of(std::string_view topic) override { return route(topic).streams; }
    bool readings(const model::Message& message, int64_t arrival_ns, uint32_t stream,
                  std::vector<Projected>& out) override;
    bool gives(std::string_view topic, uint32_t stream, std::string_view series) override;
    void set_clock(model::ClockState state) override { clock_ = state; }

    // The same with the reason; `replaced` counts stamps that arrival took the place of.
    codec::Reason project(const model::Message& message, int64_t arrival_ns, uint32_t stream,
                          std::vector<Projected>& out, uint64_t& replaced);

  private:
    struct Route {
        std::vector<uint32_t> streams;
        std::vector<std::string> series;  // of the values of the first stream, of the second, ...
    };
    struct Hash {
        using is_transparent = void;
        size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
    };
    using Routes = std::unordered_map<std::string, Route, Hash, std::equal_to<>>;

    const Route& route(std::string_view topic);
    Route make_route(std::string_view topic) const;
    void stamp(uint32_t stream, int64_t arrival_ns, model::Reading& reading, uint64_t& replaced);

    std::shared_ptr<const config::Settings> settings_;
    std::vector<std::unique_ptr<codec::Decoder>> decoders_;  // by stream
    std::vector<std::optional<base::Zone>> zones_;           // by stream; nothing = UTC
    model::ClockState clock_ = model::ClockState::synced;
    Routes routes_;  // only looked up, never walked
    Routes::const_iterator last_;
    codec::Decoded decoded_;
};

}  // namespace tributary::engine
