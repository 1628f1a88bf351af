// SPDX-License-Identifier: Apache-2.0
// Windows against a plain recomputation by the words of the design: no heap, no lists, no early deadlines.
#include "stream/window_stage.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <map>
#include <tuple>

#include "stream/helper.hpp"

using namespace tributary;
using stream::Aggregate;
using stream::Closed;
using stream::Late;
using stream::WindowStage;
using stream_test::reading;
using stream_test::stream_of;

namespace {

struct Random {
    uint64_t state;
    int64_t below(int64_t n) {
        state = state * 6364136223846793005ULL + 1442695040888963407ULL;
        return static_cast<int64_t>((state >> 33) % static_cast<uint64_t>(n));
    }
};

config::WindowSettings setting(int64_t size, int64_t lateness, int64_t idle) {
    config::WindowSettings window;
    window.size_ns = size, window.lateness_ns = lateness, window.idle_ns = idle;
    return window;
}

struct Input {
    model::SeriesId series;
    int64_t event, arrival;
    double value;
};

int64_t floor_div(int64_t a, int64_t b) { return a / b - (a % b != 0 && (a % b < 0) != (b < 0) ? 1 : 0); }

// Keeps every reading and looks at all of them again.
class Naive {
  public:
    explicit Naive(std::vector<config::WindowSettings> settings) : settings_(std::move(settings)) {}

    void time(int64_t now) {
        using Due = std::tuple<int64_t, model::SeriesId, uint32_t>;
        std::vector<Due> due;
        for (const auto& [key, window] : open_) {
            const auto& [series, w, start] = key;
            const int64_t deadline = last_arrival_[series] + settings_[w].idle_ns;
            if (deadline <= now) due.emplace_back(deadline, series, w);
        }
        std::sort(due.begin(), due.end());
        due.erase(std::unique(due.begin(), due.end()), due.end());
        for (const auto& [deadline, series, w] : due) close(series, w, INT64_MAX, true);
    }
    void add(const Input& in) {
        time(in.arrival);
        last_arrival_[in.series] = in.arrival;
        const bool known = newest_.count(in.series) != 0;
        const int64_t before = known ? newest_[in.series] : INT64_MIN;
        for (uint32_t w = 0; w < settings_.size(); w++) {
            const int64_t size = settings_[w].size_ns, lateness = settings_[w].lateness_ns;
            const int64_t start = floor_div(in.event, size) * size, end = start + size;
            const auto idle = idle_closed_.find({in.series, w});
            if ((known && end + lateness <= before) || (idle != idle_closed_.end() && end <= idle->second)) {
                lates.emplace_back(in.series, w, end);
                continue;
            }
            close(in.series, w, std::max(before, in.event), false);
            open_[{in.series, w, start}].push_back(in);
        }
        newest_[in.series] = std::max(before, in.event);
    }
    void flush() {
        for (uint32_t series = 0; series < 8; series++)
            for (uint32_t w = 0; w < settings_.size(); w++) close(series, w, INT64_MAX, true);
    }

    using Row = std::tuple<model::SeriesId, uint32_t, int64_t, std::vector<Input>>;
    std::vector<Row> closed;
    std::vector<std::tuple<model::SeriesId, uint32_t, int64_t>> lates;

