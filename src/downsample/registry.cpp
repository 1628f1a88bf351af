// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>

#include "base/log.hpp"
#include "base/text.hpp"
#include "downsample/types.hpp"

namespace tributary::downsample {
namespace {

constexpr std::array kCommon{
    model::OptionSpec{.name = "lateness",
                      .kind = model::OptionKind::duration,
                      .default_value = "0s",
                      .help = "how much disorder in time stamps is waited for; what comes later still goes to `late`",
                      .min = 0,
                      .max = 7 * 86400.0},
    model::OptionSpec{.name = "max_time",
                      .kind = model::OptionKind::duration,
                      .default_value = {},
                      .help = "a reading is kept at least this often in event time, and a silent series puts out what "
                              "waits after this in arrival time; default: 1h, methods with a window twice the window",
                      .min = 0.001,
                      .max = 366 * 86400.0}};
constexpr int64_t kHourNs = int64_t{3600} * 1'000'000'000;

std::string in_words(std::string choices) {
    for (size_t at = 0; (at = choices.find('|', at)) != std::string::npos; at += 2) choices.replace(at, 1, ", ");
    return choices;
}

void add_rows(std::string& table, std::string_view method, std::string_view summary,
              std::span<const model::OptionSpec> options) {
    for (const auto& option : options) {
        const bool first = &option == &options.front();
        table += base::format("| {} | {} | `{}` | {} | {} |\n", first ? method : "", first ? summary : "", option.name,
                              option.default_value.empty() ? "-" : base::format("`{}`", option.default_value),
                              option.choices.empty()
                                  ? std::string(option.help)
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

void check_common(const model::OptionMap& options, std::vector<std::string>& problems) {
    const Common common = read_common(options);
    if (common.lateness_ns > common.max_time_ns)
        problems.emplace_back("\"lateness\" must not be longer than \"max_time\"");
    if (options.contains("window") && common.max_time_ns / 2 < window_ms(options) * kNsPerMs)
        problems.emplace_back("\"max_time\" must be at least twice \"window\", or windows would be cut in two");
}

}  // namespace

std::span<const DownsamplerType> registry() {
    static const std::array types{deadband_type(),   swinging_door_type(), m4_type(),
                                  minmaxlttb_type(), lttb_type(),          sample_type()};
    return types;
}

std::span<const model::OptionSpec> common_options() { return kCommon; }

const DownsamplerType* find_type(std::string_view name) {
    for (const auto& type : registry())
        if (type.name == name) return &type;
    return nullptr;
}

int64_t window_ms(const model::OptionMap& options) {
    const std::array specs{kWindowOption};
    return std::max<int64_t>(config::duration_option_ns(options, specs, "window") / kNsPerMs, 1);
}

Common read_common(const model::OptionMap& options) {
    Common common;
    common.lateness_ns = config::duration_option_ns(options, kCommon, "lateness");
    common.max_time_ns = options.contains("max_time") ? config::duration_option_ns(options, kCommon, "max_time")
                         : options.contains("window") ? 2 * window_ms(options) * kNsPerMs
                                                      : kHourNs;
    return common;
}

std::vector<config::Diagnostic> check(const config::DownsampleSettings& settings, std::string_view context) {
    const DownsamplerType* type = find_type(settings.type);
    if (type == nullptr) {
        std::vector<std::string_view> names;
        for (const auto& each : registry()) names.push_back(each.name);
        const std::string near = base::nearest(settings.type, names);
        std::string all;
        for (const auto& name : names) all += base::format("{}\"{}\"", all.empty() ? "" : ", ", name);
        return {diagnostic(settings.position, "TRB-DOWNSAMPLE-001",
                           base::format("{}: there is no downsampler \"{}\"", context, settings.type),
                           near.empty() ? base::format("known: {}", all) : base::format("did you mean \"{}\"?", near))};
    }
    std::vector<model::OptionSpec> specs(type->options.begin(), type->options.end());
    specs.insert(specs.end(), kCommon.begin(), kCommon.end());
    auto found = config::check_options(settings.options, specs, context, settings.position);
    if (!found.empty()) return found;
    std::vector<std::string> problems;
    if (type->check != nullptr) type->check(settings.options, problems);
    check_common(settings.options, problems);
    for (const auto& problem : problems)
        found.push_back(
            diagnostic(settings.position, "TRB-DOWNSAMPLE-002", base::format("{}: {}", context, problem), ""));
    return found;
}

std::string markdown_table() {
    std::string table = "| method | what it keeps | option | default | meaning |\n|---|---|---|---|---|\n";
    for (const auto& type : registry()) add_rows(table, base::format("`{}`", type.name), type.summary, type.options);
    add_rows(table, "every one", "", kCommon);
    return table;
}

}  // namespace tributary::downsample
