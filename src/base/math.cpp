// SPDX-License-Identifier: Apache-2.0
#include "base/math.hpp"

#include <bit>
#include <cmath>
#include <limits>

namespace tributary::base::math {
namespace {

// ln 2 in two parts: the first has 21 zero bits at its end, so that k * kLn2High is exact for every exponent k.
constexpr double kLn2High = 0x1.62e42fee00000p-1;
constexpr double kLn2Low = 0x1.a39ef35793c76p-33;
constexpr double kInverseLn2 = 0x1.71547652b82fep+0;
constexpr double kTwoPi = 0x1.921fb54442d18p+2;
constexpr double kSqrtHalf = 0x1.6a09e667f3bcdp-1;

double power_of_two(int k) { return std::bit_cast<double>(static_cast<uint64_t>(k + 1023) << 52); }  // normal range

double nearest_integer(double x) { return static_cast<double>(static_cast<int64_t>(x < 0 ? x - 0.5 : x + 0.5)); }

// |theta| <= pi/4: the first term left out is below 1e-19.
double sin_series(double theta) {
    const double t = theta * theta;
    double sum = 0;
    for (int n = 17; n >= 3; n -= 2) sum = (1 + sum) * -t / (n * (n - 1));
    return theta + theta * sum;
}
double cos_series(double theta) {
    const double t = theta * theta;
    double sum = 0;
    for (int n = 18; n >= 2; n -= 2) sum = (1 + sum) * -t / (n * (n - 1));
    return 1 + sum;
}

}  // namespace

double ln(double x) {
    if (x < 0 || x != x) return std::numeric_limits<double>::quiet_NaN();
    if (x == 0) return -std::numeric_limits<double>::infinity();
    if (x > std::numeric_limits<double>::max()) return x;
    int k = 0;
    if (x < std::numeric_limits<double>::min()) x *= 0x1p54, k = -54;
    // x = 2^k m with sqrt(1/2) <= m < sqrt(2)
    const auto bits = std::bit_cast<uint64_t>(x);
    k += static_cast<int>(bits >> 52) - 1022;
    double m = std::bit_cast<double>((bits & 0xfffffffffffffULL) | 0x3fe0000000000000ULL);
    if (m < kSqrtHalf) m *= 2, k--;
    // ln m = 2 (s + s^3/3 + s^5/5 + ...) with |s| <= 0.172: the first term left out is below 1e-18.
    const double s = (m - 1) / (m + 1), t = s * s;
    double sum = 0;
    for (int n = 23; n >= 3; n -= 2) sum = (sum + 1.0 / n) * t;
    return k * kLn2High + (k * kLn2Low + (2 * s + 2 * s * sum));
}

double exp(double x) {
    if (x != x) return x;
    if (x > 709.79) return std::numeric_limits<double>::infinity();
    if (x < -745.2) return 0;
    const double k = nearest_integer(x * kInverseLn2);
    const double r = (x - k * kLn2High) - k * kLn2Low;
    // |r| <= 0.347: the first term left out is below 1e-18.
    double sum = 0;
    for (int n = 15; n >= 2; n--) sum = (1 + sum) * r / n;
    const double e = 1 + (r + r * sum);
    // In two steps, so that each factor is a normal number.
    const int half = static_cast<int>(k) / 2;
    return e * power_of_two(half) * power_of_two(static_cast<int>(k) - half);
}

double sin_turns(double x) {
    const double turn = x - nearest_integer(x);
    const double quarter = nearest_integer(4 * turn);
    const double theta = (turn - quarter / 4) * kTwoPi;
    switch (static_cast<int>(quarter) & 3) {
        case 0:
            return sin_series(theta);
        case 1:
            return cos_series(theta);
        case 2:
            return -sin_series(theta);
        default:
            return -cos_series(theta);
    }
}

double cos_turns(double x) {
    const double turn = x - nearest_integer(x);
    return sin_turns(turn + 0.25);
}

uint64_t Random::next() {
    uint64_t z = state_ += 0x9e3779b97f4a7c15ULL;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
}

double Random::uniform() { return static_cast<double>(next() >> 11) * 0x1p-53; }

uint64_t Random::below(uint64_t bound) { return next() % bound; }

double Random::normal() {
    if (has_spare_) return has_spare_ = false, spare_;
    const double radius = std::sqrt(-2 * ln(1 - uniform()));
    const double turn = uniform();
    spare_ = radius * sin_turns(turn);
    has_spare_ = true;
    return radius * cos_turns(turn);
}

}  // namespace tributary::base::math
