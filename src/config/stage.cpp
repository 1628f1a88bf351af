// SPDX-License-Identifier: Apache-2.0
// The stages of a stream: its windows and detectors.
#include <algorithm>
#include <set>

#include "base/log.hpp"
#include "config/sections.hpp"

namespace tributary::config {
namespace {

// A table, or a list of tables; anything else is a diagnostic.
std::vector<const Node*> tables_of(Reader& reader, const Entry& entry) {
    if (entry.value.kind == NodeKind::table) return {&entry.value};
    std::vector<const Node*> tables;
    if (!reader.is(entry, NodeKind::list, "a list of tables")) return tables;
    for (const auto& item : entry.value.items)
        if (reader.is({entry.key, item.position, item}, NodeKind::table, "a table")) tables.push_back(&item);
    return tables;
}

void check_window(Reader& reader, const Node& table, WindowSettings& window) {
    const auto* size = table.find("size");
    if (size != nullptr && window.size_ns % base::kNsPerMs != 0)
        reader.error(kValue, size->value.position, "\"size\" must be whole milliseconds");
    if (window.name.empty() && size != nullptr) window.name = size->value.text;
    if (table.find("idle") == nullptr) window.idle_ns = std::max(window.size_ns, 60 * base::kNsPerSecond);
}

// Detectors declare their own options; here they are only carried along.
void read_options(Reader& reader, const Node& table, model::OptionMap& into) {
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
        else if (reader.is(entry, NodeKind::text, "one value"))
            option.value = value.text;
        else
            continue;
        into.emplace(entry.key, std::move(option));
    }
}

}  // namespace

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
        stream.detectors.push_back(std::move(detector));
    }
}

}  // namespace tributary::config
