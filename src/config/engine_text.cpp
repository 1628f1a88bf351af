// SPDX-License-Identifier: Apache-2.0
// Canonical TOML of what the engine needs: every value written out, so that a later version with other defaults reads
// the same meaning, and two spellings of one stream give one text.
#include <algorithm>
#include <array>

#include "base/log.hpp"
#include "base/text.hpp"
#include "base/zone.hpp"
#include "config/sections.hpp"

namespace tributary::config {
namespace {

std::string toml_string(std::string_view text) {
    std::string out = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\')
            out += {'\\', c};
        else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f)
            out += base::format("\\u{:04X}", static_cast<int>(c));
        else
            out += c;
    }
    return out + '"';
}

// The largest unit that says it exactly.
std::string exact_duration(int64_t ns) {
    struct Unit {
        int64_t ns;
        std::string_view name;
    };
    constexpr std::array kUnitNames{Unit{3600 * base::kNsPerSecond, "h"}, Unit{base::kNsPerSecond, "s"},
                                    Unit{base::kNsPerMs, "ms"}, Unit{base::kNsPerUs, "us"}};
    for (const auto& unit : kUnitNames)
        if (ns % unit.ns == 0) return base::format("\"{}{}\"", ns / unit.ns, unit.name);
    return base::format("\"{}ns\"", ns);
}

// Read back as a number with a point, never as a whole number.
std::string float_text(double value) {
    auto text = base::number_text(value);
    if (text.find_first_of(".e") == std::string::npos) text += ".0";
    return text;
}

std::string option_text(const model::OptionValue& option) {
    if (const auto* yes = std::get_if<bool>(&option.value)) return *yes ? "true" : "false";
    if (const auto* whole = std::get_if<int64_t>(&option.value)) return base::format("{}", *whole);
    if (const auto* number = std::get_if<double>(&option.value)) return float_text(*number);
    if (const auto* list = std::get_if<std::vector<double>>(&option.value)) {
        std::string out = "[";
        for (const double number : *list) out += (out.size() > 1 ? ", " : "") + float_text(number);
        return out + "]";
    }
    return toml_string(std::get<std::string>(option.value));
}

class Writer {
  public:
    std::string out;
    void header(std::string_view name) { out += base::format("{}\n", name); }
    void raw(std::string_view key, std::string_view value) { out += base::format("{} = {}\n", key, value); }
    void text(std::string_view key, std::string_view value) { raw(key, toml_string(value)); }
    void optional_text(std::string_view key, std::string_view value) {
        if (!value.empty()) text(key, value);
    }
    template <class Pairs>
    void table(std::string_view key, const Pairs& pairs) {
        out += base::format("{} = {{", key);
        bool first = true;
        for (const auto& [name, value] : pairs) {
            out += base::format("{} {} = {}", first ? "" : ",", toml_string(name), toml_string(value));
            first = false;
        }
        out += " }\n";
    }
    void list(std::string_view key, const std::vector<std::string>& texts) {
        out += base::format("{} = [", key);
        for (const auto& one : texts) out += base::format("\n  {},", toml_string(one));
        out += "\n]\n";
    }
};

std::vector<std::string> forward_words(const StreamSettings& stream) {
    std::vector<std::string> words;
    if (stream.forwards(kForwardWindows)) words.emplace_back("windows");
    if (stream.forwards(kForwardEvents)) words.emplace_back("events");
    if (stream.forwards(kForwardReduced)) words.emplace_back("reduced");
    if (stream.forwards(kForwardAll)) words.emplace_back("all");
    if (stream.forwards(kForwardRaw)) words.emplace_back("raw");
    if (words.empty()) words.emplace_back("none");
    return words;
}

void write_values(Writer& writer, const StreamSettings& stream) {
    if (stream.format == "scalar") return;
    if (stream.values.size() == 1 && stream.values[0].name.empty())
        return writer.text("value", stream.values[0].pointer);
    std::vector<std::pair<std::string, std::string>> values;
    for (const auto& field : stream.values) values.emplace_back(field.name, field.pointer);
    writer.table("values", values);
}

std::string_view time_unit_name(int64_t ns) {
    if (ns == base::kNsPerSecond) return "s";
    if (ns == base::kNsPerMs) return "ms";
    return ns == base::kNsPerUs ? "us" : "ns";
}

