// SPDX-License-Identifier: Apache-2.0
#include "gateway/ladder.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

#include "base/log.hpp"
#include "gateway/claims.hpp"
#include "gateway/summaries.hpp"

namespace tributary::gateway {
namespace {

constexpr int64_t kSecond = base::kNsPerSecond, kNow = 1'700'000'000 * kSecond;

std::vector<model::Thinned> all(const Summaries& summaries) {
    std::vector<model::Thinned> out;
    summaries.for_each([&](model::Thinned&& one) { out.push_back(std::move(one)); });
    return out;
}

config::StreamSettings stream() {
    config::StreamSettings s;
    s.name = "s", s.unit = "C", s.labels = {{"site", "ulm"}};
    return s;
}

model::Reading reading(int64_t event_ns, double value) {
    model::Reading r;
    r.event_ns = event_ns, r.value.number = value;
    return r;
}

bool near(double a, double b) { return std::abs(a - b) <= 1e-9 * std::max({1.0, std::abs(a), std::abs(b)}); }

bool same(const model::Thinned& a, const model::Thinned& b) {
    const auto &v = a.window, &w = b.window;
    return v.origin == w.origin && v.window == w.window && v.start_ns == w.start_ns && v.end_ns == w.end_ns &&
           v.count == w.count && v.numbers == w.numbers && v.min == w.min && v.max == w.max && v.first == w.first &&
           v.last == w.last && v.sum == w.sum && v.mark == w.mark && near(v.mean, w.mean) && near(v.stddev, w.stddev) &&
           a.first_ns == b.first_ns && a.last_ns == b.last_ns && a.messages == b.messages;
}

}  // namespace

TEST_CASE("ladder: levels and what is tried at each") {
    CHECK(level_of(0, 100'000) == Level::roomy);
    CHECK(level_of(69'999, 100'000) == Level::roomy);
    CHECK(level_of(70'000, 100'000) == Level::filling);
    CHECK(level_of(85'000, 100'000) == Level::tight);
    CHECK(level_of(94'999, 100'000) == Level::tight);
    CHECK(level_of(95'000, 100'000) == Level::full);
    CHECK(level_of(1, 0) == Level::full);
    const auto has = [](WhenFull when, Level level, Step step) {
        const auto steps = steps_at(when, level);
        return std::find(steps.begin(), steps.end(), step) != steps.end();
    };
    constexpr std::array kDrops{Step::drop_15min, Step::drop_1min, Step::drop_1s, Step::drop_raw, Step::drop_kept};
    constexpr std::array kThins{Step::thin_raw, Step::thin_raw_now, Step::thin_1s, Step::thin_1min_old,
                                Step::thin_1min};
    for (const auto level : {Level::roomy, Level::filling, Level::tight, Level::full}) {
        for (const auto step : kDrops) {
            CHECK(has(WhenFull::thin, level, step) == (level == Level::full));
            CHECK(has(WhenFull::drop_oldest, level, step) == (level == Level::full));
            CHECK(!has(WhenFull::block, level, step));
        }
        for (const auto step : kThins) {
            CHECK(!has(WhenFull::drop_oldest, level, step));
            CHECK(!has(WhenFull::block, level, step));
        }
        CHECK(has(WhenFull::thin, level, Step::thin_1min) == (level >= Level::tight));  // the newest day
        // Nothing is dropped while something can be thinned, and the finer goes before the coarser.
        const auto steps = steps_at(WhenFull::thin, level);
        CHECK(std::is_sorted(steps.begin(), steps.end(), [](Step a, Step b) {
            const auto drops = [](Step s) { return s >= Step::drop_15min; };
            return drops(a) < drops(b);
        }));
    }
    CHECK(level_name(Level::tight) == "tight");
    CHECK(step_name(Step::drop_kept) == "drop_kept");
    CHECK(steps_at(WhenFull::thin, Level::roomy).empty());
    CHECK(when_full_by_name("thin") == WhenFull::thin);
    CHECK(when_full_by_name("drop-oldest") == WhenFull::drop_oldest);
    CHECK(when_full_by_name("block") == WhenFull::block);
}

TEST_CASE("ladder: lower priorities first, down to quarters of an hour; drops last, but for what is over quota") {
    using model::Priority;
    const auto text = [](WhenFull when, Level level, PrioritiesUsed used) {
        std::string out;
        for (const auto& one : tries_at(when, level, used))
            out += base::format("{}{}:{}", out.empty() ? "" : " ", "nlho"[size_t(one.priority)], step_name(one.step)) +
                   (one.good_part_only ? "!" : "");
        return out;
    };
    const PrioritiesUsed normal{false, false, true, false}, low_and_high{false, true, false, true},
        mad{true, false, true, false};
    // One priority: what the ladder says, step by step.
    for (const auto when : {WhenFull::thin, WhenFull::drop_oldest, WhenFull::block})
        for (const auto level : {Level::roomy, Level::filling, Level::tight, Level::full}) {
            std::vector<Step> tried;
            for (const auto& one : tries_at(when, level, normal))
                if (one.priority == Priority::normal) tried.push_back(one.step);
            std::vector<Step> steps(steps_at(when, level).begin(), steps_at(when, level).end());
            std::stable_sort(tried.begin(), tried.end()), std::stable_sort(steps.begin(), steps.end());
            CHECK(tried == steps);
        }
    CHECK(text(WhenFull::thin, Level::roomy, low_and_high).empty());
    CHECK(text(WhenFull::thin, Level::filling, low_and_high) ==
          "l:compact h:compact l:thin_raw l:thin_1s l:thin_1min_old l:thin_1min h:thin_raw h:thin_1s h:thin_1min_old");
    CHECK(text(WhenFull::thin, Level::filling, mad) ==
          "o:compact n:compact o:thin_raw o:thin_1s o:thin_1min_old o:thin_1min o:drop_15min! o:drop_1min! o:drop_1s! "
          "o:drop_raw! n:thin_raw n:thin_1s n:thin_1min_old");
    CHECK(text(WhenFull::block, Level::full, mad) == "o:compact n:compact");
    CHECK(text(WhenFull::drop_oldest, Level::full, low_and_high) ==
          "l:compact h:compact o:drop_kept l:drop_15min l:drop_1min l:drop_1s l:drop_raw l:drop_kept n:drop_kept "
          "h:drop_15min h:drop_1min h:drop_1s h:drop_raw h:drop_kept");
    for (const auto& used : {low_and_high, normal, PrioritiesUsed{false, true, true, true}}) {
        bool dropped = false;
        for (const auto& one : tries_at(WhenFull::thin, Level::full, used)) {
            dropped |= one.step >= Step::drop_15min;
            CHECK(dropped == (one.step >= Step::drop_15min));
        }
        CHECK(dropped);
    }
}

TEST_CASE("summaries: in one go, in parts, and by way of finer ones they are the same") {
    for (uint32_t seed = 1; seed <= 20; seed++) {
        CAPTURE(seed);
        std::mt19937 random(seed);
        const auto settings = stream();
        std::vector<std::pair<std::string, model::Reading>> readings;
        for (int i = 0; i < 1'000; i++)  // eighths, so that sums are exact; some out of order, some at the same time
            readings.emplace_back(base::format("m/{}", random() % 3),
                                  reading(kNow + (i + static_cast<int>(random() % 40) - 20) * kSecond / 2,
                                          static_cast<double>(random() % 1'000) / 8));
        for (const uint8_t grade : {kSeconds, kMinutes, kQuarters}) {
            Summaries whole(grade), merged(grade);
            for (const auto& [series, r] : readings) whole.add(settings, series, r, true);
            for (size_t at = 0; at < readings.size();) {
                const size_t end = std::min(readings.size(), at + 1 + random() % 700);
                const auto finer = static_cast<uint8_t>(1 + random() % grade);
                Summaries part(finer);
                for (; at < end; at++) part.add(settings, readings[at].first, readings[at].second, true);
                if (random() % 2 == 0)
                    merged.add(part);
                else  // over the bytes on disk
                    part.for_each([&](model::Thinned&& one) {
                        std::string bytes;
                        model::encode_output(one, bytes);
                        const auto back = model::decode_output(bytes);
                        REQUIRE(back.ok());
                        CHECK(std::get<model::Thinned>(*back) == one);
                        merged.add(std::get<model::Thinned>(*back));
                    });
            }
            const auto a = all(whole), b = all(merged);
            REQUIRE(a.size() == b.size());
            CHECK(whole.size() == a.size());
            for (size_t i = 0; i < a.size(); i++) CHECK(same(a[i], b[i]));
            // And what brute force says.
            for (const auto& one : a) {
                const auto& w = one.window;
                double sum = 0, squares = 0, min = 1e9, max = -1e9;
                uint64_t count = 0;
                const model::Reading *first = nullptr, *last = nullptr;
                for (const auto& [series, r] : readings) {
                    if (series != w.origin.series || r.event_ns < w.start_ns || r.event_ns >= w.end_ns) continue;
                    count++, sum += r.value.number;
                    min = std::min(min, r.value.number), max = std::max(max, r.value.number);
                    if (first == nullptr || r.event_ns < first->event_ns) first = &r;
                    if (last == nullptr || r.event_ns >= last->event_ns) last = &r;
                }
                REQUIRE(count == w.count);
                const double mean = sum / static_cast<double>(count);
                for (const auto& [series, r] : readings)
                    if (series == w.origin.series && r.event_ns >= w.start_ns && r.event_ns < w.end_ns)
                        squares += (r.value.number - mean) * (r.value.number - mean);
                CHECK((w.sum == sum && w.min == min && w.max == max && one.messages == count && w.numbers == count));
                CHECK((near(w.mean, mean) && near(w.stddev, std::sqrt(squares / static_cast<double>(count)))));
                CHECK((w.first == first->value.number && w.last == last->value.number));
                CHECK((one.first_ns == first->event_ns && one.last_ns == last->event_ns));
                CHECK(w.end_ns - w.start_ns == bucket_ns(grade));
                CHECK(w.window == bucket_name(grade));
                CHECK(w.origin.labels == settings.labels);
            }
        }
    }
}

TEST_CASE("summaries: texts are counted, booleans are 0 and 1, the worst mark counts") {
    Summaries s(kMinutes);
    const auto settings = stream();
    auto text = reading(kNow, 0);
    text.value.kind = model::ValueKind::text, text.value.text = "on", text.mark = model::TimeMark::unsynced;
    auto yes = reading(kNow + kSecond, 1);
    yes.value.kind = model::ValueKind::boolean;
    s.add(settings, "a", text, true);
    s.add(settings, "a", yes, true);
    s.add(settings, "b", text, false);
    const auto out = all(s);
    REQUIRE(out.size() == 2);
    CHECK(out[0].window.count == 2);
    CHECK(out[0].window.numbers == 1);
    CHECK(out[0].window.mean == 1);
    CHECK(out[0].window.mark == model::TimeMark::unsynced);
    CHECK(out[1].window.numbers == 0);
    CHECK(out[1].messages == 0);
}

TEST_CASE("claims: kafka's blocks are not changed, and blocks under change are not read") {
    Claims claims;
    const auto log = model::Log::intake;
    claims.set(log, 5);
    CHECK(claims.free(log) == std::vector<Stretch>{{5, kLogEnd}});
    CHECK(claims.begin_read(log, 5));
    CHECK(!claims.begin_change(log, 100, 200, 1));  // it is not known yet what is read
    claims.end_read(log, 11);
    CHECK(!claims.begin_change(log, 5, 20, 5));
    CHECK(!claims.begin_change(log, 10, 20, 10));
    CHECK(claims.begin_change(log, 11, 20, 5));
    CHECK(!claims.begin_read(log, 11));
    CHECK(!claims.begin_read(log, 5));  // where a hole begins the block behind it is given
    CHECK(claims.begin_read(log, 20));
    CHECK(claims.begin_read(model::Log::thinned, 11));
    claims.end_read(model::Log::thinned, 12);
    claims.end_read(log, 0);
    claims.end_change();
    CHECK(claims.begin_read(log, 11));
    claims.end_read(log, 20);
    CHECK(claims.free(log) == std::vector<Stretch>{{20, kLogEnd}});
    CHECK(claims.begin_change(log, 5, 11, 11));  // delivered
    claims.end_change();
    CHECK(!claims.begin_change(log, 5, 12, 11));
}

}  // namespace tributary::gateway
