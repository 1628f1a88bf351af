// SPDX-License-Identifier: Apache-2.0
#include "config/template.hpp"

#include <array>

#include "base/log.hpp"
#include "config/sections.hpp"

namespace tributary::config {

base::Result<Template> parse_template(std::string_view text) {
    using What = TemplatePart::What;
    struct Name {
        std::string_view name;
        What what;
    };
    constexpr std::array kNames{Name{"prefix", What::prefix}, Name{"gateway", What::gateway}, Name{"kind", What::kind},
                                Name{"stream", What::stream}, Name{"series", What::series}};
    constexpr std::string_view kLabel = "label.";
    Template out;
    while (!text.empty()) {
        const size_t open = text.find_first_of("{}");
        if (open != 0) out.push_back({What::text, std::string(text.substr(0, open))});
        if (open == std::string_view::npos) break;
        const size_t close = text.find('}', open);
        if (text[open] == '}' || close == std::string_view::npos) return base::Error{kForm, "a brace has no partner"};
        const auto name = text.substr(open + 1, close - open - 1);
        text.remove_prefix(close + 1);
        TemplatePart part;
        for (const auto& known : kNames)
            if (known.name == name) part.what = known.what;
        if (name.size() > kLabel.size() && name.starts_with(kLabel))
            part = {What::label, std::string(name.substr(kLabel.size()))};
        if (part.what == What::text) return base::Error{kForm, base::format("{{{}}} is not known here", name)};
        out.push_back(std::move(part));
    }
    return out;
}

void fill_template(const Template& parts, const TemplateValues& values, std::string& out) {
    for (const auto& part : parts) {
        switch (part.what) {
            case TemplatePart::What::text:
                out += part.text;
                break;
            case TemplatePart::What::prefix:
                out += values.prefix;
                break;
            case TemplatePart::What::gateway:
                out += values.gateway;
                break;
            case TemplatePart::What::kind:
                out += values.kind;
                break;
            case TemplatePart::What::stream:
                out += values.stream;
                break;
            case TemplatePart::What::series:
                out += values.series;
                break;
            case TemplatePart::What::label:
                for (const auto& [name, value] : values.labels)
                    if (name == part.text) out += value;
                break;
        }
    }
}

bool valid_kafka_topic(std::string_view name) {
    return plain_name(name) && name.size() <= 249 && name != "." && name != "..";
}

}  // namespace tributary::config
