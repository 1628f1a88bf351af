// SPDX-License-Identifier: Apache-2.0
#include "gateway/context_pick.hpp"

namespace tributary::gateway {

std::optional<uint32_t> context_stream(const config::Settings& settings, std::string_view name) {
    for (uint32_t i = 0; i < settings.streams.size(); i++)
        if (settings.streams[i].name == name && settings.streams[i].context) return i;
    return std::nullopt;
}

void ContextPick::number(uint32_t stream, const config::Settings& settings, engine::Projection& projection,
                         const model::Message& message, int64_t arrival_ns) {
    const auto& streams = projection.streams_of(message.topic);
    const auto readings = [&](uint32_t index) -> uint32_t {
        return projection.readings(message, arrival_ns, index, projected_) ? static_cast<uint32_t>(projected_.size())
                                                                           : 0;
    };
    bool raw = false;
    total_ = 0;
    for (const uint32_t index : streams) {
        const auto& one = settings.streams[index];
        if (one.forwards(config::kForwardRaw) && !std::exchange(raw, true)) total_++;
        if (one.forwards(config::kForwardAll)) total_ += readings(index);
    }
    for (const uint32_t index : streams) {
        if (index == stream) first_ = total_;
        if (settings.streams[index].context) total_ += readings(index);
    }
}

const std::vector<ContextReading>& ContextPick::of(const model::ContextRange& range, uint32_t stream,
                                                   const config::Settings& settings, engine::Projection& projection,
                                                   const model::Message& message, int64_t arrival_ns) {
    picked_.clear();
    if (!projection.readings(message, arrival_ns, stream, projected_)) return picked_;
    const auto pick = [&] {
        picked_.clear();
        for (const auto& one : projected_)
            if (one.series == range.origin.series && one.reading.event_ns >= range.from_ns &&
                one.reading.event_ns < range.to_ns)
                picked_.push_back({one, first_ + one.n, total_ > 1});
    };
    first_ = 0;
    total_ = static_cast<uint32_t>(projected_.size());
    pick();
    if (picked_.empty() || projection.streams_of(message.topic).size() == 1) return picked_;
    number(stream, settings, projection, message, arrival_ns);
    projection.readings(message, arrival_ns, stream, projected_);  // again: texts may stand in the decoder
    pick();
    return picked_;
}

}  // namespace tributary::gateway
