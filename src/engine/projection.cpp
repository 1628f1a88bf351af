// SPDX-License-Identifier: Apache-2.0
#include "engine/projection.hpp"

#include <algorithm>
#include <cstdlib>

#include "model/topic_filter.hpp"

namespace tributary::engine {
namespace {

constexpr size_t kMostRoutes = 16'384;

// The instant a local time names. Twice: the one nearer to arrival. Never: read by the offset before the gap, which
// moves it forward by the gap.
int64_t instant(const base::Zone& zone, int64_t local_ns, int64_t arrival_ns) {
    const auto found = zone.instants(local_ns);
    if (found.kind != base::Zone::Kind::twice) return found.later_ns;
    return std::abs(arrival_ns - found.earlier_ns) < std::abs(arrival_ns - found.later_ns) ? found.earlier_ns
                                                                                           : found.later_ns;
}

}  // namespace

MessageProjection::MessageProjection(std::shared_ptr<const config::Settings> settings)
    : settings_(std::move(settings)), last_(routes_.end()) {
    for (const auto& stream : settings_->streams) {
        const codec::Format* format = codec::find_format(stream.format);
        decoders_.push_back((format != nullptr ? format->make : codec::make_auto)(stream));
        zones_.emplace_back();
        if (stream.time_zone.empty()) continue;
        if (const auto zone = base::Zone::find(stream.time_zone)) zones_.back() = *zone;
    }
}

const MessageProjection::Route& MessageProjection::route(std::string_view topic) {
    if (last_ != routes_.end() && last_->first == topic) return last_->second;
    last_ = routes_.find(topic);
    if (last_ == routes_.end()) {
        if (routes_.size() >= kMostRoutes) routes_.clear();
        last_ = routes_.emplace(std::string(topic), make_route(topic)).first;
    }
    return last_->second;
}

MessageProjection::Route MessageProjection::make_route(std::string_view topic) const {
    Route route;
    if (topic == settings_->events.commands_topic) return route;  // for us, whatever filter matches
    for (uint32_t i = 0; i < settings_->streams.size(); i++) {
        const auto& stream = settings_->streams[i];
        const bool matches = std::any_of(stream.topics.begin(), stream.topics.end(),
                                         [&](const auto& filter) { return model::topic_matches(filter, topic); });
        if (!matches) continue;
        route.streams.push_back(i);
        const std::string base =
            stream.series.empty() ? std::string(topic) : model::expand_topic_template(stream.series, topic);
        for (const auto& value : stream.values)
            route.series.push_back(value.name.empty() ? base : base + "/" + value.name);
    }
    route.streams.shrink_to_fit();
    route.series.shrink_to_fit();
    return route;
}

bool MessageProjection::gives(std::string_view topic, uint32_t stream, std::string_view series) {
    const Route& known = route(topic);
    auto name = known.series.begin();
    for (const uint32_t other : known.streams) {
        const auto end = name + static_cast<std::ptrdiff_t>(settings_->streams[other].values.size());
        if (other == stream) return std::find(name, end, series) != end;
        name = end;
    }
    return false;
}

bool MessageProjection::readings(const model::Message& message, int64_t arrival_ns, uint32_t stream,
                                 std::vector<Projected>& out) {
    uint64_t replaced = 0;
    return project(message, arrival_ns, stream, out, replaced) == codec::Reason::none;
}

codec::Reason MessageProjection::project(const model::Message& message, int64_t arrival_ns, uint32_t stream,
                                         std::vector<Projected>& out, uint64_t& replaced) {
    out.clear();
    if (message.payload.size() > codec::kMaxPayloadBytes) return codec::Reason::too_large;
    if (const auto reason = decoders_[stream]->decode(message.payload, decoded_); reason != codec::Reason::none)
        return reason;
    const Route& known = route(message.topic);
    size_t first_name = 0;
    for (const uint32_t other : known.streams) {
        if (other == stream) break;
        first_name += settings_->streams[other].values.size();
    }
    const auto& settings = settings_->streams[stream];
    model::Reading common;
    stamp(stream, std::clamp(arrival_ns, -codec::kTimeLimitNs, codec::kTimeLimitNs), common, replaced);
    for (const codec::Field& field : decoded_.fields) {
        model::Reading reading = common;
        reading.value = field.value;
        out.push_back({&settings, known.series[first_name + field.index], reading, static_cast<uint32_t>(out.size())});
    }
    return codec::Reason::none;
}

void MessageProjection::stamp(uint32_t index, int64_t arrival_ns, model::Reading& reading, uint64_t& replaced) {
    const auto& stream = settings_->streams[index];
    const bool unsynced = clock_ == model::ClockState::unsynced;
    reading.event_ns = arrival_ns;
    reading.mark = unsynced                                ? model::TimeMark::unsynced
                   : clock_ == model::ClockState::repaired ? model::TimeMark::repaired
                                                           : model::TimeMark::arrival;
    if (!decoded_.event_ns) return;
    const auto& zone = zones_[index];
    const int64_t device_ns =
        decoded_.local && zone ? instant(*zone, *decoded_.event_ns, arrival_ns) : *decoded_.event_ns;
    // An unsynchronised clock of ours cannot say that a device is ahead.
    const bool ahead = !unsynced && device_ns > arrival_ns && device_ns - arrival_ns > stream.max_ahead_ns;
    if (ahead || device_ns < stream.min_time_ns) {
        replaced++;
        return;
    }
    reading.event_ns = device_ns;
    reading.mark = model::TimeMark::device;
}

std::unique_ptr<Projection> make_projection(std::shared_ptr<const config::Settings> settings) {
    return std::make_unique<MessageProjection>(std::move(settings));
}

}  // namespace tributary::engine
