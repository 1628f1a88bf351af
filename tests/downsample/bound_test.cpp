// SPDX-License-Identifier: Apache-2.0
// The promise of the error-bounded methods, attacked: no dropped reading is further from what a consumer draws than the
// deviation that the kept one behind it carries; through heartbeats, silence, saving and loading, new runs and readings
// that come too late. TRIBUTARY_DOWNSAMPLE_POINTS: how many points per method.
#include <algorithm>
#include <cstdlib>
#include <iostream>

#include "base/log.hpp"
#include "base/math.hpp"
#include "downsample/helper.hpp"

using namespace tributary;
using namespace tributary::downsample;

namespace {

using base::math::Random;

size_t points_per_method() {
    if (const char* given = std::getenv("TRIBUTARY_DOWNSAMPLE_POINTS")) return std::strtoull(given, nullptr, 10);
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || !defined(NDEBUG)
    return 300'000;
#else
    return 10'000'000;
#endif
}

struct Shape {
    int kind = 0;
    double offset = 0, scale = 1, deviation = 1;
    double last = 0, slope = 0;
    int64_t left = 0;
};

constexpr int kShapes = 9;

Shape draw_shape(Random& random) {
    constexpr double kOffsets[] = {0, 0, 1, -273.15, 1e9, -1e9, 1e15, 1e300, -1e-300};
    constexpr double kScales[] = {1, 1, 1e-6, 1e6, 1e-200, 1e200, 5e-324, 1e307};
    Shape shape;
    shape.kind = static_cast<int>(random.below(kShapes));
    shape.offset = kOffsets[random.below(std::size(kOffsets))];
    shape.scale = kScales[random.below(std::size(kScales))];
    return shape;
}

// The next value; what it should graze is the cone that `previous` values left open.
double next_value(Shape& s, Random& random, const std::vector<Point>& since, int64_t time_ms) {
    const double unit = std::max(s.deviation, s.scale * 1e-3);
    if (s.left-- <= 0) {
        s.left = static_cast<int64_t>(1 + random.below(200));
        s.slope = random.normal() * unit / 10;
        s.last += random.below(3) == 0 ? random.normal() * unit * 10 : 0;
    }
    switch (s.kind) {
        case 0:  // noise
            return s.offset + random.normal() * unit;
        case 1:  // walk
            return s.offset + (s.last += random.normal() * unit / 3);
        case 2:  // steps
            return s.offset + s.last;
        case 3:  // ramps
            return s.offset + (s.last += s.slope);
        case 4:  // ramps with noise of about the deviation
            return s.offset + (s.last += s.slope) + (random.uniform() * 2 - 1) * s.deviation;
        case 5:  // sawtooth of exactly the deviation
            return s.offset + (random.below(2) == 0 ? s.deviation : -s.deviation) * (random.below(4) == 0 ? 2 : 1);
        case 6: {  // grazes the cone of a point before, seen from an earlier one
            if (since.size() < 3) return s.offset + random.normal() * unit;
            const Point& a = since[since.size() - 2 - random.below(std::min<size_t>(since.size() - 2, 20))];
            const Point& q = since.back();
            const double rise = q.value + (random.below(2) == 0 ? s.deviation : -s.deviation) - a.value;
            const auto run = static_cast<double>(q.time_ms - a.time_ms);
            if (run <= 0) return q.value;
            const double value = a.value + rise / run * static_cast<double>(time_ms - a.time_ms);
            return std::isfinite(value) ? std::nextafter(value, random.below(2) == 0 ? 1e308 : -1e308) : q.value;
        }
        case 7: {  // whatever bits, finite
            const double value = std::bit_cast<double>(random.next());
            return std::isfinite(value) ? value : 0;
        }
        default:  // slow curve
            return s.offset + unit * 20 * base::math::sin_turns(static_cast<double>(time_ms % 1'000'000) / 1e6);
    }
}

// What has been given since the last kept reading and was not kept itself.
class Judge {
  public:
    enum class Drawn { steps, lines, lines_twice };
    Judge(Drawn drawn, double fixed) : drawn_(drawn), fixed_(fixed) {}

