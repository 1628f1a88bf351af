// SPDX-License-Identifier: Apache-2.0
// What each detector costs a reading: 10,000 series at 1 Hz, states side by side as the engine keeps them, against the
// same walk with a state of the same size that is only copied in and out. Allocations are counted by replacing operator
// new. Run by `make bench`; no assertion, a noisy machine may be slow.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "base/files.hpp"
#include "bench/counted.hpp"
#include "detect/detector.hpp"
#include "detect/group.hpp"
#include "stream/window_stage.hpp"

using namespace tributary;

namespace {

constexpr uint32_t kSeries = 10'000;
constexpr int64_t kStart = 1'767'225'600 * base::kNsPerSecond;

struct Reading {
    int64_t event_ns;
    double value;
};

// Noise of a hash, so that no two series and no two rounds are alike and branches are not learned.
Reading reading_at(int64_t round, uint32_t series) {
    uint64_t hash = static_cast<uint64_t>(round) * kSeries + series + 1;
    hash = (hash ^ (hash >> 30)) * 0xbf58476d1ce4e5b9ULL;
    hash = (hash ^ (hash >> 27)) * 0x94d049bb133111ebULL;
    return {kStart + round * base::kNsPerSecond + series, 20 + static_cast<double>(hash >> 48) / 65536};
}

struct Cost {
    double median_ns;
    double allocations;
};

template <class Each>
Cost measure(int64_t rounds, Each each) {
    std::vector<double> took;
    took.reserve(static_cast<size_t>(rounds));
    std::vector<Reading> readings(kSeries);
    uint64_t allocated = 0;
    for (int64_t round = 0; round < rounds; round++) {
        for (uint32_t series = 0; series < kSeries; series++) readings[series] = reading_at(round, series);
        const uint64_t before = allocations;
        const auto start = std::chrono::steady_clock::now();
        for (uint32_t series = 0; series < kSeries; series++) each(series, readings[series]);
        const double ns = std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now() - start).count();
        if (round < rounds / 2) continue;  // warm, and all of them judge
        took.push_back(ns / kSeries);
        allocated += allocations - before;
    }
    std::sort(took.begin(), took.end());
    return {took[took.size() / 2], static_cast<double>(allocated) / static_cast<double>(took.size()) / kSeries};
}

double run(const std::string& name, const std::string& type, const model::OptionMap& options, int64_t rounds) {
    const auto problems = detect::check({type, type, options, {}}, "bench");
    if (!problems.empty()) {
        std::printf("%-28s %s\n", name.c_str(), problems.front().message.c_str());
        std::exit(1);
    }
    const auto detector = detect::find_type(type)->make(options);
    const size_t stride = (detector->state_bytes() + 15) / 16 * 16;
    std::vector<std::byte> states(stride * kSeries);
    uint64_t alarms = 0;
    const Cost cost = measure(rounds, [&](uint32_t series, const Reading& reading) {
        std::byte* const state = states.data() + series * stride;
        alarms += detector->update(state, reading.event_ns, reading.value).score >= 0.5;
        if (detector->watches_silence()) detector->arrived(state, reading.event_ns);
    });
    std::vector<std::byte> copy(detector->state_bytes());
    const Cost floor = measure(rounds, [&](uint32_t series, const Reading& reading) {
        std::byte* const state = states.data() + series * stride;
        std::memcpy(copy.data(), state, copy.size());
        std::memcpy(copy.data(), &reading, sizeof reading);
        std::memcpy(state, copy.data(), copy.size());
    });
    std::printf("%-28s %4zu bytes %7.1f ns a reading, %6.1f of it copying; allocations %.6f; alarms %.4f %%\n",
                name.c_str(), detector->state_bytes(), cost.median_ns, floor.median_ns, cost.allocations,
                100.0 * static_cast<double>(alarms) / static_cast<double>(rounds * kSeries));
    return cost.median_ns;
}

// Groups of so many of the series, which come in messages of their own.
void run_groups(uint32_t members, int64_t rounds) {
    const detect::Group rules({});
    std::vector<detect::GroupState> groups(kSeries / members);
    std::vector<detect::MemberState> states(kSeries);
    uint64_t alarms = 0, ended = 0;
    const Cost cost = measure(rounds, [&](uint32_t series, const Reading& reading) {
        const std::span<detect::MemberState> own(states.data() + series / members * members, members);
        const auto round =
            rules.update(groups[series / members], own, series % members, reading.event_ns, reading.value);
        if (!round) return;
        ended++;
        alarms += round->finding.score >= 0.5;
    });
    const size_t bytes = sizeof(detect::GroupState) + members * sizeof(detect::MemberState);
    std::printf("group of %-19u %4zu bytes %7.1f ns a reading; allocations %.6f; alarms in %.4f %% of the rounds\n",
                members, bytes, cost.median_ns, cost.allocations,
                100.0 * static_cast<double>(alarms) / static_cast<double>(ended));
}

// What the stream stage takes of the same readings: one window of 10 s with the usual figures.
double run_stream(int64_t rounds) {
    config::StreamSettings settings;
    config::WindowSettings window;
    window.size_ns = 10 * base::kNsPerSecond, window.lateness_ns = 2 * base::kNsPerSecond;
    window.idle_ns = 60 * base::kNsPerSecond;
    settings.windows.push_back(window);
    stream::WindowStage stage(settings);
    std::vector<stream::Closed> closed;
    std::vector<stream::Late> late;
    const Cost cost = measure(rounds, [&](uint32_t series, const Reading& reading) {
        model::Reading one;
        one.event_ns = reading.event_ns, one.value.number = reading.value;
        if (one.event_ns >= stage.bound_ns()) stage.close_idle(one.event_ns, closed);
        stage.add(series, one, one.event_ns, closed, late);
        closed.clear();
    });
    return cost.median_ns;
}

model::OptionMap with(const std::string& name, decltype(model::OptionValue::value) value) {
    model::OptionMap map;
    map[name].value = std::move(value);
    return map;
}

}  // namespace

int main(int argc, char** argv) {
    const int64_t rounds = argc > 1 ? std::atoll(argv[1]) : 300;
    const double automatic = run("auto", "auto", {}, rounds), stream = run_stream(rounds);
    std::printf("%-28s %18.1f ns a reading (one window of 10 s); auto takes %.2f times that\n", "the stream stage",
                stream, automatic / stream);
    run("threshold", "threshold", with("high", 80.0), rounds);
    run("rate", "rate", with("rise", 1e6), rounds);
    run("ewma", "ewma", {}, rounds);
    run("robust-z", "robust-z", {}, rounds);
    run("cusum", "cusum", {}, rounds);
    run("seasonal", "seasonal", {}, rounds);
    run("seasonal, Europe/Berlin", "seasonal", with("zone", std::string("Europe/Berlin")), rounds);
    run("spikes", "spikes", {}, rounds);
    run("stuck", "stuck", {}, rounds);
    run("missing", "missing", {}, rounds);
    run("counter-rate", "counter-rate", with("high", 1e9), rounds);
    for (const uint32_t members : {2U, 8U, 50U}) run_groups(members, std::max<int64_t>(rounds, 900));
    for (const char* name : {"logistic", "forest", "xgboost"}) {
        const auto content = base::read_file(std::string(TRIBUTARY_SOURCE_DIR "/tests/cases/model/") + name + ".json");
        if (content) run(std::string("model: ") + name, "model", with("content", *content), rounds);
    }
}
