// SPDX-License-Identifier: Apache-2.0
#include "base/math.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <numbers>

namespace math = tributary::base::math;

namespace {
bool near(double got, long double want) {
    if (got == static_cast<double>(want)) return true;
    return std::fabs(static_cast<long double>(got) - want) <= 1e-14L * std::fabs(want);
}
}  // namespace

TEST_CASE("math: ln and exp are within 1e-14 of libm's long double") {
    math::Random random(1);
    for (int i = 0; i < 200'000; i++) {
        const double x = (random.uniform() - 0.5) * 1400, y = std::exp(x);
        CAPTURE(x);
        CHECK(near(math::exp(x), std::exp(static_cast<long double>(x))));
        CHECK(near(math::ln(y), std::log(static_cast<long double>(y))));
        const double close = 1 + (random.uniform() - 0.5) * std::exp(-random.uniform() * 36);
        CHECK(near(math::ln(close), std::log(static_cast<long double>(close))));
        const double tiny = (random.uniform() - 0.5) * std::exp(-random.uniform() * 36);
        CHECK(near(math::exp(tiny), std::exp(static_cast<long double>(tiny))));
    }
    CHECK(math::ln(1) == 0);
    CHECK(math::exp(0) == 1);
    CHECK(near(math::ln(5e-324), std::log(static_cast<long double>(5e-324))));
    CHECK(near(math::ln(1.7976931348623157e308), std::log(1.7976931348623157e308L)));
    CHECK(math::ln(0) == -std::numeric_limits<double>::infinity());
    CHECK(std::isnan(math::ln(-1)));
    CHECK(math::ln(std::numeric_limits<double>::infinity()) == std::numeric_limits<double>::infinity());
    CHECK(math::exp(710) == std::numeric_limits<double>::infinity());
    CHECK(std::isfinite(math::exp(709.78)));
    CHECK(math::exp(-746) == 0);
    CHECK(math::exp(-745) > 0);
}

TEST_CASE("math: sine and cosine of turns") {
    math::Random random(2);
    for (int i = 0; i < 200'000; i++) {
        const double x = (random.uniform() - 0.5) * 4;
        const long double angle = 2 * std::numbers::pi_v<long double> * x;
        CAPTURE(x);
        CHECK(std::fabs(math::sin_turns(x) - std::sin(angle)) <= 5e-15L);
        CHECK(std::fabs(math::cos_turns(x) - std::cos(angle)) <= 5e-15L);
        const double small = x * 0x1p-30;
        CHECK(near(math::sin_turns(small), std::sin(2 * std::numbers::pi_v<long double> * small)));
    }
    CHECK(math::sin_turns(0.25) == 1);
    CHECK(math::sin_turns(0.5) == 0);
    CHECK(math::cos_turns(1e15) == 1);
    CHECK(math::sin_turns(-1e9 - 0.25) == -1);
}

TEST_CASE("math: random numbers look like their distributions and repeat by seed") {
    math::Random random(3), again(3);
    double sum = 0, squares = 0, fourth = 0;
    constexpr int kCount = 200'000;
    for (int i = 0; i < kCount; i++) {
        const double z = random.normal();
        CHECK(z == again.normal());
        sum += z, squares += z * z, fourth += z * z * z * z;
    }
    CHECK(std::fabs(sum / kCount) < 0.01);
    CHECK(std::fabs(squares / kCount - 1) < 0.02);
    CHECK(std::fabs(fourth / kCount - 3) < 0.1);
    // First outputs of SplitMix64 for seed 1234567, as published with the reference implementation.
    math::Random reference(1234567);
    CHECK(reference.next() == 6457827717110365317ULL);
    CHECK(reference.next() == 3203168211198807973ULL);
}