    void given(const Point& point) { open_.push_back(point); }
    void kept(const Point& point, double deviation) {
        if (fixed_ >= 0) CHECK(deviation == fixed_);
        size_t end = 0;
        if (drawn_ == Drawn::steps && !open_.empty() && open_.back() == point)
            end = open_.size() - 1;  // of equal ones it is the newest that is kept
        while (end < open_.size() && !(open_[end] == point)) end++;
        REQUIRE_MESSAGE(end < open_.size(), "a kept reading was never given, or is out of order");
        for (size_t i = 0; i < end; i++) judge(open_[i], point, deviation);
        open_.erase(open_.begin(), open_.begin() + static_cast<ptrdiff_t>(end) + 1);
        last_ = point;
        has_last_ = true;
        count++;
    }
    // A method that holds the last value has nothing waiting: what is open is judged against it.
    void judge_open(double deviation) {
        for (const Point& point : open_) judge(point, last_, deviation);
        open_.clear();
    }
    // After a flush: all that may be open stands at the very time of the last kept one.
    bool nothing_waits() const {
        return std::all_of(open_.begin(), open_.end(), [&](const Point& p) { return p.time_ms == last_.time_ms; });
    }
    const std::vector<Point>& open() const { return open_; }

    double worst = 0;
    uint64_t dropped = 0, count = 0;

  private:
    void judge(const Point& point, const Point& next, double deviation) {
        REQUIRE_MESSAGE(has_last_, "the first reading of all was dropped");
        dropped++;
        if (drawn_ == Drawn::steps) return note(std::fabs(point.value - last_.value), deviation);
        for (int formula = 0; formula < (drawn_ == Drawn::lines ? 3 : 2); formula++) {
            double error = std::fabs(between(last_, next, point.time_ms, formula) - point.value);
            // Twice the deviation is a bound of the method, not of the consumer's rounding.
            if (drawn_ == Drawn::lines_twice)
                error = error / 2 - (std::fabs(last_.value) / 2 + std::fabs(next.value) / 2) * 0x1p-50;
            note(std::max(error, 0.0), deviation);
        }
    }
    void note(double error, double deviation) {
        if (error == 0) return;
        worst = std::max(worst, !(error / deviation <= 1e300) ? 1e300 : error / deviation);
    }

