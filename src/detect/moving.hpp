// SPDX-License-Identifier: Apache-2.0
// What several detectors know of a signal: mean and variance, plain at first and exponentially weighted from then on.
// Plain data for the state of a detector (all zero = fresh). What it does not do: decide what a reading may teach.
// D. H. D. West, "Updating mean and variance estimates: an improved method", CACM 22 (1979), with weights of
// S. W. Roberts, "Control chart tests based on geometric moving averages", Technometrics 1 (1959).
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "detect/detector.hpp"

namespace tributary::detect {

constexpr double kHuge = 1e150;  // its square is finite; what is beyond counts as this
constexpr double kTiny = 1e-150;

// Below this no deviation is taken seriously: an absolute size, and a part of the mean.
struct Floor {
    Floor(const model::OptionMap& options, std::span<const model::OptionSpec> specs)
        : sigma(std::clamp(config::number_option(options, specs, "min_sigma"), kTiny, kHuge)),
          relative(config::number_option(options, specs, "min_relative")) {}

    double of(double level) const { return std::max(sigma, relative * std::abs(level)); }

    double sigma, relative;
};

constexpr model::OptionSpec kMinSigma{
    .name = "min_sigma",
    .default_value = "1e-9",
    .help = "the standard deviation is never taken smaller than this, in the stream's unit",
    .min = 0};
constexpr model::OptionSpec kMinRelative{
    .name = "min_relative",
    .default_value = "0.001",
    .help = "nor smaller than this part of the mean, so that a constant signal does not alarm on dust",
    .min = 0,
    .max = 1};

struct Moving {
    double mean, variance;
    uint64_t count;

    double sigma(const Floor& floor) const { return std::max(std::sqrt(variance), floor.of(mean)); }
    // delta = value - mean, |delta| <= 2 kHuge. The newest weighs `alpha`, at first 1 / count.
    void learn(double delta, double alpha) {
        count++;
        const double weight = std::max(alpha, 1 / static_cast<double>(count));
        mean = std::clamp(mean + weight * delta, -kHuge, kHuge);
        variance = (1 - weight) * (variance + weight * delta * delta);
    }
};

constexpr double alpha_of(double span) { return 2 / (span + 1); }

}  // namespace tributary::detect
