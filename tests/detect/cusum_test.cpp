// SPDX-License-Identifier: Apache-2.0
#include "detect/helper.hpp"

using namespace tributary;
using namespace tributary::detect;

TEST_CASE("cusum: a shift of one deviation within a hundred readings, in noise that is quiet before") {
    int false_alarms = 0, late = 0;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        for (const double shift : {1.0, -1.0}) {
            Probe probe("cusum", {});
            base::math::Random random(seed);
            for (int i = 0; i < 1000; i++) false_alarms += probe.alarms(20 + 0.5 * random.normal());
            int until = 0;
            std::string_view kind;
            for (; until < 200; until++) {
                const auto finding = probe(20 + 0.5 * (shift + random.normal()));
                if (finding.score < 0.5) continue;
                kind = finding.kind;
                CHECK(*finding.expected == doctest::Approx(20).epsilon(0.02));
                break;
            }
            late += until > 100;
            CHECK(kind == (shift > 0 ? "shift-up" : "shift-down"));
        }
    }
    CHECK(false_alarms == 0);
    CHECK(late <= 4);
}

TEST_CASE("cusum: one event a shift, the new level is learned, a spike is none") {
    Probe probe("cusum", options({{"warmup", int64_t{50}}}));
    base::math::Random random(3);
    const auto run = [&](int readings, double level) {
        int events = 0, alarms = 0;
        bool before = false;
        for (int i = 0; i < readings; i++) {
            const bool now = probe.alarms(level + random.normal());
            events += now && !before;
            alarms += now;
            before = now;
        }
        return std::pair(events, alarms);
    };
    CHECK(run(500, 100) == std::pair(0, 0));
    const auto [events, alarms] = run(500, 103);
    CHECK(events == 1);
    CHECK(alarms == 50);
    CHECK(*probe(103).expected == doctest::Approx(103).epsilon(0.01));
    CHECK_FALSE(probe.alarms(1e6));
    CHECK_FALSE(probe.alarms(103));
    CHECK(run(500, 103) == std::pair(0, 0));
    CHECK(run(500, 90).first == 1);
}

TEST_CASE("cusum: constants, strange numbers, restarts") {
    for (const double level : {0.0, 1e300, -5.0}) check_quiet_on_constant("cusum", {}, level);
    check_strange("cusum", {});
    check_strange("cusum",
                  options({{"min_sigma", 0.0}, {"min_relative", 0.0}, {"warmup", int64_t{10}}, {"limit", 1.0}}));
    base::math::Random random(5);
    check_restart("cusum", options({{"warmup", int64_t{20}}}), 5000,
                  [&](int i) { return std::pair(int64_t{i}, random.normal() + (i / 500) % 2 * 4); });
}
