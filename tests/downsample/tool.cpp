// SPDX-License-Identifier: Apache-2.0
// For tests and measurements. `downsample_tool select`: reads jobs from standard input (little-endian: method byte 'm',
// 'l' or 'x' for M4, LTTB, MinMaxLTTB, then uint64 n_out, points, has_x; x if there and y as doubles) and writes for
// each uint64 count and the indices. `downsample_tool thin <file>`: settings as TOML, then "<ms> <value>" lines from
// standard input, kept ones as "<ms> <value> <deviation>" lines. `downsample_tool speed`: ns per reading of each
// method.
#include <chrono>
#include <cstdio>
#include <cstring>
#include <iostream>

#include "base/files.hpp"
#include "base/log.hpp"
#include "base/math.hpp"
#include "base/text.hpp"
#include "downsample/select.hpp"
#include "downsample/stage.hpp"

using namespace tributary;
using namespace tributary::downsample;

namespace {

template <class T>
bool get(T* into, size_t count) {
    return std::fread(into, sizeof(T), count, stdin) == count;
}

int select_all() {
    uint8_t method = 0;
    while (get(&method, 1)) {
        uint64_t head[3];
        if (!get(head, 3)) return 1;
        std::vector<double> x(head[2] != 0 ? head[1] : 0), y(head[1]);
        if (!get(x.data(), x.size()) || !get(y.data(), y.size())) return 1;
        const auto picks = method == 'm'   ? select_m4(x, y, head[0])
                           : method == 'l' ? select_lttb(x, y, head[0])
                                           : select_minmaxlttb(x, y, head[0]);
        const std::vector<uint64_t> out(picks.begin(), picks.end());
        const uint64_t count = out.size();
        std::fwrite(&count, sizeof count, 1, stdout);
        std::fwrite(out.data(), sizeof(uint64_t), out.size(), stdout);
    }
    return 0;
}

// One stream around the table.
std::optional<config::DownsampleSettings> read_settings(std::string_view table) {
    const std::string text =
        base::format("[[stream]]\nname = \"s\"\ntopics = [\"s\"]\n[stream.downsample]\n{}\n", table);
    auto loaded = config::load_text(text, "settings");
    std::vector<config::Diagnostic> found = loaded.diagnostics;
    if (loaded.ok() && loaded.settings->streams[0].downsample) {
        found = check(*loaded.settings->streams[0].downsample, "downsample");
        if (found.empty()) return loaded.settings->streams[0].downsample;
    }
    for (const auto& one : found) std::cerr << config::render(one);
    return std::nullopt;
}

model::Reading reading_at(int64_t time_ms, double value) {
    model::Reading reading;
    reading.event_ns = time_ms * 1'000'000;
    reading.value.number = value;
    return reading;
}

int thin(const char* path) {
    const auto table = base::read_file(path);
    if (!table) return 2;
    const auto settings = read_settings(*table);
    if (!settings) return 2;
    Stage stage(*settings);
    std::vector<Reduced> kept;
    long long time_ms = 0;
    double value = 0;
    while (std::scanf("%lld %lf", &time_ms, &value) == 2)
        stage.add(0, reading_at(time_ms, value), time_ms * 1'000'000, kept);
    stage.flush(0, kept);
    for (const Reduced& one : kept)
        std::printf("%lld %s %s\n", static_cast<long long>(one.event_ns / 1'000'000),
                    base::number_text(one.value.number).c_str(), base::number_text(one.deviation).c_str());
    return 0;
}

template <class Work>
double ns_per_reading(size_t readings, Work work) {
    double best = 1e9;
    for (int round = 0; round < 5; round++) {
        const auto from = std::chrono::steady_clock::now();
        work();
        const std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - from;
        best = std::min(best, took.count() / static_cast<double>(readings));
    }
    return best;
}

// A temperature: slow waves and noise, 1,000 series in turn, so that the states do not all stay in the first cache.
int speed() {
    constexpr size_t kSeries = 1000, kRounds = 2000, kReadings = kSeries * kRounds;
    base::math::Random random(1);
    std::vector<double> values(kReadings);
    for (size_t i = 0; i < kReadings; i++)
        values[i] = 20 + 5 * base::math::sin_turns(static_cast<double>(i / kSeries) / 500) + 0.05 * random.normal();
    std::vector<double> copy(kReadings);
    const double plain = ns_per_reading(kReadings, [&] {
        for (size_t i = 0; i < kReadings; i++) copy[i] = values[i];
        asm volatile("" : : "r"(copy.data()) : "memory");
    });
    std::printf("%-36s %8.2f ns a reading\n", "copy loop", plain);
    for (const char* table :
         {"type = 'deadband'\ndeviation = 0.2", "type = 'deadband'\ndeviation = 0.2\nprevious = true",
          "type = 'deadband'\ndeviation = 'auto'", "type = 'swinging-door'\ndeviation = 0.2\nbuffer = false",
          "type = 'swinging-door'\ndeviation = 0.2", "type = 'swinging-door'\ndeviation = 0.1",
          "type = 'swinging-door'\ndeviation = 'auto'", "type = 'm4'\nwindow = '1min'",
          "type = 'minmaxlttb'\nwindow = '10min'", "type = 'lttb'\nwindow = '10min'",
          "type = 'sample'\nevery = '10s'"}) {
        const auto settings = read_settings(table);
        if (!settings) return 2;
        size_t kept_count = 0;
        const double ns = ns_per_reading(kReadings, [&] {
            Stage stage(*settings);
            std::vector<Reduced> kept;
            kept_count = 0;
            for (size_t round = 0; round < kRounds; round++)
                for (size_t s = 0; s < kSeries; s++) {
                    const auto now_ns = static_cast<int64_t>(round) * 1'000'000'000;
                    stage.add(static_cast<model::SeriesId>(s),
                              reading_at(static_cast<int64_t>(round) * 1000, values[round * kSeries + s]), now_ns,
                              kept);
                    kept_count += kept.size();
                    kept.clear();
                }
        });
        std::string name(table);
        for (char& c : name)
            if (c == '\n') c = ' ';
        std::printf("%-52s %8.2f ns a reading, %6.1f times the copy, kept 1 of %.1f\n", name.c_str(), ns, ns / plain,
                    static_cast<double>(kReadings) / static_cast<double>(std::max<size_t>(kept_count, 1)));
    }
    return 0;
}

}  // namespace

int main(int count, char** arguments) {
    if (count == 2 && std::strcmp(arguments[1], "select") == 0) return select_all();
    if (count == 3 && std::strcmp(arguments[1], "thin") == 0) return thin(arguments[2]);
    if (count == 2 && std::strcmp(arguments[1], "speed") == 0) return speed();
    std::fputs("usage: downsample_tool select | thin FILE | speed\n", stderr);
    return 2;
}
