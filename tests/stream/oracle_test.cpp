// SPDX-License-Identifier: Apache-2.0
// The window stage against the oracle: random settings, disorder, idle stretches, late data, revisions, counters with
// resets, states; saved and loaded in between. Every window that is put out is made anew from all its readings, none
// may be missing, none may come twice.
#include "stream/oracle.hpp"

#include <doctest/doctest.h>

#include <array>
#include <memory>

#include "base/bytes.hpp"
#include "stream/oracle_figures.hpp"
#include "stream/window_stage.hpp"

using namespace tributary;
using model::ValueKind;

namespace {

constexpr int64_t kMs = base::kNsPerMs;
constexpr int kSeries = 5, kReadings = 2000;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr int kRounds = 50;
#else
constexpr int kRounds = 500;
#endif

struct Random {
    uint64_t state;
    int64_t below(int64_t n) {
        state = state * 6364136223846793005ULL + 1442695040888963407ULL;
        return static_cast<int64_t>((state >> 33) % static_cast<uint64_t>(n));
    }
    int64_t of(std::initializer_list<int64_t> values) {
        return values.begin()[below(static_cast<int64_t>(values.size()))];
    }
};

config::WindowSettings random_setting(Random& random) {
    config::WindowSettings window;
    window.type = std::array{"tumbling", "hopping", "session", "count"}[static_cast<size_t>(random.below(4))];
    window.slide_ns = random.of({500, 1000, 3000}) * kMs;
    window.size_ns = window.slide_ns * random.of({1, 2, 5, 12});
    window.gap_ns = random.of({1, 700, 2000, 8000}) * kMs;
    window.count = static_cast<int>(random.of({1, 2, 10, 77}));
    window.lateness_ns = random.of({0, 1, 1000, 5000}) * kMs;
    window.offset_ns = random.of({0, 0, 250, 499}) * kMs;
    window.idle_ns = random.of({10'000, 60'000}) * kMs;
    if (window.type == "tumbling" || window.type == "hopping") window.revise_ns = random.of({0, 1, 3000, 20'000}) * kMs;
    if (window.offset_ns >= window.slide_ns) window.offset_ns = 0;
    for (const char* word : {"time_weighted_mean", "increase", "rate", "states", "mode", "p0", "p50", "p99.9", "p100"})
        if (random.below(3) > 0) window.aggregates.emplace_back(word);
    window.bins = static_cast<int>(random.of({16, 128, 512}));
    return window;
}

// A gauge of all magnitudes, a counter, a switch, a machine's state, small numbers of which few are frequent.
struct Source {
    Random& random;
    int64_t now = 1'700'000'000'000 * kMs;
    int64_t front = now;
    double count = 0;

    oracle::Reading next(int series) {
        front +=
            random.of({0, 0, 100, 500, 500, 1000, 1000, 2500, random.below(30'000)}) * kMs + random.of({0, 0, 0, 1});
        int64_t ts = front - random.of({0, 0, 0, 500, 1000, 4999, 5000, random.below(40'000)}) * kMs;
        if (random.below(4) == 0) ts = ts / (500 * kMs) * (500 * kMs);  // boundaries, and equal stamps
        oracle::Reading reading{ts, ValueKind::number, 0, {}};
        if (series == 0) {
            static constexpr double kMagnitudes[] = {1e-100, 1e-3, 1, 1, 1, 1e6, 1e12};
            reading.number = static_cast<double>(random.below(2'000'001) - 500'000) / 7 * kMagnitudes[random.below(7)];
        } else if (series == 1) {
            count = random.below(50) == 0 ? 0 : count + static_cast<double>(random.below(1000)) / 8;
            reading.number = count;
        } else if (series == 2) {
            reading.kind = ValueKind::boolean;
            reading.number = static_cast<double>(random.below(2));
        } else if (series == 3) {
            reading.kind = ValueKind::text;
            reading.text = std::array{"run", "idle", "setup", "fault", ""}[static_cast<size_t>(random.below(5))];
        } else {
            reading.number = static_cast<double>(random.below(random.below(3) == 0 ? 60 : 4));
        }
        return reading;
    }
};

class Trial {
  public:
    explicit Trial(uint64_t seed) : random_{seed} {
        for (int64_t i = 0, n = 1 + random_.below(3); i < n; i++) settings_.windows.push_back(random_setting(random_));
        stage_ = std::make_unique<stream::WindowStage>(settings_);
        for (int i = 0; i < kSeries; i++) sources_.push_back({random_});
        start_anew();
    }

    // The first trouble, or nothing.
    std::string run() {
        for (int i = 0; i < kReadings && trouble_.empty(); i++) {
            now_ += random_.of({0, 10, 300, 1000}) * kMs;
            if (random_.below(300) == 0) now_ += random_.below(90'000) * kMs;
            if (random_.below(150) == 0) save_and_load();
            if (random_.below(900) == 0) forget(static_cast<int>(random_.below(kSeries)));
            if (random_.below(1500) == 0) restart();
            if (stage_->next_deadline_ns() <= now_) close_idle();
            one(static_cast<int>(random_.below(kSeries)));
        }
        closed_.clear();
        stage_->flush(closed_);
        for (auto& slot : slots_) slot.close_everything();
        check();
        for (const auto& slot : slots_)
            for (const auto& window : slot.windows) expect(!window.due, "a window is missing at the end");
        return trouble_;
    }

    uint64_t put_out = 0, revisions = 0, late_readings = 0;
    double worst_quantile = 0;

  private:
    void expect(bool right, std::string_view what) {
        if (!right && trouble_.empty()) trouble_ = what;
    }
    oracle::Slot& slot(size_t series, size_t window) { return slots_[series * settings_.windows.size() + window]; }

    void start_anew() {
        slots_.clear();
        for (int i = 0; i < kSeries; i++)
            for (const auto& window : settings_.windows) slots_.emplace_back(window);
    }

    void one(int series) {
        const oracle::Reading reading = sources_[static_cast<size_t>(series)].next(series);
        model::Reading given;
        given.event_ns = reading.ts;
        given.value = {reading.kind, reading.number, reading.text};
        if (!stage_->takes(reading.kind)) return;
        if (!reading.counts() && std::find(texts_.begin(), texts_.end(), reading.text) == texts_.end())
            texts_.push_back(reading.text);
        closed_.clear(), late_.clear();
        const uint32_t taken = stage_->add(static_cast<model::SeriesId>(series), given, now_, closed_, late_);
        uint32_t expected = 0;
        std::vector<uint32_t> missed;
        for (uint32_t w = 0; w < settings_.windows.size(); w++) {
            const auto& words = settings_.windows[w].aggregates;
            const bool texts = std::find(words.begin(), words.end(), "states") != words.end() ||
                               std::find(words.begin(), words.end(), "mode") != words.end();
            if (!reading.counts() && !texts) continue;
            if (slot(static_cast<size_t>(series), w).add(reading, now_))
                expected++;
            else
                missed.push_back(w);
        }
        expect(taken == expected, "not as many settings took the reading");
        expect(std::equal(missed.begin(), missed.end(), late_.begin(), late_.end(),
                          [](uint32_t w, const stream::Late& late) { return w == late.window; }),
               "the reading is late for others");
        late_readings += late_.size();
        check();
    }

    void close_idle() {
        closed_.clear();
        stage_->close_idle(now_, closed_);
        for (auto& slot : slots_)
            if (slot.idle(now_)) slot.close_everything();
        check();
        for (const auto& slot : slots_)
            for (const auto& window : slot.windows)
                expect(!window.due || window.changed > now_ - oracle::kGatherNs, "a revision was not put out in time");
        expect(stage_->next_deadline_ns() > now_, "a deadline is still due");
    }

    void forget(int series) {
        closed_.clear();
        stage_->forget(static_cast<model::SeriesId>(series), closed_);
        for (size_t w = 0; w < settings_.windows.size(); w++) slot(static_cast<size_t>(series), w).close_everything();
        check();
        for (size_t w = 0; w < settings_.windows.size(); w++) {
            auto& forgotten = slot(static_cast<size_t>(series), w);
            for (const auto& window : forgotten.windows) expect(!window.due, "a forgotten series kept a window back");
            forgotten = oracle::Slot(settings_.windows[w]);
        }
    }

    void restart() {
        stage_->restart();
        start_anew();
    }

    void save_and_load() {
        std::string bytes, again;
        stage_->save(bytes);
        stage_ = std::make_unique<stream::WindowStage>(settings_);
        base::ByteReader in(bytes);
        expect(stage_->load(in) && in.at_end(), "its own bytes cannot be loaded");
        stage_->save(again);
        expect(bytes == again, "saved again, the bytes differ");
    }

    // Everything in closed_ has to be due, and what the watermark just closed has to be in closed_, oldest first.
    void check() {
        std::map<std::pair<size_t, size_t>, int64_t> newest;
        for (const auto& closed : closed_) {
            auto& all = slot(closed.series, closed.window);
            const auto found = std::find_if(all.windows.begin(), all.windows.end(), [&](const auto& window) {
                return window.due && window.start == closed.record.start_ns && window.end == closed.record.end_ns;
            });
            expect(found != all.windows.end(), "a window nobody expects");
            if (!trouble_.empty()) return;
            expect(closed.record.revision == found->times, "a revision was left out or came twice");
            if (found->fresh) {
                const auto [last, first] = newest.try_emplace({closed.series, closed.window}, INT64_MIN);
                expect(found->start > last->second, "windows are not closed in order of their start");
                last->second = found->start;
            }
            oracle::Judge judge{all, *found, closed.record, texts_};
            judge.judge();
            worst_quantile = std::max(worst_quantile, judge.worst_quantile);
            expect(judge.trouble.empty(), all.setting.type + ", " + judge.trouble);
            found->due = found->fresh = false;
            found->changed = base::kNever;
            put_out++;
            if (found->times++ > 0) revisions++;
        }
        for (auto& slot : slots_) {
            for (const auto& window : slot.windows)
                expect(!window.fresh && !(window.due && slot.gone(window)), "a window that closed was not put out");
            slot.clean();
        }
    }

    Random random_;
    config::StreamSettings settings_;
    std::unique_ptr<stream::WindowStage> stage_;
    std::vector<Source> sources_;
    std::vector<oracle::Slot> slots_;
    std::vector<std::string> texts_;
    std::vector<stream::Closed> closed_;
    std::vector<stream::Late> late_;
    int64_t now_ = 1'700'000'000'000 * kMs;
    std::string trouble_;
};

}  // namespace

TEST_CASE("a million readings: every window and figure as a plain recomputation gives it") {
    uint64_t put_out = 0, revisions = 0, late = 0;
    double worst = 0;
    for (uint64_t seed = 1; seed <= kRounds; seed++) {
        Trial trial(seed);
        const std::string trouble = trial.run();
        CHECK_MESSAGE(trouble.empty(), "seed ", seed, ": ", trouble);
        put_out += trial.put_out, revisions += trial.revisions, late += trial.late_readings;
        worst = std::max(worst, trial.worst_quantile);
    }
    CHECK(revisions > 0);
    CHECK(late > 0);
    MESSAGE((kRounds * kReadings), " readings, ", put_out, " windows (", revisions, " revisions), ", late,
            " late; worst quantile: ", worst, " of the stated error");
}
