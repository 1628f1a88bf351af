// SPDX-License-Identifier: Apache-2.0
// Options of stages: checked against the stage's own declaration, and read with its defaults.
#include <algorithm>
#include <cmath>

#include "base/log.hpp"
#include "base/text.hpp"
#include "base/units.hpp"
#include "config/reader.hpp"

namespace tributary::config {
namespace {

using model::OptionKind;
using model::OptionSpec;
using model::OptionValue;

std::string_view expected(OptionKind kind) {
    switch (kind) {
        case OptionKind::number:
            return "a number";
        case OptionKind::integer:
            return "a whole number";
        case OptionKind::boolean:
            return "true or false";
        case OptionKind::text:
            return "a text";
        case OptionKind::duration:
            return "a duration";
        case OptionKind::number_or_text:
            return "a number or a text";
        case OptionKind::numbers:
            return "a list of numbers";
    }
    return "?";
}

NodeKind found(const OptionValue& option) {
    constexpr NodeKind kKinds[] = {NodeKind::boolean, NodeKind::integer, NodeKind::number, NodeKind::text,
                                   NodeKind::list};
    return kKinds[option.value.index()];
}

bool fits(OptionKind kind, NodeKind have) {
    switch (kind) {
        case OptionKind::number:
            return have == NodeKind::number || have == NodeKind::integer;
        case OptionKind::integer:
            return have == NodeKind::integer;
        case OptionKind::boolean:
            return have == NodeKind::boolean;
        case OptionKind::text:
        case OptionKind::duration:
            return have == NodeKind::text;
        case OptionKind::number_or_text:
            return have == NodeKind::number || have == NodeKind::integer || have == NodeKind::text;
        case OptionKind::numbers:
            return have == NodeKind::list;
    }
    return false;
}

bool is_number(const OptionValue& option) {
    return std::holds_alternative<int64_t>(option.value) || std::holds_alternative<double>(option.value);
}

double as_number(const OptionValue& option) {
    if (const auto* whole = std::get_if<int64_t>(&option.value)) return static_cast<double>(*whole);
    return std::get<double>(option.value);
}

void check_range(Reader& reader, const OptionSpec& spec, const OptionValue& option, double value) {
    if (std::isfinite(value) && value >= spec.min && value <= spec.max) return;
    const auto kind = spec.kind == OptionKind::duration ? KeyKind::duration : KeyKind::number;
    std::string range = "finite";
    if (std::isfinite(spec.min) && std::isfinite(spec.max))
        range = base::format("between {} and {}", bound_text(kind, spec.min), bound_text(kind, spec.max));
    else if (std::isfinite(spec.min))
        range = "at least " + bound_text(kind, spec.min);
    else if (std::isfinite(spec.max))
        range = "at most " + bound_text(kind, spec.max);
    reader.error(kValue, option.position, base::format("\"{}\" must be {}", spec.name, range), std::string(spec.help));
}

void check_one(Reader& reader, const OptionSpec& spec, const OptionValue& option) {
    const auto have = found(option);
    if (!fits(spec.kind, have))
        return reader.error(
            kType, option.position,
            base::format("\"{}\" must be {}, found {}", spec.name, expected(spec.kind), kind_name(have)),
            type_hint(have, expected(spec.kind), spec.name));
    if (spec.kind == OptionKind::number || spec.kind == OptionKind::integer ||
        (spec.kind == OptionKind::number_or_text && is_number(option)))
        return check_range(reader, spec, option, as_number(option));
    if (spec.kind == OptionKind::duration) {
        const auto ns = base::parse_duration_ns(std::get<std::string>(option.value));
        if (!ns) return reader.error(kUnits, option.position, ns.error().message, "units: ms, s, min, h, d");
        return check_range(reader, spec, option, static_cast<double>(*ns) / 1e9);
    }
    if (spec.kind == OptionKind::text && !spec.choices.empty()) {
        Entry entry{std::string(spec.name), option.position, {}};
        entry.value.position = option.position;
        reader.chosen(entry, std::get<std::string>(option.value), spec.choices);
    }
}

const OptionSpec& spec_of(std::span<const OptionSpec> specs, std::string_view name) {
    const auto spec = std::find_if(specs.begin(), specs.end(), [&](const OptionSpec& s) { return s.name == name; });
    TRB_ASSERT(spec != specs.end());
    return *spec;
}

}  // namespace

std::vector<Diagnostic> check_options(const model::OptionMap& options, std::span<const OptionSpec> specs,
                                      std::string_view context, const model::SourcePosition& position) {
    Reader reader;
    std::vector<std::string_view> names;
    std::string known;
    for (const auto& spec : specs)
        names.push_back(spec.name), known += (known.empty() ? "" : ", ") + std::string(spec.name);
    for (const auto& [name, option] : options) {
        const auto spec =
            std::find_if(specs.begin(), specs.end(), [&name = name](const OptionSpec& s) { return s.name == name; });
        const auto near = base::nearest(name, names);
        if (spec != specs.end())
            check_one(reader, *spec, option);
        else
            reader.error(kUnknown, option.position, base::format("unknown option \"{}\"", name),
                         near.empty() ? "known here: " + known : base::format("did you mean \"{}\"?", near));
    }
    for (const auto& spec : specs)
        if (spec.required && !options.contains(spec.name))
            reader.error(kMissing, position, base::format("\"{}\" is missing", spec.name), std::string(spec.help));
    for (auto& problem : reader.problems) problem.message = base::format("{}: {}", context, problem.message);
    return std::move(reader.problems);
}

std::optional<double> optional_number(const model::OptionMap& options, std::string_view name) {
    const auto option = options.find(name);
    if (option == options.end() || !is_number(option->second)) return std::nullopt;
    return as_number(option->second);
}

double number_option(const model::OptionMap& options, std::span<const OptionSpec> specs, std::string_view name) {
    if (const auto given = optional_number(options, name)) return *given;
    return base::parse_number(spec_of(specs, name).default_value).value_or(0);
}

std::string text_option(const model::OptionMap& options, std::span<const OptionSpec> specs, std::string_view name) {
    const auto option = options.find(name);
    return option != options.end() ? std::get<std::string>(option->second.value)
                                   : std::string(spec_of(specs, name).default_value);
}

int64_t duration_option_ns(const model::OptionMap& options, std::span<const OptionSpec> specs, std::string_view name) {
    const auto text = text_option(options, specs, name);
    if (text.empty()) return 0;
    const auto ns = base::parse_duration_ns(text);
    TRB_ASSERT(ns.ok());
    return *ns;
}

int64_t integer_option(const model::OptionMap& options, std::span<const OptionSpec> specs, std::string_view name) {
    const auto option = options.find(name);
    if (option != options.end()) return std::get<int64_t>(option->second.value);
    return static_cast<int64_t>(base::parse_number(spec_of(specs, name).default_value).value_or(0));
}

std::vector<double> numbers_option(const model::OptionMap& options, std::string_view name) {
    const auto option = options.find(name);
    return option != options.end() ? std::get<std::vector<double>>(option->second.value) : std::vector<double>();
}

bool boolean_option(const model::OptionMap& options, std::span<const OptionSpec> specs, std::string_view name) {
    const auto option = options.find(name);
    return option != options.end() ? std::get<bool>(option->second.value)
                                   : spec_of(specs, name).default_value == "true";
}

}  // namespace tributary::config
