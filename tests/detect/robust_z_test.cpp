// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>

#include "detect/helper.hpp"

using namespace tributary;
using namespace tributary::detect;

namespace {

// By the book: sort, take the middle, sort the distances, take the middle.
double middle(std::vector<double> values) {
    std::sort(values.begin(), values.end());
    return values[values.size() / 2];
}

}  // namespace

TEST_CASE("robust-z: median and MAD are those of a sort") {
    for (const int64_t window : {5, 6, 20, 49}) {
        Probe probe("robust-z", options({{"window", window}, {"limit", 1000.0}}));
        base::math::Random random(4);
        std::vector<double> last;
        for (int i = 0; i < 3000; i++) {
            const double value = i % 4 == 0 ? std::floor(random.normal() * 3) : random.normal() * 10;
            const auto finding = probe(value);
            if (static_cast<int64_t>(last.size()) == window) {
                const double median = middle(last);
                std::vector<double> distances;
                for (const double v : last) distances.push_back(std::abs(v - median));
                CHECK(finding.expected == median);
                CHECK(finding.score == doctest::Approx(std::abs(value - median) / (1.4826 * middle(distances)) / 2000));
                last.erase(last.begin());
            } else {
                CHECK(finding.score == 0);
            }
            last.push_back(value);
        }
    }
}

TEST_CASE("robust-z: finds spikes in a shower of spikes, and stays quiet on noise") {
    Probe probe("robust-z", options({{"limit", 8.0}}));
    base::math::Random random(1);
    int false_alarms = 0, missed = 0, spikes = 0;
    for (int i = 0; i < 100'000; i++) {
        const bool spike = i > 100 && i % 5 == 0;  // a fifth of all
        const auto finding = probe(20 + 0.5 * random.normal() + (spike ? 15 : 0));
        if (!sane(finding)) FAIL("insane");
        spikes += spike;
        (spike ? missed : false_alarms) += spike ? finding.score < 0.5 : finding.score >= 0.5;
    }
    CHECK(false_alarms == 0);
    CHECK(missed < spikes / 1000);
}

TEST_CASE("robust-z: a step alarms for half a window; every = 10 remembers ten times as long") {
    for (const int64_t every : {1, 10}) {
        Probe probe("robust-z", options({{"every", every}, {"window", int64_t{21}}}));
        base::math::Random random(2);
        for (int i = 0; i < 500; i++) CHECK_FALSE(probe.alarms(10 + 0.01 * random.normal()));
        int until = 0;
        while (probe.alarms(12 + 0.01 * random.normal()) && until < 1000) until++;
        CHECK(until >= 8 * every);
        CHECK(until <= 13 * every);
    }
}

TEST_CASE("robust-z: a MAD of 0") {
    Probe probe("robust-z", options({{"min_relative", 0.0}}));
    for (int i = 0; i < 100; i++) CHECK_FALSE(probe.alarms(i % 3 == 0 ? 20.1 : 20));
    CHECK(probe.alarms(21));
    Probe constant("robust-z", {});
    for (int i = 0; i < 100; i++) CHECK_FALSE(constant.alarms(20 + (i % 2) * 0.01));
    CHECK(constant.alarms(21));
}

TEST_CASE("robust-z: constants, strange numbers, restarts") {
    for (const double level : {0.0, 1e300, -5.0}) check_quiet_on_constant("robust-z", {}, level);
    check_strange("robust-z", {});
    check_strange("robust-z", options({{"min_sigma", 0.0}, {"min_relative", 0.0}, {"window", int64_t{6}}}));
    base::math::Random random(5);
    check_restart("robust-z", options({{"window", int64_t{20}}, {"every", int64_t{3}}}), 5000,
                  [&](int i) { return std::pair(int64_t{i}, random.normal() + (i % 50 == 0 ? 20 : 0)); });
    CHECK(check({"robust-z", "r", options({{"hysteresis", 6.0}}), {}}, "t").size() == 1);
}
