// SPDX-License-Identifier: Apache-2.0
// One series through a stage, and what a consumer makes of the kept readings: for the downsampler's tests.
#pragma once

#include <doctest/doctest.h>

#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "downsample/stage.hpp"

namespace tributary::downsample {

using OptionVariant = std::variant<bool, int64_t, double, std::string, std::vector<double>>;

inline model::OptionMap options(const std::vector<std::pair<std::string, OptionVariant>>& given) {
    model::OptionMap map;
    for (const auto& [name, value] : given) map[name] = {value, {"test.toml", 7, 3}};
    return map;
}

inline config::DownsampleSettings settings(std::string type,
                                           const std::vector<std::pair<std::string, OptionVariant>>& given) {
    return {std::move(type), options(given), {"test.toml", 7, 1}};
}

inline Stage make_stage(const config::DownsampleSettings& settings) {
    const auto problems = check(settings, "test");
    CAPTURE(problems.empty() ? std::string() : problems.front().message);
    REQUIRE(problems.empty());
    return Stage(settings);
}

inline model::Reading number_at(int64_t time_ms, double value) {
    model::Reading reading;
    reading.event_ns = time_ms * 1'000'000;
    reading.value.number = value;
    return reading;
}

// The value a consumer draws at time_ms between two kept readings, by one of the usual formulas.
inline double between(const Point& a, const Point& b, int64_t time_ms, int formula) {
    const auto run = static_cast<double>(b.time_ms - a.time_ms), at = static_cast<double>(time_ms - a.time_ms);
    if (run == 0) return a.value;
    switch (formula) {
        case 0:  // numpy.interp
            return (b.value - a.value) / run * at + a.value;
        case 1:
            return a.value + (b.value - a.value) * (at / run);
        default:
            return a.value * (1 - at / run) + b.value * (at / run);
    }
}

}  // namespace tributary::downsample
