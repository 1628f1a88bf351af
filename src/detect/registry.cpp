// SPDX-License-Identifier: Apache-2.0
#include <array>

#include "base/log.hpp"
#include "base/text.hpp"
#include "detect/types.hpp"

namespace tributary::detect {
namespace {

constexpr std::array kCommon{
    model::OptionSpec{.name = "severity",
                      .kind = model::OptionKind::text,
                      .default_value = "warning",
                      .help = "how bad an event of this detector is",
                      .choices = "info|warning|critical"},
    model::OptionSpec{
        .name = "hold_off",
        .kind = model::OptionKind::duration,
        .default_value = "0s",
        .help = "after an event has closed none of the same series and detector opens for so long, in event time"},
};

std::string in_words(std::string choices) {
    for (size_t at = 0; (at = choices.find('|', at)) != std::string::npos; at += 2) choices.replace(at, 1, ", ");
    return choices;
}

void add_rows(std::string& table, std::string_view detector, std::string_view summary,
              std::span<const model::OptionSpec> options) {
    for (const auto& option : options) {
        const bool first = &option == &options.front();
        table += base::format(
            "| {} | {} | `{}` | {} | {} |\n", first ? detector : "", first ? summary : "", option.name,
            option.default_value.empty() ? "-" : base::format("`{}`", option.default_value),
            option.choices.empty() ? std::string(option.help)
                                   : base::format("{}: {}", option.help, in_words(std::string(option.choices))));
    }
}

config::Diagnostic diagnostic(const model::SourcePosition& position, std::string_view code, std::string message,
                              std::string hint) {
    return {config::Diagnostic::Level::error,
            std::string(code),
            position.file,
            position.line,
            position.column,
            1,
            std::move(message),
            std::move(hint)};
}

}  // namespace

std::span<const DetectorType> registry() {
    static const std::array types{
        threshold_type(), rate_type(),  ewma_type(),    robust_z_type(),     cusum_type(), seasonal_type(),
        spikes_type(),    stuck_type(), missing_type(), counter_rate_type(), model_type(), auto_type(),
    };
    return types;
}

std::span<const model::OptionSpec> common_options() { return kCommon; }

const DetectorType* find_type(std::string_view name) {
    for (const auto& type : registry())
        if (type.name == name) return &type;
    return nullptr;
}

Common read_common(const model::OptionMap& options) {
    Common common;
    const std::string severity = config::text_option(options, kCommon, "severity");
    for (const auto each : {model::Severity::info, model::Severity::warning, model::Severity::critical})
        if (model::severity_name(each) == severity) common.severity = each;
    common.hold_off_ns = config::duration_option_ns(options, kCommon, "hold_off");
    return common;
}

std::vector<config::Diagnostic> check(const config::DetectSettings& settings, std::string_view context) {
    const DetectorType* type = find_type(settings.type);
    if (type == nullptr) {
        std::vector<std::string_view> names;
        for (const auto& each : registry()) names.push_back(each.name);
        const std::string near = base::nearest(settings.type, names);
        std::string all;
        for (const auto& name : names) all += base::format("{}\"{}\"", all.empty() ? "" : ", ", name);
        return {diagnostic(settings.position, "TRB-DETECT-001",
                           base::format("{}: there is no detector \"{}\"", context, settings.type),
                           near.empty() ? base::format("known: {}", all) : base::format("did you mean \"{}\"?", near))};
    }
    std::vector<model::OptionSpec> specs(type->options.begin(), type->options.end());
    specs.insert(specs.end(), kCommon.begin(), kCommon.end());
    auto found = config::check_options(settings.options, specs, context, settings.position);
    if (!found.empty() || type->check == nullptr) return found;
    std::vector<std::string> problems;
    type->check(settings.options, problems);
    for (const auto& problem : problems)
        found.push_back(diagnostic(settings.position, "TRB-DETECT-002", base::format("{}: {}", context, problem), ""));
    return found;
}

std::string markdown_table() {
    std::string table = "| detector | what it finds | option | default | meaning |\n|---|---|---|---|---|\n";
    for (const auto& type : registry()) add_rows(table, base::format("`{}`", type.name), type.summary, type.options);
    add_rows(table, "every one", "", kCommon);
    return table;
}

}  // namespace tributary::detect