  private:
    void close(model::SeriesId series, uint32_t w, int64_t newest, bool all) {
        for (auto it = open_.begin(); it != open_.end();) {
            const auto& [s, window, start] = it->first;
            const int64_t end = start + settings_[w].size_ns;
            if (s != series || window != w || (!all && end + settings_[w].lateness_ns > newest)) {
                ++it;
                continue;
            }
            if (all) idle_closed_[{series, w}] = end;
            closed.emplace_back(series, w, start, it->second);
            it = open_.erase(it);
        }
    }
    std::vector<config::WindowSettings> settings_;
    std::map<std::tuple<model::SeriesId, uint32_t, int64_t>, std::vector<Input>> open_;
    std::map<model::SeriesId, int64_t> newest_, last_arrival_;
    std::map<std::pair<model::SeriesId, uint32_t>, int64_t> idle_closed_;
};

std::vector<Input> random_trace(Random& random, int count) {
    std::vector<Input> trace;
    int64_t arrival = random.below(1000) - 500;  // event times before 1970 too
    const int64_t spread = 1 + random.below(60);
    for (int i = 0; i < count; i++) {
        arrival += random.below(20) == 0 ? random.below(200) : random.below(6);
        trace.push_back({static_cast<model::SeriesId>(random.below(5)),
                         arrival - random.below(spread) + random.below(3), arrival,
                         static_cast<double>(random.below(2000) - 1000) / 8});
    }
    return trace;
}

void check_same(const Closed& got, const Naive::Row& want) {
    const auto& [series, w, start, inputs] = want;
    CHECK(got.series == series);
    CHECK(got.window == w);
    CHECK(got.record.start_ns == start);
    CHECK(got.record.revision == 0);
    const model::Window& window = got.record;
    double sum = 0, min = inputs[0].value, max = min;
    const Input *first = &inputs[0], *last = first;
    for (const Input& in : inputs) {
        sum += in.value;
        min = std::min(min, in.value), max = std::max(max, in.value);
        if (in.event < first->event) first = &in;
        if (in.event >= last->event) last = &in;
    }
    const double count = static_cast<double>(inputs.size()), mean = sum / count;
    double squares = 0;
    for (const Input& in : inputs) squares += (in.value - mean) * (in.value - mean);
    CHECK(window.count == inputs.size());
    CHECK(window.sum == sum);  // eighths: exact in any order
    CHECK(window.min == min);
    CHECK(window.max == max);
    CHECK(window.first == first->value);
    CHECK(window.last == last->value);
    CHECK(window.mean == doctest::Approx(mean));
    CHECK(window.stddev == doctest::Approx(std::sqrt(squares / count)).epsilon(1e-9));
}

}  // namespace

TEST_CASE("random traces close the same windows in the same order as a plain recomputation") {
    for (uint64_t seed = 1; seed <= 300; seed++) {
        CAPTURE(seed);
        Random random{seed};
        std::vector<config::WindowSettings> settings;
        for (int64_t n = random.below(3) + 1; n > 0; n--)
            settings.push_back(setting(1 + random.below(25), random.below(2) * random.below(70), 5 + random.below(80)));
        WindowStage stage(stream_of(settings));
        Naive naive(settings);
        std::vector<Closed> closed;
        std::vector<Late> late;
        std::vector<std::tuple<model::SeriesId, uint32_t, int64_t>> lates;
        for (const Input& in : random_trace(random, 200)) {
            stage.close_idle(in.arrival, closed);
            late.clear();
            stage.add(in.series, reading(in.event, in.value, model::TimeMark::device), in.arrival, closed, late);
            for (const Late& missed : late) lates.emplace_back(in.series, missed.window, missed.end_ns);
            naive.add(in);
            if (random.below(10) == 0) {  // through a checkpoint
                std::string saved;
                stage.save(saved);
                WindowStage loaded(stream_of(settings));
                base::ByteReader reader(saved);
                REQUIRE(loaded.load(reader));
                CHECK(reader.at_end());
                CHECK(loaded.next_deadline_ns() == stage.next_deadline_ns());
                CHECK(loaded.stats().open == stage.stats().open);
                stage = std::move(loaded);
            }
        }
        stage.flush(closed);
        naive.flush();
        REQUIRE(closed.size() == naive.closed.size());
        for (size_t i = 0; i < closed.size(); i++) check_same(closed[i], naive.closed[i]);
        CHECK(lates == naive.lates);
        CHECK(stage.stats().open == 0);
    }
}

TEST_CASE("deadlines tell exactly when an idle series closes") {
    WindowStage stage(stream_of({setting(10, 0, 100)}));
    std::vector<Closed> closed;
    std::vector<Late> late;
    CHECK(stage.next_deadline_ns() == base::kNever);
    stage.add(0, reading(5, 1, model::TimeMark::device), 1000, closed, late);
    stage.add(1, reading(5, 1, model::TimeMark::arrival), 1010, closed, late);
    CHECK(stage.next_deadline_ns() == 1100);
    stage.add(0, reading(6, 1, model::TimeMark::device), 1050, closed, late);
    CHECK(stage.next_deadline_ns() == 1110);
    stage.close_idle(1109, closed);
    CHECK(closed.empty());
    stage.close_idle(1110, closed);
    REQUIRE(closed.size() == 1);
    CHECK(closed[0].series == 1);
    CHECK(closed[0].record.mark == model::TimeMark::arrival);
    CHECK(stage.next_deadline_ns() == 1150);
    CHECK(stage.add(1, reading(9, 1, model::TimeMark::device), 1120, closed, late) == 0);
    REQUIRE(late.size() == 1);
    CHECK(late[0].end_ns == 10);
    CHECK(stage.add(1, reading(10, 1, model::TimeMark::device), 1120, closed, late) == 1);
}

