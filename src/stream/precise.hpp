// SPDX-License-Identifier: Apache-2.0
// A sum in two doubles (about 106 bits): it does not depend on the order of adding but for the last bits of the lower
// half, so partial sums of windows add up to the sum of the whole. Trivially copyable, all zero = nothing added. Pure.
// Sources: D. E. Knuth, TAOCP 2, 4.2.2 (the error of an addition); T. J. Dekker, "A floating-point technique for
// extending the available precision" (1971) (the error of a product, without a fused multiply-add).
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>

namespace tributary::stream {

struct PreciseSum {
    double high = 0, low = 0;

    void add(double x) {
        const double sum = high + x;
        if (!(std::fabs(sum) <= std::numeric_limits<double>::max())) {  // out of range: the sign is what is left
            high = sum, low = 0;
            return;
        }
        const double part = sum - high;
        settle(sum, low + ((high - (sum - part)) + (x - part)));
    }
    void add(const PreciseSum& other) {
        add(other.high);
        if (std::isfinite(high)) add(other.low);
    }
    void add_product(double a, double b) {
        const double product = a * b;
        add(product);
        constexpr double kSplittable = 0x1p+995;  // beyond it Dekker's split leaves the range
        if (!std::isfinite(high) || std::fabs(a) > kSplittable || std::fabs(b) > kSplittable) return;
        const double a_high = upper(a), a_low = a - a_high, b_high = upper(b), b_low = b - b_high;
        add(((a_high * b_high - product) + a_high * b_low + a_low * b_high) + a_low * b_low);
    }
    void add_product(const PreciseSum& a, const PreciseSum& b) {
        add_product(a.high, b.high);
        if (std::isfinite(high)) add(a.high * b.low + a.low * b.high);
    }
    double value() const { return high + low; }

  private:
    void settle(double sum, double rest) {
        high = sum + rest;
        low = rest - (high - sum);
    }
    static double upper(double x) {
        const double scaled = 0x1.0000002p+27 * x;
        return scaled - (scaled - x);
    }
};

// What is put out: cut to the range of a double, 0 where there is no value.
inline double finite(double value) {
    constexpr double kMost = std::numeric_limits<double>::max();
    return value != value ? 0 : std::clamp(value, -kMost, kMost);
}

}  // namespace tributary::stream
