// SPDX-License-Identifier: Apache-2.0
// The promise of the swinging door through the whole engine: readings out of order, late ones, silence, restarts from a
// checkpoint, a new time epoch. Every reading is kept, in the late log, or within the deviation of the line.
#include <doctest/doctest.h>

#include <cmath>
#include <map>

#include "base/math.hpp"
#include "engine/helper.hpp"

using namespace tributary;
using namespace tributary::engine_test;

namespace {

constexpr double kDeviation = 1.5;
constexpr const char* kConfig = R"([gateway]
id = "line1"
[[stream]]
name = "s"
topics = ["s/+"]
time = "/ts"
max_ahead = "1d"
[stream.downsample]
type = "swinging-door"
deviation = 1.5
lateness = "3s"
max_time = "30s"
)";

using Points = std::map<int64_t, double>;  // by ms; every stamp is used once

// Greatest distance of a dropped reading from the line between its kept neighbours, in deviations.
double worst(const Points& given, const Points& kept) {
    double out = 0;
    for (const auto& [time_ms, value] : given) {
        if (kept.contains(time_ms)) continue;
        const auto next = kept.upper_bound(time_ms);
        REQUIRE(next != kept.end());
        REQUIRE(next != kept.begin());
        const auto before = std::prev(next);
        const double share =
            static_cast<double>(time_ms - before->first) / static_cast<double>(next->first - before->first);
        out = std::max(out, std::fabs(before->second + (next->second - before->second) * share - value) / kDeviation);
    }
    return out;
}

}  // namespace

TEST_CASE("thinning: kept, late or within the deviation, whatever the order and whatever was restarted") {
    base::math::Random random(11);
    Inputs in;
    int64_t now_ms = 1'700'000'000'000;
    in.config(kConfig, now_ms * base::kNsPerMs);
    std::map<std::string, Points> given;
    std::map<std::string, double> level;
    for (int i = 0; i < 20'000; i++) {
        now_ms += static_cast<int64_t>(random.below(40) == 0 ? random.below(60'000) : random.below(400));
        const std::string series = base::format("s/{}", random.below(3));
        const auto back = static_cast<int64_t>(random.below(15) == 0 ? random.below(8'000) : random.below(1'500));
        double& value = level[series];
        value += random.normal() * (random.below(30) == 0 ? 10 : 0.4);
        if (!given[series].emplace(now_ms - back, value).second) continue;
        in.message(series, base::format(R"({{"ts":{},"value":{}}})", now_ms - back, base::number_text(value)),
                   now_ms * base::kNsPerMs);
    }
    auto engine = engine::make_engine();
    Collector sink;
    model::Ledger ledger;
    int restarts = 0;
    for (const auto& record : in.records) {
        engine->process(record, sink, ledger);
        if (random.below(300) != 0) continue;
        const auto state = engine->checkpoint();
        engine = engine::make_engine();
        REQUIRE(engine->restore(state).ok());
        restarts++;
    }
    engine->flush(sink, ledger);
    std::map<std::string, Points> kept;
    uint64_t late = 0;
    for (const auto& output : sink.outputs) {
        if (const auto* one = std::get_if<model::LateReading>(&output)) {
            CHECK(given[one->origin.series].erase(base::ns_to_ms(one->event_ns)) == 1);
            CHECK(one->window == "swinging-door");
            late++;
        } else {
            const auto& reduced = std::get<model::Reduced>(output);
            CHECK(reduced.deviation == kDeviation);
            const int64_t time_ms = base::ns_to_ms(reduced.event_ns);
            REQUIRE(given[reduced.origin.series].contains(time_ms));
            CHECK(given[reduced.origin.series][time_ms] == reduced.number);
            CHECK(kept[reduced.origin.series].emplace(time_ms, reduced.number).second);
        }
    }
    size_t all = 0, few = 0;
    double greatest = 0;
    for (const auto& [series, points] : given) {
        all += points.size(), few += kept[series].size();
        greatest = std::max(greatest, worst(points, kept[series]));
    }
    MESSAGE(all, " readings, ", few, " kept, ", late, " late, ", restarts, " restarts, greatest error ", greatest);
    CHECK(greatest <= 1 + 1e-9);
    CHECK(late > 100);
    CHECK(few < all / 2);
    CHECK(ledger.streams.at("s").pending() == 0);
}
