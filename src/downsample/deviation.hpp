// SPDX-License-Identifier: Apache-2.0
// The deviation of error-bounded methods: a number in the stream's unit, a part of the span, or learned from the noise
// of the series itself. Immutable; what is learned stands in a Noise of the series. Engine's thread.
//
// Noise: each reading is compared with the line between its neighbours; of white noise with standard deviation sigma
// that difference has sigma * sqrt(1 + w^2 + (1-w)^2), w = where between them it stands. The median of the absolute
// differences that are not 0, over 0.6745, estimates sigma and does not see steps and spikes (P. J. Rousseeuw and
// C. Croux, "Alternatives to the median absolute deviation", 1993, for the factor). The median is followed by steps of
// a fixed ratio, up when it was passed, down when not (stochastic approximation, H. Robbins and S. Monro, 1951).
#pragma once

#include <array>
#include <optional>

#include "downsample/types.hpp"

namespace tributary::downsample {

struct Noise {
    Point before, last;
    double median = 0;    // of the normalised differences
    double in_force = 0;  // the deviation of the present segment
    uint32_t seen = 0;    // points, at most 2
    uint32_t learned = 0;
};
static_assert(sizeof(Noise) == 56);

class Deviation {
  public:
    explicit Deviation(const model::OptionMap& options);

    bool learns() const { return learns_; }
    size_t noise_bytes() const { return learns_ ? sizeof(Noise) : 0; }
    void learn(Noise& noise, const Point& point) const;
    // What holds for a segment that begins now; 0 while the noise is not known yet: everything is kept.
    double next(const Noise& noise) const;
    double fixed() const { return fixed_; }

  private:
    bool learns_ = false;
    double fixed_ = 0, k_ = 0, most_ = 0;
};

// `deviation`, `span`, `k`, `max_deviation`: rows of the option table of every error-bounded method.
std::array<model::OptionSpec, 4> deviation_options();
// least: the deviation must be greater (0: it may be 0 too).
void check_deviation(const model::OptionMap& options, double least, std::vector<std::string>& problems);

// A segment's deviation after what rounding can do between here and the consumer: slopes, products and sums on both
// sides are at most 16 roundings of these magnitudes.
inline double after_rounding(double deviation, double a, double b) {
    return deviation - (std::fabs(a) + std::fabs(b) + deviation) * 0x1p-49;
}

}  // namespace tributary::downsample
