// SPDX-License-Identifier: Apache-2.0
// The stages of a stream: its windows, detectors and downsampler.
#include <algorithm>
#include <array>
#include <filesystem>
#include <set>

#include "base/files.hpp"
#include "base/log.hpp"
#include "base/text.hpp"
#include "base/units.hpp"
#include "base/zone.hpp"
#include "config/sections.hpp"

namespace tributary::config {
namespace {

// Keys that say how long a window is, and which types need them.
void check_shape(Reader& reader, const Node& table, const WindowSettings& window) {
    struct Row {
        const char* key;
        std::string_view types;  // that have it
        bool needed;
    };
    constexpr std::array kRows{
        Row{"size", "tumbling hopping", true},
        Row{"slide", "hopping", true},
        Row{"gap", "session", true},
        Row{"count", "count", true},
        Row{"zone", "tumbling hopping", false},
        Row{"offset", "tumbling hopping", false},
        Row{"revise", "tumbling hopping", false},
        Row{"lateness", "tumbling hopping session", false},
    };
    if (const auto* type = table.find("type"); type != nullptr && type->value.text != window.type) return;  // a slip
    for (const Row& row : kRows) {
        const auto* entry = table.find(row.key);
        const bool has = row.types.find(window.type) != std::string_view::npos;
        if (entry != nullptr && !has)
            reader.error(kConflict, entry->position, base::format("a {} window has no \"{}\"", window.type, row.key),
                         base::format("\"{}\" is for {}", row.key, row.types));
        if (entry == nullptr && has && row.needed)
            reader.error(kMissing, table.position, base::format("\"{}\" is missing", row.key),
                         base::format("a {} window needs it", window.type));
    }
}

void check_lengths(Reader& reader, const Node& table, const WindowSettings& window) {
    constexpr int64_t kMostAtOnce = 200;
    using Length = std::pair<const char*, int64_t>;
    for (const auto& [key, ns] :
         {Length{"size", window.size_ns}, Length{"slide", window.slide_ns}, Length{"gap", window.gap_ns}})
        if (ns % base::kNsPerMs != 0)
            reader.error(kValue, table.find(key)->value.position,
                         base::format("\"{}\" must be whole milliseconds", key));
    const auto* slide = table.find("slide");
    if (slide != nullptr && window.slide_ns > 0 && window.size_ns > 0) {
        if (window.size_ns % window.slide_ns != 0)
            reader.error(kValue, slide->value.position, "\"size\" is not a multiple of \"slide\"",
                         "size = \"10s\", slide = \"2s\": five windows at once");
        else if (window.size_ns / window.slide_ns > kMostAtOnce)
            reader.error(kValue, slide->value.position,
                         base::format("every reading would be in {} windows", window.size_ns / window.slide_ns),
                         base::format("at most {}: a longer slide, or a shorter size", kMostAtOnce));
    }
    const int64_t step_ns = window.slide_ns > 0 ? window.slide_ns : window.size_ns;
    if (const auto* offset = table.find("offset"); offset != nullptr && step_ns > 0 && window.offset_ns >= step_ns)
        reader.error(kValue, offset->value.position, "\"offset\" is not less than the distance of the windows",
                     base::format("less than {}", base::format_duration(step_ns)));
}

void check_window(Reader& reader, const Node& table, WindowSettings& window) {
    check_shape(reader, table, window);
    check_lengths(reader, table, window);
    const auto written = [&](const char* key) {
        const auto* entry = table.find(key);
        return entry == nullptr ? std::string() : entry->value.text;
    };
    if (window.name.empty() && window.type == "tumbling") window.name = written("size");
    if (window.name.empty() && window.type == "hopping") window.name = written("size") + "/" + written("slide");
    if (window.name.empty() && window.type == "session") window.name = "session-" + written("gap");
    if (window.name.empty() && window.type == "count") window.name = base::format("count-{}", window.count);
    if (table.find("idle") == nullptr)
        window.idle_ns = std::max({window.size_ns, window.gap_ns, 60 * base::kNsPerSecond});
    if (const auto* zone = table.find("zone"); zone != nullptr && !window.zone.empty())
        if (const auto found = base::Zone::find(window.zone); !found)
            reader.error(kValue, zone->value.position, found.error().message);
}

bool is_numbers(const Node& list) {
    return !list.items.empty() && std::all_of(list.items.begin(), list.items.end(), [](const Node& item) {
        return item.kind == NodeKind::integer || item.kind == NodeKind::number;
    });
}

std::vector<double> numbers(const Node& list) {
    std::vector<double> out;
    for (const Node& item : list.items)
        out.push_back(item.kind == NodeKind::integer ? static_cast<double>(item.integer) : item.number);
    return out;
}

// Stages declare their own options; here they are only carried along.
void read_options(Reader& reader, const Node& table, model::OptionMap& into, bool lists = false) {
    for (const auto& entry : table.entries) {
        if (entry.key == "type" || entry.key == "name") continue;
        const auto& value = entry.value;
        model::OptionValue option{false, value.position};
        if (value.kind == NodeKind::boolean)
            option.value = value.boolean;
        else if (value.kind == NodeKind::integer)
            option.value = value.integer;
        else if (value.kind == NodeKind::number)
            option.value = value.number;
        else if (lists && value.kind == NodeKind::list && is_numbers(value))
            option.value = numbers(value);
        else if (reader.is(entry, NodeKind::text, "one value"))
            option.value = value.text;
        else
            continue;
        into.emplace(entry.key, std::move(option));
    }
}

// A file that an option names becomes the option `content`: part of the stream's text, so that whoever processes the
// log later has what we had. Relative names count from the folder of the configuration.
void read_file_option(Reader& reader, model::OptionMap& options) {
    constexpr size_t kMostBytes = 1 << 20;
    const auto named = options.find("file");
    if (!reader.reads_files || named == options.end() || options.contains("content")) return;
    const auto* name = std::get_if<std::string>(&named->second.value);
    if (name == nullptr) return;  // the detector's declaration says so
    const auto path = std::filesystem::path(named->second.position.file).parent_path() / *name;
    auto content = base::read_file(path.string());
    if (!content)
        return reader.error(kFile, named->second.position,
                            base::format("{} cannot be read: {}", path.string(), content.error().message));
    if (content->size() > kMostBytes || !base::valid_utf8(*content))
        return reader.error(kFile, named->second.position,
                            base::format("{} is not a text of at most {} bytes", path.string(), kMostBytes));
    options.emplace("content", model::OptionValue{std::move(*content), named->second.position});
}

}  // namespace

std::vector<const Node*> tables_of(Reader& reader, const Entry& entry) {
    if (entry.value.kind == NodeKind::table) return {&entry.value};
    std::vector<const Node*> tables;
    if (!reader.is(entry, NodeKind::list, "a list of tables")) return tables;
    for (const auto& item : entry.value.items)
        if (reader.is({entry.key, item.position, item}, NodeKind::table, "a table")) tables.push_back(&item);
    return tables;
}

void read_windows(Reader& reader, const Entry& entry, StreamSettings& stream) {
    std::set<std::string> names;
    for (const Node* table : tables_of(reader, entry)) {
        WindowSettings window;
        window.position = table->position;
        reader.read(*table, base::format("window of stream \"{}\"", stream.name), window_keys(), window);
        check_window(reader, *table, window);
        if (!names.insert(window.name).second)
            reader.error(kTwice, table->position,
                         base::format("stream \"{}\" has two windows \"{}\"", stream.name, window.name),
                         "give them a name");
        stream.windows.push_back(std::move(window));
    }
}

void read_detectors(Reader& reader, const Entry& entry, StreamSettings& stream) {
    std::set<std::string> names;
    for (const Node* table : tables_of(reader, entry)) {
        DetectSettings detector;
        detector.position = table->position;
        reader.read(*table, base::format("detector of stream \"{}\"", stream.name), detect_keys(), detector, true);
        if (detector.name.empty()) detector.name = detector.type;
        if (!names.insert(detector.name).second)
            reader.error(kTwice, table->position,
                         base::format("stream \"{}\" has two detectors \"{}\"", stream.name, detector.name),
                         "give each a name = \"...\"");
        read_options(reader, *table, detector.options);
        read_file_option(reader, detector.options);
        stream.detectors.push_back(std::move(detector));
    }
}

void read_downsample(Reader& reader, const Entry& entry, StreamSettings& stream) {
    if (!reader.is(entry, NodeKind::table, "a table")) return;
    DownsampleSettings downsample;
    downsample.position = entry.value.position;
    reader.read(entry.value, base::format("downsample of stream \"{}\"", stream.name), downsample_keys(), downsample,
                true);
    read_options(reader, entry.value, downsample.options, true);
    stream.downsample = std::move(downsample);
}

void read_context(Reader& reader, const Entry& entry, StreamSettings& stream) {
    if (!reader.is(entry, NodeKind::table, "a table")) return;
    ContextSettings context;
    reader.read(entry.value, base::format("context of stream \"{}\"", stream.name), context_keys(), context);
    if (stream.forwards(kForwardAll) || stream.forwards(kForwardRaw))
        return reader.warn(kDoubtful, entry.position,
                           "\"context\" does nothing: this stream forwards every reading anyway",
                           "take it out, or say what to forward: forward = \"events\"");
    if (stream.detectors.empty())
        reader.error(kConflict, entry.position, "\"context\" is set, but the stream has no detector",
                     "add [[stream.detect]] with type = \"auto\"");
    else if (!stream.forwards(kForwardEvents))
        reader.error(kConflict, entry.position, "\"context\" is set, but events are not forwarded",
                     "add events to \"forward\"");
    stream.context = context;
}

}  // namespace tributary::config
