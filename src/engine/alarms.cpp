// SPDX-License-Identifier: Apache-2.0
#include "engine/alarms.hpp"

#include <algorithm>
#include <cstring>
#include <type_traits>

#include "base/hash.hpp"
#include "base/log.hpp"
#include "engine/floods.hpp"
#include "engine/mutes.hpp"

namespace tributary::engine {
namespace {

static_assert(std::is_trivially_copyable_v<detect::LifecycleState>);  // its bytes are the checkpoint
static_assert(sizeof(detect::LifecycleState) == 80);                  // no padding

}  // namespace

std::string event_id(std::string_view gateway, std::string_view series, std::string_view detector, int64_t start_ns,
                     uint32_t nth) {
    auto text = base::format("{}\n{}\n{}\n{}", gateway, series, detector, start_ns);
    if (nth > 0) text += base::format("\n{}", nth);
    return base::sha256_hex(text).substr(0, 16);
}

Alarms::Alarms(const config::StreamSettings& settings) {
    for (const auto& wanted : settings.detectors) common_.push_back(detect::read_common(wanted.options));
}

bool Alarms::settle(const Place& place, const detect::Finding& finding, int64_t event_ns, double value,
                    model::TimeMark mark, const Context& context) {
    Event& event = events_[place.slot];
    bool held_off = false;
    const auto transition = detect::step(event.life, common_[place.detector], finding, event_ns, value, held_off);
    if (held_off || finding.held_off) context.stats.suppressed_events++;
    if (transition) {
        on(place, *transition, mark, context);
    } else if (event.muted != 0 && event.life.open != 0 && !context.mutes.muted(place.series, context.now_ns)) {
        // The mute is over and what it hid is still there.
        on(place, detect::describe(event.life, model::EventState::open), mark, context);
    }
    return transition && transition->state == model::EventState::open;
}

void Alarms::close(const Place& place, int64_t event_ns, const Context& context) {
    Event& event = events_[place.slot];
    if (const auto transition = detect::close(event.life, event_ns)) on(place, *transition, event.mark, context);
    event = {};
}

void Alarms::on(const Place& place, const detect::Transition& transition, model::TimeMark mark,
                const Context& context) {
    Event& event = events_[place.slot];
    const bool opens = transition.state == model::EventState::open;
    if (opens) {
        event.mark = mark;
        event.muted = context.mutes.muted(place.series, context.now_ns) ? 1 : 0;
        event.announced = 0;
        if (event.muted != 0) context.stats.suppressed_events++;
    }
    if (transition.state == model::EventState::closed) event.muted = 0;
    if (!place.stream.forwards(config::kForwardEvents) || event.muted != 0) return;
    if (!opens && event.announced == 0) return;
    auto record = describe(place, transition, std::max(event.mark, mark), context);
    if (opens && !context.floods.admit(record, context)) {
        context.stats.suppressed_events++;
        return;
    }
    event.announced = 1;
    if (told_) told_(place, record, context);
    context.sink.emit(std::move(record));
    context.stats.events++;
}

model::Event Alarms::describe(const Place& place, const detect::Transition& transition, model::TimeMark mark,
                              const Context& context) const {
    const auto& wanted = place.stream.detectors[place.detector];
    model::Event event;
    event.origin = {std::string(place.series), place.stream.name, place.stream.unit, place.stream.labels};
    event.event_id = event_id(context.gateway, place.series, wanted.name, transition.start_ns, transition.nth);
    event.detector = wanted.name;
    event.kind = transition.kind;
    event.state = transition.state;
    event.start_ns = transition.start_ns;
    event.end_ns = transition.end_ns;
    event.score = transition.score;
    event.value = transition.value;
    event.expected = transition.expected;
    event.severity = transition.severity;
    event.mark = mark;
    return event;
}

bool Alarms::acknowledge(const Place& place, const Acknowledgement& wanted, const Context& context) {
    const Event& event = events_[place.slot];
    if (event.announced == 0 || !place.stream.forwards(config::kForwardEvents)) return false;
    auto record = describe(place, detect::describe(event.life, model::EventState::update), event.mark, context);
    if (record.event_id != wanted.event_id) return false;
    if (event.life.open == 0) record.state = model::EventState::closed;
    if (event.life.open == 0) record.end_ns = event.life.told_ns;
    record.acknowledged_by = wanted.by;
    context.sink.emit(std::move(record));
    context.stats.events++;
    return true;
}

size_t Alarms::open() const {
    return static_cast<size_t>(
        std::count_if(events_.begin(), events_.end(), [](const Event& event) { return event.life.open != 0; }));
}

void Alarms::save(std::string& out) const {
    for (const Event& event : events_) {
        out.append(reinterpret_cast<const char*>(&event.life), sizeof event.life);
        out.push_back(static_cast<char>(event.announced | event.muted << 1));
        out.push_back(static_cast<char>(event.mark));
    }
}

bool Alarms::load(base::ByteReader& in) {
    for (Event& event : events_) {
        const auto life = in.take(sizeof event.life);
        if (!in.ok()) return false;
        std::memcpy(&event.life, life.data(), life.size());
        if (event.life.kind_length > sizeof event.life.kind) return false;
        if (event.life.severity > model::Severity::critical) return false;
        const uint8_t flags = in.byte();
        event.announced = flags & 1;
        event.muted = flags >> 1 & 1;
        event.mark = static_cast<model::TimeMark>(std::min<uint8_t>(in.byte(), 3));
    }
    return in.ok();
}

}  // namespace tributary::engine
