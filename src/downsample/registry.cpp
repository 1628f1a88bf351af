// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>

#include "config/stage_types.hpp"
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
constexpr int64_t kHourNs = 3600 * base::kNsPerSecond;

constexpr config::StageWords kWords{"downsampler", "TRB-DOWNSAMPLE-001", "TRB-DOWNSAMPLE-002"};

void check_common(const model::OptionMap& options, std::vector<std::string>& problems) {
    const Common common = read_common(options);
    if (common.lateness_ns > common.max_time_ns)
        problems.emplace_back("\"lateness\" must not be longer than \"max_time\"");
    if (options.contains("window") && common.max_time_ns / 2 < window_ms(options) * base::kNsPerMs)
        problems.emplace_back("\"max_time\" must be at least twice \"window\", or windows would be cut in two");
}

}  // namespace

std::span<const DownsamplerType> registry() {
    static const std::array types{deadband_type(),   swinging_door_type(), m4_type(),
                                  minmaxlttb_type(), lttb_type(),          sample_type()};
    return types;
}

std::span<const model::OptionSpec> common_options() { return kCommon; }

const DownsamplerType* find_type(std::string_view name) { return config::find_stage_type(registry(), name); }

int64_t window_ms(const model::OptionMap& options) {
    const std::array specs{kWindowOption};
    return std::max<int64_t>(config::duration_option_ns(options, specs, "window") / base::kNsPerMs, 1);
}

Common read_common(const model::OptionMap& options) {
    Common common;
    common.lateness_ns = config::duration_option_ns(options, kCommon, "lateness");
    common.max_time_ns = options.contains("max_time") ? config::duration_option_ns(options, kCommon, "max_time")
                         : options.contains("window") ? 2 * window_ms(options) * base::kNsPerMs
                                                      : kHourNs;
    return common;
}

std::vector<config::Diagnostic> check(const config::DownsampleSettings& settings, std::string_view context) {
    return config::check_stage(kWords, registry(), kCommon, settings, context, check_common);
}

std::string markdown_table() {
    std::string table = "| method | what it keeps | option | default | meaning |\n|---|---|---|---|---|\n";
    config::add_type_rows(table, registry());
    config::add_option_rows(table, "every one", "", kCommon);
    return table;
}

}  // namespace tributary::downsample
