// SPDX-License-Identifier: Apache-2.0
#include "detect/helper.hpp"

using namespace tributary;
using namespace tributary::detect;

namespace {

constexpr int64_t kSecond = 1'000'000'000;
constexpr int64_t kNever = INT64_MAX;

// As the engine does it: arrival is what was asked for, then the deadline is taken.
struct Series {
    explicit Series(const model::OptionMap& given) : detector(find_type("missing")->make(given)) {
        bytes.resize(detector->state_bytes());
    }
    Finding at(int64_t event_ns, int64_t arrival_ns, double value = 1) {
        const auto finding = detector->update(bytes.data(), event_ns, value);
        after_ns = detector->arrived(bytes.data(), arrival_ns);
        return finding;
    }
    Finding at(int64_t event_ns) { return at(event_ns, event_ns); }

    std::shared_ptr<const Detector> detector;
    std::vector<std::byte> bytes;
    int64_t after_ns = 0;
};

}  // namespace

TEST_CASE("missing: a gap in event time, from when it was too long") {
    Series series(options({{"after", std::string("60s")}}));
    CHECK(series.at(0).score == 0);
    CHECK(series.after_ns == 60 * kSecond);
    CHECK(series.at(30 * kSecond).score == 0.25);
    CHECK(series.at(89 * kSecond).score < 0.5);
    const auto gap = series.at(209 * kSecond);
    CHECK(gap.score == 0.75);
    CHECK(gap.kind == "missing");
    CHECK(gap.since_ns == 149 * kSecond);
    CHECK(series.at(210 * kSecond).score < 0.5);
    CHECK(series.at(100 * kSecond).score == 0);  // late: fills the gap, is none
    CHECK(series.at(210 * kSecond).score == 0);
    CHECK(series.at(250 * kSecond).score < 0.5);
}

TEST_CASE("missing: silence, and the reading that ends it is no second alarm") {
    Series series(options({{"after", std::string("60s")}}));
    series.at(0, 5 * kSecond, 42);
    const auto silent = series.detector->on_silence(series.bytes.data());
    CHECK(silent.finding.score == 0.5);
    CHECK(silent.finding.kind == "missing");
    CHECK(silent.finding.since_ns == 60 * kSecond);
    CHECK(silent.value == 42);
    CHECK(series.at(300 * kSecond).score == 0);
    CHECK(series.after_ns == 60 * kSecond);
    CHECK(series.at(400 * kSecond).score >= 0.5);
    // Two events never begin at one time, though a late reading leaves the newest time where it is.
    const auto first = series.detector->on_silence(series.bytes.data()).finding.since_ns;
    series.at(390 * kSecond);
    const auto second = series.detector->on_silence(series.bytes.data()).finding.since_ns;
    CHECK(*second > *first);
    CHECK(*second <= 460 * kSecond + 1);
}

TEST_CASE("missing: what the gateway itself could not hear is not missing") {
    Series series(options({{"after", std::string("60s")}}));
    series.at(0);
    series.detector->was_away(series.bytes.data());
    CHECK(series.at(3600 * kSecond).score == 0);
    CHECK(series.at(7200 * kSecond).score >= 0.5);
}

TEST_CASE("missing: the usual interval is learned, also of bursts") {
    Series regular({});
    for (int i = 0; i < 100; i++) {
        CHECK(regular.at(i * 60 * kSecond).score < 0.5);
        CHECK((regular.after_ns == kNever) == (i < 10));
    }
    CHECK(regular.after_ns == doctest::Approx(300.0 * kSecond));
    CHECK(regular.at((99 * 60 + 299) * kSecond).score < 0.5);
    for (int i = 1; i < 100; i++) regular.at(((99 + i) * 60 + 299) * kSecond);
    CHECK(regular.at(((198 * 60) + 299 + 360) * kSecond).score >= 0.5);

    Series fast({});
    for (int i = 0; i < 200; i++) fast.at(i * kSecond / 10);
    CHECK(fast.after_ns == 10 * kSecond);

    // Ten readings of a second each in one go: silence until the next go is usual.
    Series bursts({});
    for (int i = 0; i < 500; i++) {
        CHECK(bursts.at(i * kSecond, (i / 10 * 10 + 10) * kSecond + i % 10).score < 0.5);
        if (i > 100) CHECK(bursts.after_ns >= 20 * kSecond);
        if (i > 100) CHECK(bursts.after_ns <= 60 * kSecond);
    }
    // A gap of a day does not make days usual.
    Series gap({});
    for (int i = 0; i < 100; i++) gap.at(i * 60 * kSecond);
    CHECK(gap.at(86'400 * kSecond).score >= 0.5);
    for (int i = 1; i < 100; i++) CHECK(gap.at((86'400 + i * 60) * kSecond).score < 0.5);
    CHECK(gap.after_ns < 400 * kSecond);
}

TEST_CASE("missing: irregular arrivals do not alarm") {
    Series series({});
    base::math::Random random(1);
    int64_t now = 0;
    int alarms = 0;
    for (int i = 0; i < 20'000; i++) {
        const auto wait =
            static_cast<int64_t>(-20.0 * static_cast<double>(kSecond) * base::math::ln(1 - random.uniform()));
        alarms += i > 50 && wait > series.after_ns;
        alarms += series.at(now += std::min(wait, 100 * kSecond)).score >= 0.5;
    }
    CHECK(alarms < 20);
}

TEST_CASE("missing: strange times, restarts, bad options") {
    for (const auto& given : {model::OptionMap{}, options({{"after", std::string("1ms")}})}) {
        Series series(given);
        base::math::Random random(6);
        for (int i = 0; i < 20'000; i++) {
            const int64_t event_ns = i % 3 == 0 ? i * kSecond : static_cast<int64_t>(random.next());
            const auto finding = series.at(event_ns, i * kSecond, kStrange[i % std::size(kStrange)]);
            if (!sane(finding) || series.after_ns <= 0) FAIL("reading ", i);
            if (i % 100 == 0 && !sane(series.detector->on_silence(series.bytes.data()).finding)) FAIL("silence ", i);
        }
    }
    base::math::Random random(5);
    check_restart("missing", options({{"after", std::string("10s")}}), 2000, [&](int i) {
        return std::pair((i + i / 100 * 20) * kSecond - static_cast<int64_t>(random.below(3)) * kSecond, 1.0);
    });
    CHECK(check({"missing", "m", options({{"after", std::string("0s")}}), {}}, "t").size() == 1);
    CHECK(check({"missing", "m", options({{"factor", 1.0}}), {}}, "t").size() == 1);
}
