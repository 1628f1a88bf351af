// SPDX-License-Identifier: Apache-2.0
#include <array>

#include "config/stage_types.hpp"
#include "detect/group.hpp"
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
    model::OptionSpec{.name = "update",
                      .kind = model::OptionKind::duration,
                      .default_value = "1min",
                      .help = "an open event whose score has risen is sent again (`update`), at most once in so long; "
                              "0s = never"},
    model::OptionSpec{.name = "escalate_after",
                      .kind = model::OptionKind::duration,
                      .default_value = "0s",
                      .help = "an event that lasts so long becomes critical, with an `update`; 0s = never"},
};

constexpr config::StageWords kWords{"detector", "TRB-DETECT-001", "TRB-DETECT-002"};

}  // namespace

std::span<const DetectorType> registry() {
    static const std::array types{
        threshold_type(), rate_type(),   ewma_type(),  robust_z_type(), cusum_type(),
        seasonal_type(),  spikes_type(), stuck_type(), missing_type(),  counter_rate_type(),
        model_type(),     group_type(),  auto_type(),
    };
    return types;
}

std::span<const model::OptionSpec> common_options() { return kCommon; }

const DetectorType* find_type(std::string_view name) { return config::find_stage_type(registry(), name); }

Common read_common(const model::OptionMap& options) {
    Common common;
    const std::string severity = config::text_option(options, kCommon, "severity");
    for (const auto each : {model::Severity::info, model::Severity::warning, model::Severity::critical})
        if (model::severity_name(each) == severity) common.severity = each;
    common.hold_off_ns = config::duration_option_ns(options, kCommon, "hold_off");
    common.update_ns = config::duration_option_ns(options, kCommon, "update");
    common.escalate_after_ns = config::duration_option_ns(options, kCommon, "escalate_after");
    return common;
}

std::vector<config::Diagnostic> check(const config::DetectSettings& settings, std::string_view context) {
    return config::check_stage(kWords, registry(), kCommon, settings, context, [](const auto&, auto&) {});
}

std::string markdown_table() {
    std::string table = "| detector | what it finds | option | default | meaning |\n|---|---|---|---|---|\n";
    config::add_type_rows(table, registry());
    config::add_option_rows(table, "every one", "", kCommon);
    return table;
}

}  // namespace tributary::detect
