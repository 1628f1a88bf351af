// SPDX-License-Identifier: Apache-2.0
// [events]: the bound on floods, maintenance by the clock, the topic of commands.
#include <algorithm>
#include <array>

#include "base/log.hpp"
#include "base/text.hpp"
#include "base/zone.hpp"
#include "config/sections.hpp"
#include "model/topic_filter.hpp"

namespace tributary::config {
namespace {

constexpr std::array<std::string_view, 7> kDays{"mon", "tue", "wed", "thu", "fri", "sat", "sun"};

// "22:00" as ns since midnight; 24:00 is the end of a day.
std::optional<int64_t> time_of_day(std::string_view text) {
    const auto digit = [&](size_t at) { return text[at] >= '0' && text[at] <= '9'; };
    if (text.size() != 5 || text[2] != ':' || !digit(0) || !digit(1) || !digit(3) || !digit(4)) return std::nullopt;
    const int hours = (text[0] - '0') * 10 + text[1] - '0', minutes = (text[3] - '0') * 10 + text[4] - '0';
    if (minutes > 59 || hours * 60 + minutes > 24 * 60) return std::nullopt;
    return (hours * 60 + minutes) * 60 * base::kNsPerSecond;
}

void read_time(Reader& reader, const Node& table, std::string_view key, const std::string& text, int64_t& into) {
    const auto* entry = table.find(key);
    if (entry == nullptr || entry->value.kind != NodeKind::text) return;
    if (const auto time = time_of_day(text))
        into = *time;
    else
        reader.error(kForm, entry->value.position, base::format("\"{}\" is not a time of day", text),
                     "hours and minutes: \"06:30\"");
}

MuteSettings read_mute(Reader& reader, const Node& table) {
    MuteSettings mute;
    reader.read(table, "[[events.mute]]", mute_keys(), mute);
    read_time(reader, table, "from", mute.from, mute.from_ns);
    read_time(reader, table, "to", mute.to, mute.to_ns);
    if (const auto* days = table.find("days"); days != nullptr && !mute.on.empty()) {
        mute.days = 0;
        for (const auto& day : mute.on)
            if (reader.chosen(*days, day, "mon|tue|wed|thu|fri|sat|sun"))
                mute.days |= static_cast<uint8_t>(1 << (std::find(kDays.begin(), kDays.end(), day) - kDays.begin()));
    }
    if (const auto* series = table.find("series"); series != nullptr && !model::valid_topic_filter(mute.series))
        reader.error(kForm, series->value.position, base::format("\"{}\" is not a filter of series", mute.series),
                     "as MQTT topic filters: \"line1/#\", \"+/press/temperature\"");
    if (const auto* zone = table.find("zone"); zone != nullptr && !mute.zone.empty()) {
        if (const auto found = base::Zone::find(mute.zone); !found)
            reader.error(kValue, zone->value.position, found.error().message);
        if (mute.zone == "UTC") mute.zone.clear();
    }
    return mute;
}

}  // namespace

void read_events(Reader& reader, const Node& table, EventSettings& into) {
    reader.read(table, "[events]", event_keys(), into);
    const auto* topic = table.find("commands_topic");
    if (topic != nullptr && into.commands_topic.find_first_of(std::string_view("+#\0", 3)) != std::string::npos)
        reader.error(kForm, topic->value.position, base::format("\"{}\" is not one topic", into.commands_topic),
                     "no wildcards: \"tributary/line1/commands\"");
    if (const auto* mutes = table.find("mute"))
        for (const Node* mute : tables_of(reader, *mutes)) into.mutes.push_back(read_mute(reader, *mute));
}

}  // namespace tributary::config
