// SPDX-License-Identifier: Apache-2.0
#include "base/units.hpp"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cmath>

namespace tributary::base {
namespace {

struct Unit {
    std::string_view name;
    double factor;
};

constexpr std::array kDurations{Unit{"ns", 1},     Unit{"us", 1e3}, Unit{"ms", 1e6},   Unit{"s", 1e9},
                                Unit{"min", 60e9}, Unit{"m", 60e9}, Unit{"h", 3600e9}, Unit{"d", 86400e9}};
constexpr std::array kSizes{
    Unit{"B", 1},      Unit{"kB", 1e3},      Unit{"MB", 1e6},         Unit{"GB", 1e9},
    Unit{"KiB", 1024}, Unit{"MiB", 1048576}, Unit{"GiB", 1073741824}, Unit{"TiB", 1099511627776}};

template <size_t N>
Result<int64_t> parse(std::string_view text, const std::array<Unit, N>& units, const char* what, const char* example) {
    const auto fail = [&](const char* why) {
        return Error{"TRB-CONFIG-010",
                     fmt::format("\"{}\" is not a {}: {} (for example \"{}\")", text, what, why, example)};
    };
    double number = 0;
    const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (status != std::errc{}) return fail("it does not begin with a number");
    if (!(number >= 0)) return fail("it is negative");
    std::string_view unit(end, static_cast<size_t>(text.data() + text.size() - end));
    while (!unit.empty() && unit.front() == ' ') unit.remove_prefix(1);
    if (unit.empty()) return fail("the unit is missing");
    for (const auto& candidate : units)
        if (candidate.name == unit) {
            const double value = number * candidate.factor;
            if (value > 9.2e18) return fail("it is too large");
            return static_cast<int64_t>(std::llround(value));
        }
    return fail("the unit is not known");
}

}  // namespace

Result<int64_t> parse_duration_ns(std::string_view text) { return parse(text, kDurations, "duration", "500ms"); }
Result<int64_t> parse_size_bytes(std::string_view text) { return parse(text, kSizes, "size", "2GiB"); }

std::string format_duration(int64_t ns) {
    if (ns < 0) return "-" + format_duration(-ns);
    constexpr std::array<Unit, 7> kShown{Unit{"d", 86400e9}, Unit{"h", 3600e9}, Unit{"min", 60e9}, Unit{"s", 1e9},
                                         Unit{"ms", 1e6},    Unit{"us", 1e3},   Unit{"ns", 1}};
    for (const auto& unit : kShown)
        if (static_cast<double>(ns) >= unit.factor)
            return fmt::format("{:.4g}{}", static_cast<double>(ns) / unit.factor, unit.name);
    return "0s";
}

std::string format_size(int64_t bytes) {
    constexpr std::array<std::string_view, 5> kNames{"B", "KiB", "MiB", "GiB", "TiB"};
    auto value = static_cast<double>(bytes);
    size_t unit = 0;
    while (std::abs(value) >= 1024 && unit + 1 < kNames.size()) value /= 1024, unit++;
    return unit == 0 ? fmt::format("{} B", bytes) : fmt::format("{:.1f} {}", value, kNames[unit]);
}

}  // namespace tributary::base