TEST_CASE("the stage is complete up to the start of its earliest open window") {
    WindowStage stage(stream_of({setting(10, 0, 100)}));
    std::vector<Closed> closed;
    std::vector<Late> late;
    CHECK(stage.complete_until_ns() == base::kNever);
    stage.add(0, reading(25, 1, model::TimeMark::device), 1, closed, late);
    stage.add(1, reading(47, 1, model::TimeMark::device), 2, closed, late);
    CHECK(stage.complete_until_ns() == 20);
    stage.add(0, reading(61, 1, model::TimeMark::device), 3, closed, late);
    CHECK(stage.complete_until_ns() == 40);
    stage.flush(closed);
    CHECK(stage.complete_until_ns() == base::kNever);
}

TEST_CASE("extremes of time and value") {
    constexpr int64_t kMost = INT64_MAX / 2;
    WindowStage stage(stream_of({setting(INT64_MAX, INT64_MAX, INT64_MAX), setting(1, 0, 1), setting(0, -1, 0)}));
    std::vector<Closed> closed;
    std::vector<Late> late;
    for (const int64_t event : {-kMost, kMost, int64_t{0}, kMost})
        stage.add(3, reading(event, 1.7e308, model::TimeMark::device), kMost, closed, late);
    stage.flush(closed);
    for (const Closed& one : closed) {
        const model::Window& window = one.record;
        for (const double x : {window.sum, window.mean, window.stddev}) CHECK(std::isfinite(x));
    }
    Aggregate tiny;
    for (const double x : {1e100, 1.0, -1e100}) tiny.add(0, x, model::TimeMark::device);
    model::Window window;
    tiny.fill(window);
    CHECK(window.sum == 1.0);  // what a plain sum loses
}

TEST_CASE("load refuses what is not a saved stage") {
    const std::vector settings{setting(10, 25, 100), setting(60, 0, 60)};
    WindowStage stage(stream_of(settings));
    std::vector<Closed> closed;
    std::vector<Late> late;
    Random random{5};
    for (const Input& in : random_trace(random, 40))
        stage.add(in.series, reading(in.event, in.value, model::TimeMark::device), in.arrival, closed, late);
    std::string saved;
    stage.save(saved);
    for (size_t cut = 0; cut < saved.size(); cut++) {
        WindowStage loaded(stream_of(settings));
        base::ByteReader reader(std::string_view(saved).substr(0, cut));
        CHECK_FALSE(loaded.load(reader));
    }
    for (int i = 0; i < 20'000; i++) {
        std::string bytes = saved;
        bytes[static_cast<size_t>(random.below(static_cast<int64_t>(bytes.size())))] =
            static_cast<char>(random.below(256));
        WindowStage loaded(stream_of(settings));
        base::ByteReader reader(bytes);
        if (!loaded.load(reader)) continue;
        loaded.add(2, reading(100, 1, model::TimeMark::device), 2000, closed, late);
        loaded.close_idle(5000, closed);
        loaded.flush(closed);
        closed.clear();
    }
}

TEST_CASE("time and memory per reading" * doctest::skip()) {
    constexpr uint32_t kSeries = 10'000, kRounds = 200;
    WindowStage stage(stream_of({setting(10 * base::kNsPerSecond, 2 * base::kNsPerSecond, 60 * base::kNsPerSecond)}));
    std::vector<Closed> closed;
    std::vector<Late> late;
    const auto start = std::chrono::steady_clock::now();
    for (int64_t round = 0; round < kRounds; round++)
        for (uint32_t series = 0; series < kSeries; series++) {
            const int64_t now = round * base::kNsPerSecond;
            if (now >= stage.bound_ns()) stage.close_idle(now, closed);
            stage.add(series, reading(now, 1.5, model::TimeMark::device), now, closed, late);
            closed.clear();
        }
    const std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - start;
    MESSAGE("window: " << took.count() / kSeries / kRounds << " ns a reading, 10,000 series");
}
