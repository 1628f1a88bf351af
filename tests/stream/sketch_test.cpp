// SPDX-License-Identifier: Apache-2.0
#include "stream/sketch.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "base/math.hpp"

using namespace tributary;
using stream::Sketch;

namespace {

struct Filled {
    Sketch sketch;
    std::vector<std::byte> bytes;
    std::vector<double> values;

    explicit Filled(uint32_t bins) : sketch(bins), bytes(sketch.bytes()) {}
    void add(double value) {
        sketch.add(bytes.data(), value);
        values.push_back(value);
    }
    // The worst error in proportion to the true quantile over many ranks, divided by the error that is promised.
    double worst() {
        std::sort(values.begin(), values.end());
        double worst = 0;
        for (const double q : {0.0, 0.001, 0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 1.0}) {
            const auto rank =
                std::max<size_t>(1, static_cast<size_t>(std::ceil(q * static_cast<double>(values.size()))));
            const double truth = values[rank - 1], found = sketch.quantile(bytes.data(), q);
            const double error = std::fabs(found - truth);
            if (truth == 0)
                CHECK(found == 0);
            else
                worst = std::max(worst, error / std::fabs(truth) / sketch.error(bytes.data()));
        }
        return worst;
    }
};

}  // namespace

TEST_CASE("quantiles stay within the error that is promised") {
    base::math::Random random(17);
    double worst = 0;
    int coarse = 0, sketches = 0;
    for (int round = 0; round < 200; round++) {
        Filled filled(round % 2 == 0 ? 128 : 2048);
        const double spread = base::math::exp(random.uniform() * 12 - 6), level = random.normal() * 1000;
        for (int i = 0; i < 1000; i++) switch (round % 5) {
                case 0:
                    filled.add(level + spread * random.normal());
                    break;
                case 1:
                    filled.add(base::math::exp(random.normal() * spread / 50));
                    break;
                case 2:
                    filled.add(static_cast<double>(random.below(7)) - 3);
                    break;
                case 3:
                    filled.add(random.uniform() < 0.5 ? -spread : spread * 1e6);
                    break;
                default:
                    filled.add(random.uniform());
            }
        worst = std::max(worst, filled.worst());
        coarse += filled.sketch.coarse(filled.bytes.data()) ? 1 : 0;
        sketches++;
        if (round % 2 == 1) CHECK(!filled.sketch.coarse(filled.bytes.data()));
    }
    MESSAGE("worst quantile error: " << worst << " of the promised one; " << coarse << " of " << sketches
                                     << " sketches ran out of 128 bins and said so");
    CHECK(worst <= 1 + 1e-9);
    CHECK(coarse > 0);
}

TEST_CASE("any doubles fit, whatever the number of bins") {
    base::math::Random random(5);
    Filled filled(Sketch::kFewestBins);
    for (int i = 0; i < 20'000; i++) {
        const double magnitude = base::math::exp(random.uniform() * 1400 - 700);
        filled.add(random.below(2) == 0 ? magnitude : -magnitude);
    }
    filled.add(0);
    filled.add(5e-324);
    filled.add(1.7976931348623157e308);
    filled.add(-1.7976931348623157e308);
    CHECK(filled.sketch.quantile(filled.bytes.data(), 1) > 0);
    CHECK(filled.sketch.quantile(filled.bytes.data(), 0) < 0);
    for (const double q : {0.0, 0.5, 1.0}) CHECK(std::isfinite(filled.sketch.quantile(filled.bytes.data(), q)));
}

TEST_CASE("parts merged in any order are the sketch of the whole") {
    base::math::Random random(9);
    for (int round = 0; round < 100; round++) {
        const Sketch sketch(64);
        std::vector<std::byte> whole(sketch.bytes()), merged(sketch.bytes());
        std::vector<std::vector<std::byte>> parts(6, std::vector<std::byte>(sketch.bytes()));
        for (int i = 0; i < 3000; i++) {
            const double value = base::math::exp(random.normal() * (1 + round % 3)) - 1;
            sketch.add(whole.data(), value);
            sketch.add(parts[random.below(6)].data(), value);
        }
        for (const auto& part : parts) sketch.merge(merged.data(), part.data());
        std::string one, other;
        sketch.save(whole.data(), one);
        sketch.save(merged.data(), other);
        CHECK(one == other);
        std::vector<std::byte> loaded(sketch.bytes());
        base::ByteReader in(one);
        REQUIRE(sketch.load(loaded.data(), in));
        other.clear();
        sketch.save(loaded.data(), other);
        CHECK(one == other);
    }
}