void write_stages(Writer& writer, const StreamSettings& stream) {
    for (const auto& window : stream.windows) {
        writer.header("[[stream.window]]");
        writer.text("name", window.name);
        writer.text("type", window.type);
        if (window.size_ns > 0) writer.raw("size", exact_duration(window.size_ns));
        if (window.slide_ns > 0) writer.raw("slide", exact_duration(window.slide_ns));
        if (window.gap_ns > 0) writer.raw("gap", exact_duration(window.gap_ns));
        if (window.count > 0) writer.raw("count", base::format("{}", window.count));
        if (window.type != "count") writer.raw("lateness", exact_duration(window.lateness_ns));
        if (window.size_ns > 0) writer.raw("revise", exact_duration(window.revise_ns));
        if (window.size_ns > 0) writer.raw("offset", exact_duration(window.offset_ns));
        writer.optional_text("zone", window.zone);
        if (!window.aggregates.empty()) writer.list("aggregates", window.aggregates);
        if (!window.aggregates.empty()) writer.raw("bins", base::format("{}", window.bins));
        writer.raw("idle", exact_duration(window.idle_ns));
    }
    for (const auto& detector : stream.detectors) {
        writer.header("[[stream.detect]]");
        writer.text("type", detector.type);
        writer.text("name", detector.name);
        const bool whole = detector.options.contains("content");  // where it came from means nothing any more
        for (const auto& [name, option] : detector.options)
            if (!whole || name != "file") writer.raw(toml_string(name), option_text(option));
    }
    if (stream.downsample) {
        writer.header("[stream.downsample]");
        writer.text("type", stream.downsample->type);
        for (const auto& [name, option] : stream.downsample->options)
            writer.raw(toml_string(name), option_text(option));
    }
    if (stream.context) {
        writer.header("[stream.context]");
        writer.raw("before", exact_duration(stream.context->before_ns));
        writer.raw("after", exact_duration(stream.context->after_ns));
    }
}

void write_events(Writer& writer, const EventSettings& events) {
    writer.header("[events]");
    writer.optional_text("commands_topic", events.commands_topic);
    writer.raw("max_per_machine", base::format("{}", events.max_per_machine));
    writer.raw("per", exact_duration(events.per_ns));
    writer.raw("machine_levels", base::format("{}", events.machine_levels));
    for (const auto& mute : events.mutes) {
        writer.header("[[events.mute]]");
        writer.text("series", mute.series);
        writer.text("from", mute.from);
        writer.text("to", mute.to);
        if (!mute.on.empty()) writer.list("days", mute.on);
        writer.optional_text("zone", mute.zone);
    }
}

}  // namespace

std::string stream_text(const StreamSettings& stream) {
    Writer writer;
    writer.header("[[stream]]");
    writer.text("name", stream.name);
    writer.list("topics", stream.topics);
    writer.optional_text("series", stream.series);
    if (!stream.labels.empty()) writer.table("labels", stream.labels);
    writer.text("format", stream.format);
    write_values(writer, stream);
    writer.optional_text("time", stream.time_pointer);
    writer.text("time_unit", time_unit_name(stream.time_unit_ns));
    writer.optional_text("time_zone", stream.time_zone);
    writer.optional_text("unit", stream.unit);
    writer.raw("scale", float_text(stream.scale));
    writer.raw("offset", float_text(stream.offset));
    writer.list("forward", forward_words(stream));
    writer.raw("max_ahead", exact_duration(stream.max_ahead_ns));
    writer.text("min_time", base::format_time_ms(base::ns_to_ms(stream.min_time_ns)));
    writer.raw("max_series", base::format("{}", stream.max_series));
    writer.raw("forget", exact_duration(stream.forget_ns));
    writer.raw("max_windows", base::format("{}", stream.max_windows));
    writer.raw("max_reorder", base::format("{}", stream.max_reorder));
    write_stages(writer, stream);
    return std::move(writer.out);
}

std::string engine_text(const Settings& settings) {
    Writer writer;
    // With zones the outputs depend on the time zone data too; for people, the engine does not read it.
    const bool zones = std::any_of(settings.events.mutes.begin(), settings.events.mutes.end(),
                                   [](const auto& mute) { return !mute.zone.empty(); }) ||
                       std::any_of(settings.streams.begin(), settings.streams.end(), [](const auto& stream) {
                           return !stream.time_zone.empty() ||
                                  std::any_of(stream.windows.begin(), stream.windows.end(),
                                              [](const auto& w) { return !w.zone.empty(); }) ||
                                  std::any_of(stream.detectors.begin(), stream.detectors.end(),
                                              [](const auto& d) { return d.options.contains("zone"); });
                       });
    if (zones) writer.header(base::format("# tzdata {}", base::tzdata_version()));
    writer.header("[gateway]");
    writer.text("id", settings.gateway.id);
    write_events(writer, settings.events);
    for (const auto& stream : settings.streams) writer.out += "\n" + stream.text;
    return std::move(writer.out);
}

}  // namespace tributary::config
