// SPDX-License-Identifier: Apache-2.0
#include "detect/helper.hpp"

using namespace tributary;
using namespace tributary::detect;

namespace {
constexpr int64_t kSecond = 1'000'000'000;
}

TEST_CASE("stuck: unchanged for the time and for the readings") {
    Probe probe("stuck", options({{"after", std::string("60s")}, {"readings", int64_t{4}}}));
    for (int i = 0; i < 100; i++) CHECK_FALSE(probe.at(i * kSecond, i % 50).score >= 0.5);
    for (int i = 100; i < 160; i++) CHECK_FALSE(probe.at(i * kSecond, 7).score >= 0.5);
    const auto stuck = probe.at(160 * kSecond, 7);
    CHECK(stuck.score == 0.5);
    CHECK(stuck.kind == "stuck");
    CHECK(probe.at(220 * kSecond, 7).score == 0.75);
    CHECK(probe.at(221 * kSecond, 7.01).score < 0.5);
    // Few readings do not say much, however far apart.
    CHECK(probe.at(280 * kSecond, 8).score < 0.5);
    CHECK(probe.at(330 * kSecond, 8).score < 0.5);
    CHECK(probe.at(380 * kSecond, 8).score < 0.5);
    CHECK(probe.at(430 * kSecond, 8).score >= 0.5);
}

TEST_CASE("stuck: noise within the tolerance is unchanged, drift is not") {
    Probe probe("stuck", options({{"after", std::string("60s")}, {"tolerance", 0.5}}));
    bool found = false, drift = false;
    for (int i = 0; i < 100; i++) found |= probe.at(i * kSecond, 20 + (i % 2 == 0 ? 0 : 0.5)).score >= 0.5;
    CHECK(found);
    for (int i = 100; i < 1000; i++) drift |= probe.at(i * kSecond, 20.6 + (i - 100) * 0.02).score >= 0.5;
    CHECK_FALSE(drift);
    Probe rest("stuck", options({{"after", std::string("60s")}, {"rest", 0.0}}));
    for (int i = 0; i < 1000; i++) CHECK_FALSE(rest.at(i * kSecond, 0).score >= 0.5);
    bool at_one = false;
    for (int i = 1000; i < 1100; i++) at_one |= rest.at(i * kSecond, 1).score >= 0.5;
    CHECK(at_one);
}

TEST_CASE("stuck: a gap is no standstill, late readings turn no time back") {
    Probe probe("stuck", options({{"after", std::string("60s")}, {"readings", int64_t{3}}}));
    for (int i = 0; i < 50; i++) probe.at(i * kSecond, 7);
    CHECK_FALSE(probe.at(86'400 * kSecond, 7).score >= 0.5);
    CHECK_FALSE(probe.at(86'430 * kSecond, 7).score >= 0.5);
    CHECK_FALSE(probe.at(86'400 * kSecond, 7).score >= 0.5);
    CHECK(probe.at(86'460 * kSecond, 7).score >= 0.5);
    CHECK(probe.at(10 * kSecond, 7).score >= 0.5);
    CHECK_FALSE(probe.at(10 * kSecond, 8).score >= 0.5);
    Probe counts("stuck", options({{"after", std::string("0s")}, {"readings", int64_t{5}}}));
    for (int i = 0; i < 4; i++) CHECK_FALSE(counts.at(0, 3).score >= 0.5);
    CHECK(counts.at(0, 3).score == 0.5);
}

TEST_CASE("stuck: strange numbers, restarts") {
    check_strange("stuck", {});
    check_strange(
        "stuck",
        options({{"after", std::string("0s")}, {"readings", int64_t{2}}, {"tolerance", 1e150}, {"rest", 1.7e308}}));
    base::math::Random random(5);
    check_restart("stuck", options({{"after", std::string("30s")}}), 5000, [&](int i) {
        return std::pair(i * kSecond - static_cast<int64_t>(random.below(3)) * kSecond,
                         (i / 100) % 2 == 0 ? 5.0 : random.normal());
    });
}
