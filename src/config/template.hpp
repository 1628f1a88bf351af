// SPDX-License-Identifier: Apache-2.0
// Templates of Kafka topics, keys and headers: text with placeholders, "plant.{gateway}.{kind}". Parsed where the
// configuration is read, filled in by record/routing. Plain data; any thread. What it does not do: {1} of series names
// (model/topic_filter).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/settings.hpp"

namespace tributary::config {

struct TemplatePart {
    enum class What : uint8_t { text, prefix, gateway, kind, stream, series, label };
    What what = What::text;
    std::string text;  // or the label's name
};
using Template = std::vector<TemplatePart>;

// Placeholders: {prefix}, {gateway}, {kind} (readings, windows, events, late), {stream}, {series}, {label.NAME}.
// The error's message names what is not one of them.
base::Result<Template> parse_template(std::string_view text);

// Appends it. gateway and prefix as in the settings; a label that is not there gives nothing.
struct TemplateValues {
    std::string_view prefix, gateway, kind, stream, series;
    const model::Labels& labels;
};
void fill_template(const Template& parts, const TemplateValues& values, std::string& out);

// 1 to 249 of the characters that Kafka allows, and not "." or "..".
bool valid_kafka_topic(std::string_view name);

}  // namespace tributary::config
