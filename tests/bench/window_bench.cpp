// SPDX-License-Identifier: Apache-2.0
// What the window stage costs a reading: 10,000 series at 1 Hz, three window sizes, against copying the readings.
// Allocations are counted by replacing operator new. Run by `make bench`; no assertion, a noisy machine may be slow.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "bench/counted.hpp"
#include "stream/window_stage.hpp"

using namespace tributary;

namespace {

constexpr uint32_t kSeries = 10'000;
constexpr int64_t kStart = 1'767'225'600 * base::kNsPerSecond;

config::WindowSettings window(int64_t seconds, const std::vector<std::string>& aggregates) {
    config::WindowSettings window;
    window.size_ns = seconds * base::kNsPerSecond;
    window.lateness_ns = 2 * base::kNsPerSecond;
    window.idle_ns = std::max<int64_t>(window.size_ns, 60 * base::kNsPerSecond);
    window.aggregates = aggregates;
    return window;
}

double since(std::chrono::steady_clock::time_point start) {
    return std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now() - start).count();
}

model::Reading reading_at(int64_t round, uint32_t series) {
    model::Reading reading;
    reading.event_ns = kStart + round * base::kNsPerSecond + series;
    reading.value.number = 20 + static_cast<double>((round * 7 + series) % 97) / 8;
    return reading;
}

void run(const char* name, const std::vector<std::string>& aggregates, int64_t rounds) {
    config::StreamSettings settings;
    for (const int64_t seconds : {10, 60, 3600}) settings.windows.push_back(window(seconds, aggregates));
    stream::WindowStage stage(settings);
    std::vector<stream::Closed> closed;
    std::vector<stream::Late> late;
    closed.reserve(16);
    uint64_t between = 0, quiet = 0;
    std::vector<double> took;  // ns a reading, by round
    took.reserve(static_cast<size_t>(rounds));
    for (int64_t round = 0; round < rounds; round++) {
        const uint64_t before = allocations;
        const auto start = std::chrono::steady_clock::now();
        size_t put_out = 0;
        for (uint32_t series = 0; series < kSeries; series++) {
            const auto reading = reading_at(round, series);
            if (reading.event_ns >= stage.bound_ns()) stage.close_idle(reading.event_ns, closed);
            stage.add(series, reading, reading.event_ns, closed, late);
            put_out += closed.size();
            closed.clear();
        }
        if (round < rounds / 2) continue;  // warm
        took.push_back(since(start) / kSeries);
        if (put_out > 0) continue;  // records are made of what closes
        between += allocations - before;
        quiet += kSeries;
    }
    std::sort(took.begin(), took.end());
    std::printf("%-58s %7.1f ns a reading (median), %7.1f (least); allocations a reading %.6f of %llu\n", name,
                took[took.size() / 2], took.front(), static_cast<double>(between) / static_cast<double>(quiet),
                static_cast<unsigned long long>(quiet));
}

}  // namespace

int main(int argc, char** argv) {
    const int64_t rounds = argc > 1 ? std::atoll(argv[1]) : 200;
    double sum = 0;
    const auto start = std::chrono::steady_clock::now();
    for (int64_t round = 0; round < rounds; round++)
        for (uint32_t series = 0; series < kSeries; series++) {
            const auto reading = reading_at(round, series);
            sum += reading.value.number + static_cast<double>(reading.event_ns);
        }
    std::printf("%-58s %8.1f ns a reading (%g)\n", "making the readings",
                since(start) / (static_cast<double>(rounds) * kSeries), sum);
    run("3 windows: count sum min max mean stddev first last", {}, rounds);
    run("... and time_weighted_mean, increase, rate", {"time_weighted_mean", "increase", "rate"}, rounds);
    run("... and p50, p99", {"p50", "p99"}, rounds);
}
