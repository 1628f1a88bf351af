// SPDX-License-Identifier: Apache-2.0
// What the registries of stage types (detectors, downsamplers) share: finding a type by name, checking a stage's
// options against it, the table for the documentation. A type has name, summary, options and check, as DetectorType
// has. Pure, any thread. What it does not do: hold a registry, or make stages.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "config/load.hpp"

namespace tributary::config {

struct StageWords {
    std::string_view what;          // "detector"
    std::string_view unknown_code;  // there is no type of this name
    std::string_view problem_code;  // what a type's own check found
};

template <class Type>
const Type* find_stage_type(std::span<const Type> types, std::string_view name) {
    const auto found = std::find_if(types.begin(), types.end(), [&](const Type& type) { return type.name == name; });
    return found != types.end() ? &*found : nullptr;
}

Diagnostic unknown_stage_type(const StageWords& words, std::span<const std::string_view> known, std::string_view name,
                              std::string_view context, const model::SourcePosition& position);
Diagnostic stage_problem(const StageWords& words, std::string_view problem, std::string_view context,
                         const model::SourcePosition& position);

// Type known (did you mean), options declared and right, then the type's own check and check_all, each of which says
// what a declaration cannot.
template <class Type, class Settings, class CheckAll>
std::vector<Diagnostic> check_stage(const StageWords& words, std::span<const Type> types,
                                    std::span<const model::OptionSpec> common, const Settings& settings,
                                    std::string_view context, CheckAll check_all) {
    const Type* type = find_stage_type(types, settings.type);
    if (type == nullptr) {
        std::vector<std::string_view> known;
        for (const Type& each : types) known.push_back(each.name);
        return {unknown_stage_type(words, known, settings.type, context, settings.position)};
    }
    std::vector<model::OptionSpec> specs(type->options.begin(), type->options.end());
    specs.insert(specs.end(), common.begin(), common.end());
    auto found = check_options(settings.options, specs, context, settings.position);
    if (!found.empty()) return found;
    std::vector<std::string> problems;
    if (type->check != nullptr) type->check(settings.options, problems);
    check_all(settings.options, problems);
    for (const auto& problem : problems) found.push_back(stage_problem(words, problem, context, settings.position));
    return found;
}

// Rows `| name | summary | option | default | meaning |`, one an option; name and summary in the first of them.
void add_option_rows(std::string& table, std::string_view name, std::string_view summary,
                     std::span<const model::OptionSpec> options);

template <class Type>
void add_type_rows(std::string& table, std::span<const Type> types) {
    for (const Type& type : types)
        add_option_rows(table, "`" + std::string(type.name) + "`", type.summary, type.options);
}

}  // namespace tributary::config
