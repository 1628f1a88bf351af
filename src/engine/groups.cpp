// SPDX-License-Identifier: Apache-2.0
#include "engine/groups.hpp"

#include <bit>
#include <cstring>
#include <type_traits>
#include <utility>

#include "model/topic_filter.hpp"

namespace tributary::engine {
namespace {

static_assert(std::is_trivially_copyable_v<detect::GroupState>);  // their bytes are the checkpoint
static_assert(std::is_trivially_copyable_v<detect::MemberState>);

template <class State>
void put(std::string& out, const State& state) {
    out.append(reinterpret_cast<const char*>(&state), sizeof state);
}

template <class State>
void get(base::ByteReader& in, State& state) {
    const auto bytes = in.take(sizeof state);
    if (in.ok()) std::memcpy(&state, bytes.data(), sizeof state);
}

}  // namespace

Groups::Groups(const config::StreamSettings& settings, size_t detector)
    : settings_(&settings), detector_(detector), rules_(settings.detectors[detector].options), alarms_(settings) {}

void Groups::add(model::SeriesId series, std::string_view name, const model::Reading& reading, const Context& context) {
    if (places_.size() <= series) places_.resize(series + 1);
    Place& place = places_[series];
    if (place.group == kNowhere) place.group = intern(name, context.topic);
    if (place.member == kRefused && !admit(place)) {
        context.stats.members_refused++;
        return;
    }
    One& one = groups_[place.group];
    const auto round = rules_.update(one.state, one.members, place.member, reading.event_ns, reading.value.number);
    if (!round) return;
    const bool opened =
        alarms_.settle(whose(place.group), round->finding, round->event_ns, round->value, reading.mark, context);
    context.sink.score(names_.name(place.group), round->event_ns, round->finding.score, opened,
                       alarms_.is_open(place.group));
}

Groups::GroupId Groups::intern(std::string_view name, std::string_view topic) {
    const std::string& given = rules_.name_template();
    const size_t last = name.rfind('/');
    const std::string group = !given.empty()                   ? model::expand_topic_template(given, topic)
                              : last != std::string_view::npos ? std::string(name.substr(0, last))
                                                               : std::string();
    const GroupId id = names_.intern(group.empty() ? settings_->name : group);
    if (groups_.size() <= id) {
        groups_.resize(id + 1);
        alarms_.resize(groups_.size());
    }
    return id;
}

bool Groups::admit(Place& place) {
    One& one = groups_[place.group];
    const auto member = static_cast<size_t>(std::countr_one(one.taken));
    if (member >= rules_.most_members()) {
        one.crowded = true;
        return false;
    }
    one.taken |= uint64_t{1} << member;
    if (one.members.size() <= member) one.members.resize(member + 1);
    place.member = static_cast<uint8_t>(member);
    return true;
}

void Groups::forget(model::SeriesId series, const Context& context) {
    if (series >= places_.size()) return;
    const Place place = std::exchange(places_[series], {});
    if (place.member == kRefused) return;
    One& one = groups_[place.group];
    detect::Group::forget_member(one.state, one.members, place.member);
    one.taken &= ~(uint64_t{1} << place.member);
    if (one.taken != 0) return;
    close(place.group, context);
    if (one.crowded)
        for (Place& other : places_)
            if (other.group == place.group) other = {};
    one = {};
    names_.release(place.group);
}

void Groups::restart(model::SeriesId series, const Context& context) {
    if (!has_place(series)) return;
    const GroupId group = places_[series].group;
    close(group, context);
    groups_[group].state.came = 0;
}

void Groups::flush(const Context& context) {
    for (GroupId group = 0; group < groups_.size(); group++) close(group, context);
}

bool Groups::acknowledge(const Acknowledgement& wanted, const Context& context) {
    for (GroupId group = 0; group < groups_.size(); group++)
        if (alarms_.acknowledge(whose(group), wanted, context)) return true;
    return false;
}

void Groups::count(Stats& stats) const {
    stats.open_events += alarms_.open();
    stats.groups += names_.known();
    for (const One& one : groups_)
        if (one.taken != 0) stats.group_bytes += sizeof one.state + one.members.size() * sizeof(detect::MemberState);
}

void Groups::save(std::string& out) const {
    names_.save(out);
    for (const One& one : groups_) {
        base::put_varint(out, one.members.size());
        base::put_fixed64(out, one.taken);
        out.push_back(one.crowded ? 1 : 0);
        put(out, one.state);
        for (const auto& member : one.members) put(out, member);
    }
    alarms_.save(out);
    base::put_varint(out, places_.size());
    for (const Place& place : places_) {
        base::put_varint(out, place.group);
        out.push_back(static_cast<char>(place.member));
    }
}

bool Groups::load(base::ByteReader& in, size_t series) {
    if (!names_.load(in)) return false;
    groups_.resize(names_.size());
    for (One& one : groups_) {
        const uint64_t members = in.varint();
        if (members > rules_.most_members()) return false;
        one.taken = in.fixed64();
        if (members < detect::kMostMembers && one.taken >> members != 0) return false;
        one.crowded = in.byte() != 0;
        get(in, one.state);
        one.members.resize(members);
        for (auto& member : one.members) get(in, member);
    }
    alarms_.resize(groups_.size());
    if (!alarms_.load(in)) return false;
    const uint64_t places = in.varint();
    if (!in.ok() || places > series) return false;
    places_.resize(places);
    for (Place& place : places_) {
        place.group = static_cast<GroupId>(in.varint());
        place.member = in.byte();
        if (place.group != kNowhere && place.group >= groups_.size()) return false;
        if (place.member == kRefused) continue;
        if (place.group == kNowhere || place.member >= groups_[place.group].members.size()) return false;
    }
    return in.ok();
}

}  // namespace tributary::engine
