// SPDX-License-Identifier: Apache-2.0
#include "gateway/replay_context.hpp"

#include <algorithm>

namespace tributary::gateway {

void ReplayContext::configure(std::shared_ptr<const config::Settings> settings) {
    any_ = std::any_of(settings->streams.begin(), settings->streams.end(),
                       [](const auto& stream) { return stream.context.has_value(); });
    setup_ = std::make_shared<Setup>();
    setup_->projection = engine::make_projection(settings);
    setup_->settings = std::move(settings);
}

void ReplayContext::keep(const model::Message& message, uint64_t seq, int64_t arrival_ns) {
    if (!any_) return;
    const auto& streams = setup_->projection->streams_of(message.topic);
    if (std::none_of(streams.begin(), streams.end(),
                     [&](uint32_t stream) { return setup_->settings->streams[stream].context.has_value(); }))
        return;
    messages_.push_back({setup_, seq, arrival_ns, clock_, std::string(message.topic), std::string(message.payload)});
    since_trim_++;
}

void ReplayContext::trim(const engine::Engine& engine) {
    constexpr uint64_t kEvery = 1'000;
    if (since_trim_ < kEvery) return;
    since_trim_ = 0;
    const uint64_t floor = engine.context_floor();
    while (!messages_.empty() && messages_.front().seq < floor) messages_.pop_front();
}

}  // namespace tributary::gateway