    const Drawn drawn_;
    const double fixed_;
    std::vector<Point> open_;
    Point last_;
    bool has_last_ = false;
};

struct Totals {
    uint64_t given = 0, kept = 0, late = 0, loads = 0, flushes = 0;
    double worst = 0;
};

struct Case {
    const char* type;
    std::vector<std::pair<std::string, OptionVariant>> extra;
    Judge::Drawn drawn;
};

// One random series of `length` points.
void one_series(const Case& the_case, Random& random, size_t length, Totals& totals) {
    Shape shape = draw_shape(random);
    const bool learns = random.below(5) == 0;
    constexpr double kDeviations[] = {1, 0.25, 1e-3, 1e-6, 3};
    shape.deviation = std::max(kDeviations[random.below(std::size(kDeviations))] * shape.scale, 1e-290);
    shape.deviation = std::min(shape.deviation, 1e300);
    const int64_t max_ms = int64_t{1} << random.below(22);
    auto given = the_case.extra;
    given.emplace_back("max_time", base::format("{}ms", max_ms));
    if (learns)
        given.emplace_back("deviation", std::string("auto"));
    else
        given.emplace_back("deviation", shape.deviation);
    const auto stage_settings = settings(the_case.type, given);
    Stage stage = make_stage(stage_settings);
    Judge judge(the_case.drawn, learns ? -1 : shape.deviation);
    const bool steps = the_case.drawn == Judge::Drawn::steps;

    int64_t time_ms = static_cast<int64_t>(random.below(2'000'000'000'000)) - 1'000'000'000'000, now_ns = 0;
    const uint64_t gap = uint64_t{1} << random.below(16);
    std::vector<Reduced> kept;
    std::vector<Point> recent;
    const auto take = [&] {
        for (const Reduced& one : kept) {
            const Point point{one.event_ns / 1'000'000, one.value.number};
            judge.kept(point, one.deviation);
        }
        kept.clear();
    };
    model::Quality quality = model::Quality::good;
    for (size_t i = 0; i < length; i++) {
        time_ms += static_cast<int64_t>(random.below(12) == 0 ? 0 : 1 + random.below(gap));
        now_ns += static_cast<int64_t>(random.below(2 * gap) * 1'000'000);
        double value = next_value(shape, random, recent, time_ms);
        if (!std::isfinite(value)) value = 0;
        recent.push_back({time_ms, value});
        if (recent.size() > 64) recent.erase(recent.begin(), recent.begin() + 32);
        auto reading = number_at(time_ms, value);
        const bool new_run = random.below(2000) == 0;
        if (new_run) {
            stage.flush(0, kept);
            take();
            quality = quality == model::Quality::good ? model::Quality::uncertain : model::Quality::good;
            if (!steps) CHECK(judge.nothing_waits());
        }
        reading.quality = quality;
        judge.given({time_ms, value});
        REQUIRE(stage.add(0, reading, now_ns, kept));
        take();
        if (new_run) CHECK_MESSAGE(judge.nothing_waits(), "the first reading of a run was dropped");
        totals.given++;
        switch (random.below(600)) {
            case 0: {  // saved and loaded
                std::string bytes;
                stage.save(bytes);
                Stage other = make_stage(stage_settings);
                base::ByteReader in(bytes);
                REQUIRE(other.load(in));
                CHECK(other.next_deadline_ns() == stage.next_deadline_ns());
                stage = std::move(other);
                totals.loads++;
                break;
            }
            case 1:  // late: refused, and nothing changes
                CHECK_FALSE(stage.add(0, number_at(time_ms - 1 - static_cast<int64_t>(random.below(1000)), value),
                                      now_ns, kept));
                CHECK(kept.empty());
                totals.late++;
                break;
            case 2:  // silent for long
                now_ns += max_ms * 2'000'000;
                while (const auto due = stage.next_due(now_ns)) stage.flush(*due, kept);
                take();
                if (!steps) CHECK(judge.nothing_waits());
                totals.flushes++;
                break;
            default:
                break;
        }
    }
    stage.flush(0, kept);
    take();
    // Where the newest value holds, what came last is judged by the deviation that the next kept one would carry.
    if (steps && !learns) judge.judge_open(shape.deviation);
    if (!steps) CHECK(judge.nothing_waits());
    totals.kept += judge.count;
    totals.worst = std::max(totals.worst, judge.worst);
}

void attack(const Case& the_case, uint64_t seed) {
    Random random(seed);
    Totals totals;
    const size_t points = points_per_method();
    while (totals.given < points) one_series(the_case, random, 200 + random.below(5000), totals);
    std::string name = the_case.type;
    for (const auto& [option, value] : the_case.extra)
        name += base::format(" {} = {}", option, std::get<bool>(value) ? "true" : "false");
    std::cout << base::format("{}: {} points, {} kept, {} loads, {} silences, {} late: max error / deviation {:.12f}\n",
                              name, totals.given, totals.kept, totals.loads, totals.flushes, totals.late, totals.worst);
    CHECK(totals.worst <= 1 + 1e-9);
    CHECK(totals.kept < totals.given);
}

}  // namespace

TEST_CASE("bound: the strict door") { attack({"swinging-door", {{"buffer", false}}, Judge::Drawn::lines}, 1); }
TEST_CASE("bound: the buffered door") { attack({"swinging-door", {{"buffer", true}}, Judge::Drawn::lines}, 2); }
TEST_CASE("bound: deadband, the newest value holds") {
    attack({"deadband", {{"previous", false}}, Judge::Drawn::steps}, 3);
}
TEST_CASE("bound: deadband with the previous reading, lines within twice the deviation") {
    attack({"deadband", {{"previous", true}}, Judge::Drawn::lines_twice}, 4);
}
