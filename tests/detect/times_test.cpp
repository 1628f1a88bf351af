// SPDX-License-Identifier: Apache-2.0
// A series whose clock is set back by ten years: told so, each detector that depends on times works at once as before.
#include "detect/helper.hpp"

using namespace tributary;
using namespace tributary::detect;

namespace {

constexpr int64_t kSecond = 1'000'000'000;
constexpr int64_t kNow = 1'767'571'200 * kSecond, kAhead = kNow + 3653 * 86'400 * kSecond;

// Values of a normal day, one each 10 min, over so many days.
int alarms_of_days(Probe& probe, int64_t start_ns, int days, bool counter) {
    int alarms = 0;
    for (int i = 0; i < days * 144; i++) {
        const double value = counter ? i * 10.0 : 20 + (i % 7) * 0.1;
        alarms += probe.at(start_ns + i * 600 * kSecond, value).score >= 0.5;
    }
    return alarms;
}

}  // namespace

TEST_CASE("times that begin anew") {
    using Text = std::string;
    const std::pair<const char*, model::OptionMap> cases[] = {
        {"threshold", options({{"high", 30.0}, {"dwell", Text("10min")}})},
        {"rate", options({{"rise", 5.0}, {"per", Text("1min")}})},
        {"counter-rate", options({{"high", 100.0}, {"over", Text("5min")}})},
        {"stuck", options({{"after", Text("30min")}, {"readings", int64_t{3}}})},
        {"spikes", options({{"count", int64_t{2}}, {"within", Text("1h")}})},
        {"seasonal", options({{"period", Text("day")}})},
        {"missing", options({{"after", Text("1h")}})},
    };
    for (const auto& [type, given] : cases) {
        CAPTURE(type);
        const bool counter = std::string_view(type) == "counter-rate";
        Probe probe(type, given);
        CHECK(alarms_of_days(probe, kAhead, 3, counter) == 0);
        probe.forget_times();
        CHECK(alarms_of_days(probe, kNow, 3, counter) == 0);
        // Now something of everything: a jump that stays, another after a pause, then silence.
        int64_t now = kNow + 3 * 86'400 * kSecond;
        int alarms = 0;
        double value = counter ? 4320 : 20;
        for (int i = 0; i < 8; i++) {
            now += 600 * kSecond;
            value += i == 0 || i == 4 ? 10'000 : 0;
            if (i == 3) value = 20;
            alarms += probe.at(now, value).score >= 0.5;
        }
        alarms += probe.at(now + 7200 * kSecond, value).score >= 0.5;
        CHECK(alarms > 0);
    }
}
