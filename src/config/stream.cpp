// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <charconv>
#include <set>

#include "base/log.hpp"
#include "base/text.hpp"
#include "base/units.hpp"
#include "base/zone.hpp"
#include "config/sections.hpp"
#include "model/topic_filter.hpp"

namespace tributary::config {
namespace {

// RFC 6901: empty, or "/"-led parts in which ~ stands only as ~0 or ~1.
bool valid_pointer(std::string_view pointer) {
    if (pointer.empty()) return true;
    if (pointer.front() != '/') return false;
    for (size_t i = 0; i < pointer.size(); i++)
        if (pointer[i] == '~' && (i + 1 == pointer.size() || (pointer[i + 1] != '0' && pointer[i + 1] != '1')))
            return false;
    return true;
}

bool read_pointer(Reader& reader, const Entry& entry, std::string& into) {
    const auto pointer = reader.text(entry);
    if (!pointer) return false;
    if (!valid_pointer(*pointer)) {
        const bool slash = pointer->front() != '/';
        std::string dotted = *pointer;
        if (dotted.starts_with("$.")) dotted.erase(0, 2);
        std::replace(dotted.begin(), dotted.end(), '.', '/');
        reader.error(
            kForm, entry.value.position, base::format("\"{}\" is not a JSON pointer", *pointer),
            slash ? base::format("it begins with a slash: \"/{}\"", dotted) : "a ~ is written ~0, a / in a name ~1");
        return false;
    }
    into = *pointer;
    return true;
}

void read_values(Reader& reader, const Node& table, StreamSettings& stream) {
    const auto* one = table.find("value");
    const auto* several = table.find("values");
    if (one != nullptr && several != nullptr)
        reader.error(kConflict, several->position, "value and values are both set", "use one of them");
    if (one != nullptr) read_pointer(reader, *one, stream.values[0].pointer);
    if (several == nullptr || !reader.is(*several, NodeKind::table, "a table")) return;
    stream.values.clear();
    for (const auto& entry : several->value.entries) {
        ValueField field{entry.key, {}};
        if (entry.key.empty() || entry.key.find('\0') != std::string::npos)
            reader.error(kForm, entry.position, "a name in \"values\" is empty or has a NUL character in it");
        else if (read_pointer(reader, entry, field.pointer))
            stream.values.push_back(std::move(field));
    }
    if (several->value.entries.empty()) reader.error(kValue, several->position, "\"values\" is empty");
}

void read_labels(Reader& reader, const Entry& entry, StreamSettings& stream) {
    if (!reader.is(entry, NodeKind::table, "a table")) return;
    for (const auto& label : entry.value.entries)
        if (label.key.empty())
            reader.error(kForm, label.position, "a label has no name");
        else if (const auto text = reader.text(label))
            stream.labels.emplace_back(label.key, *text);
}

void read_time_keys(Reader& reader, const Node& table, StreamSettings& stream) {
    if (const auto* time = table.find("time"))
        if (!read_pointer(reader, *time, stream.time_pointer)) stream.time_pointer.clear();
    if (const auto* unit = table.find("time_unit")) {
        const auto word = reader.text(*unit);
        if (word && reader.chosen(*unit, *word, "s|ms|us|ns"))
            stream.time_unit_ns = *word == "s"    ? base::kNsPerSecond
                                  : *word == "ms" ? base::kNsPerMs
                                  : *word == "us" ? base::kNsPerUs
                                                  : 1;
    }
    if (const auto* zone = table.find("time_zone"); zone != nullptr && !stream.time_zone.empty()) {
        if (const auto found = base::Zone::find(stream.time_zone); !found)
            reader.error(kForm, zone->value.position, found.error().message, "a name of the IANA time zones");
        if (stream.time_zone == "UTC") stream.time_zone.clear();
        if (table.find("time") == nullptr)
            reader.warn(kDoubtful, zone->position, "time_zone is set, but no time is read from the payload",
                        "set time to the JSON pointer of the time");
    }
    if (const auto* min = table.find("min_time")) {
        const bool fits = min->value.kind == NodeKind::time || reader.is(*min, NodeKind::text, "a time");
        const auto ns = fits ? base::parse_time_ns(min->value.text) : std::nullopt;
        if (ns)
            stream.min_time_ns = base::ns_to_ms(*ns) * base::kNsPerMs;
        else if (fits)
            reader.error(kForm, min->value.position, base::format("\"{}\" is not a time", min->value.text),
                         "for example \"2000-01-01T00:00:00Z\"");
    }
}

// The number of levels every topic of this filter has at least.
size_t levels(std::string_view filter) {
    filter = model::without_share(filter);
    auto count = static_cast<size_t>(std::count(filter.begin(), filter.end(), '/')) + 1;
    if (filter.ends_with('#')) count--;
    return count;
}

// {n} in the series template: form, and whether every topic has so many levels. Returns whether there was any.
bool check_series(Reader& reader, const Entry& entry, const StreamSettings& stream) {
    const auto& pattern = stream.series;
    bool any = false;
    for (size_t at = pattern.find_first_of("{}"); at != std::string::npos; at = pattern.find_first_of("{}", at)) {
        const auto end = pattern.find('}', at);
        const auto inside = end == std::string::npos ? "" : pattern.substr(at + 1, end - at - 1);
        const bool number = pattern[at] == '{' && !inside.empty() && inside.size() <= 4 && inside != "0" &&
                            inside.find_first_not_of("0123456789") == std::string::npos;
        if (!number) {
            reader.error(kForm, entry.value.position,
                         base::format("the series template \"{}\" is not right at character {}", pattern, at + 1),
                         "{1} is the first topic level, {2} the second; other braces cannot be used");
            return true;
        }
        any = true;
        for (const auto& topic : stream.topics)
            if (const size_t have = levels(topic); !topic.ends_with('#') && std::stoul(inside) > have)
                reader.error(kConflict, entry.value.position,
                             base::format("{{{}}}: topics of \"{}\" have only {} levels", inside, topic, have),
                             "levels are counted from 1");
        at = end + 1;
    }
    return any;
}

void check_topics(Reader& reader, const Entry& entry) {
    std::set<std::string, std::less<>> seen;
    const auto check = [&](const Node& item) {
        if (item.kind != NodeKind::text) return;
        if (!model::valid_topic_filter(item.text)) {
            const bool blank = item.text.find('*') != std::string::npos;
            reader.error(
                kForm, item.position, base::format("\"{}\" is not an MQTT topic filter", item.text),
                blank ? "wildcards are + (one level) and # (the rest)"
                      : "+ stands alone in its level, # alone and last: \"factory/+/temperature\", \"factory/#\"");
        } else if (item.text.find('*') != std::string::npos) {
            reader.warn(kDoubtful, item.position, base::format("* in \"{}\" is an ordinary character", item.text),
                        "wildcards are + (one level) and # (the rest)");
        }
        if (!seen.insert(item.text).second)
            reader.warn(kDoubtful, item.position, base::format("\"{}\" stands twice in topics", item.text));
    };
    check(entry.value);
    for (const auto& item : entry.value.items) check(item);
}

void read_forward(Reader& reader, const Node& table, StreamSettings& stream) {
    const auto* entry = table.find("forward");
    if (entry == nullptr) {
        stream.forward = kForwardEvents;
        if (!stream.windows.empty()) stream.forward |= kForwardWindows;
        if (stream.downsample) stream.forward |= kForwardReduced;
        if (stream.forward == kForwardEvents) stream.forward |= kForwardAll;
        return;
    }
    const auto words = reader.texts(*entry);
    if (!words) return;
    bool none = false;
    for (const auto& word : *words) {
        if (!reader.chosen(*entry, word, "none|windows|events|reduced|all|raw")) continue;
        if (word == "none") none = true;
        if (word == "windows") stream.forward |= kForwardWindows;
        if (word == "events") stream.forward |= kForwardEvents;
        if (word == "reduced") stream.forward |= kForwardReduced;
        if (word == "all") stream.forward |= kForwardAll;
        if (word == "raw") stream.forward |= kForwardRaw;
    }
    if (none && stream.forward != 0)
        reader.error(kConflict, entry->value.position, "\"forward\" has none together with something else");
    if (stream.forwards(kForwardWindows) && table.find("window") == nullptr)
        reader.error(kConflict, entry->value.position, "\"forward\" has windows, but the stream has no window",
                     "add window = { size = \"10s\" }");
    if (!stream.forwards(kForwardReduced)) return;
    if (table.find("downsample") == nullptr)
        reader.error(kConflict, entry->value.position, "\"forward\" has reduced, but the stream has no downsample",
                     "add downsample = { type = \"swinging-door\", deviation = 0.5 }");
    if (stream.forwards(kForwardAll) || stream.forwards(kForwardRaw))
        reader.error(kConflict, entry->value.position,
                     "\"forward\" has reduced together with all or raw: readings would be in one topic twice",
                     "use one of them");
}

void read_priority(Reader& reader, const Node& table, StreamSettings& stream) {
    const auto* entry = table.find("priority");
    if (entry == nullptr) return;
    const auto word = reader.text(*entry);
    if (!word || !reader.chosen(*entry, *word, "low|normal|high")) return;
    for (const auto priority : {model::Priority::low, model::Priority::high})
        if (*word == model::priority_name(priority)) stream.priority = priority;
}

// "20%" or "64MiB".
void read_quota(Reader& reader, const Node& table, StreamSettings& stream) {
    const auto* entry = table.find("quota");
    if (entry == nullptr) return;
    const auto text = reader.text(*entry);
    if (!text) return;
    constexpr int64_t kLeastBytes = 64 << 10;
    if (text->ends_with('%')) {
        const auto* end = text->data() + text->size() - 1;
        const auto [at, status] = std::from_chars(text->data(), end, stream.quota.percent);
        if (status == std::errc{} && at == end && stream.quota.percent >= 1 && stream.quota.percent <= 100) return;
        reader.error(kValue, entry->value.position, base::format("\"{}\" is not a share of the store's room", *text),
                     "a whole number from 1% to 100%");
        stream.quota = {};
        return;
    }
    const auto bytes = base::parse_size_bytes(*text);
    if (!bytes)
        reader.error(kForm, entry->value.position, bytes.error().message, "or a share of the store's room: \"20%\"");
    else if (*bytes < kLeastBytes)
        reader.error(kValue, entry->value.position, base::format("a \"quota\" of {} is less than one block", *text),
                     "at least 64KiB");
    else
        stream.quota.bytes = *bytes;
}

void check_scalar(Reader& reader, const Node& table, const StreamSettings& stream) {
    if (stream.format != "scalar") return;
    for (const auto* key : {"value", "values", "time"})
        if (const auto* entry = table.find(key))
            reader.error(kConflict, entry->position,
                         base::format("\"{}\" is for JSON; a scalar payload is the value itself", key),
                         "take it out, or format = \"json\"");
}

}  // namespace

StreamSettings read_stream(Reader& reader, const Node& table) {
    StreamSettings stream;
    stream.position = table.position;
    const auto* name = table.find("name");
    const std::string where = name != nullptr && name->value.kind == NodeKind::text
                                  ? base::format("stream \"{}\"", name->value.text)
                                  : "[[stream]]";
    reader.read(table, where, stream_keys(), stream);
    if (name != nullptr && !stream.name.empty() && (!plain_name(stream.name) || stream.name.size() > 100))
        reader.error(kForm, name->value.position, base::format("\"{}\" cannot be the name of a stream", stream.name),
                     "use letters, digits, - _ . (at most 100)");
    if (table.find("scale") != nullptr && stream.scale == 0)
        reader.error(kValue, table.find("scale")->value.position, "\"scale\" is 0: every value would be the offset");
    if (const auto* topics = table.find("topics")) check_topics(reader, *topics);
    read_values(reader, table, stream);
    read_time_keys(reader, table, stream);
    check_scalar(reader, table, stream);
    if (const auto* labels = table.find("labels")) read_labels(reader, *labels, stream);
    if (const auto* window = table.find("window")) read_windows(reader, *window, stream);
    if (const auto* detect = table.find("detect")) read_detectors(reader, *detect, stream);
    if (const auto* downsample = table.find("downsample")) read_downsample(reader, *downsample, stream);
    if (const auto* series = table.find("series"); series != nullptr && !stream.series.empty()) {
        const bool wild = std::any_of(stream.topics.begin(), stream.topics.end(),
                                      [](const std::string& t) { return t.find_first_of("+#") != std::string::npos; });
        if (!check_series(reader, *series, stream) && wild)
            reader.warn(kDoubtful, series->value.position, "all topics of this stream become one series",
                        "use topic levels: \"{1}/{2}\"");
    }
    read_forward(reader, table, stream);
    read_priority(reader, table, stream);
    read_quota(reader, table, stream);
    if (const auto* context = table.find("context")) read_context(reader, *context, stream);
    stream.text = stream_text(stream);
    return stream;
}

}  // namespace tributary::config
