// SPDX-License-Identifier: Apache-2.0
#include "downsample/stage.hpp"

#include "base/log.hpp"
#include "base/math.hpp"
#include "downsample/helper.hpp"

using namespace tributary;
using namespace tributary::downsample;

namespace {

constexpr int64_t kSecond = 1'000'000'000;

// Kept readings as "time=value", times in seconds.
std::string words(std::vector<Reduced>& kept) {
    std::string out;
    for (const Reduced& one : kept)
        out += base::format("{}{}={}", out.empty() ? "" : " ", one.event_ns / kSecond,
                            one.value.kind == model::ValueKind::text ? std::string(one.value.text)
                                                                     : base::format("{}", one.value.number));
    kept.clear();
    return out;
}

struct Feed {
    Stage stage;
    std::vector<Reduced> kept;
    explicit Feed(const config::DownsampleSettings& settings) : stage(make_stage(settings)) {}

    std::string operator()(int64_t second, double value, model::ValueKind kind = model::ValueKind::number,
                           model::TimeMark mark = model::TimeMark::device) {
        auto reading = number_at(second * 1000, value);
        reading.value.kind = kind;
        reading.mark = mark;
        CHECK(stage.add(0, reading, second * kSecond, kept));
        return words(kept);
    }
    std::string text(int64_t second, std::string_view value) {
        auto reading = number_at(second * 1000, 0);
        reading.value = {model::ValueKind::text, 0, value};
        CHECK(stage.add(0, reading, second * kSecond, kept));
        return words(kept);
    }
    std::string flush() {
        stage.flush(0, kept);
        return words(kept);
    }
};

}  // namespace

TEST_CASE("deadband: beyond the deviation, at the heartbeat, and the reading before") {
    Feed plain(settings("deadband", {{"deviation", 1.0}, {"max_time", std::string("10s")}}));
    CHECK(plain(0, 5) == "0=5");
    CHECK(plain(1, 6).empty());
    CHECK(plain(2, 4).empty());
    CHECK(plain(3, 6.5) == "3=6.5");
    CHECK(plain(12, 6).empty());
    CHECK(plain(13, 6) == "13=6");
    CHECK(plain.flush().empty());

    Feed previous(settings("deadband", {{"deviation", 1.0}, {"previous", true}}));
    CHECK(previous(0, 5) == "0=5");
    CHECK(previous(1, 6).empty());
    CHECK(previous(2, 9) == "1=6 2=9");
    CHECK(previous(3, 20) == "3=20");
    CHECK(previous(4, 20).empty());
    CHECK(previous.flush() == "4=20");
    CHECK(previous.flush().empty());
}

TEST_CASE("swinging door: a line ends at a reading whose line passes all before it") {
    for (const bool buffer : {false, true}) {
        Feed door(settings("swinging-door", {{"deviation", 0.5}, {"buffer", buffer}}));
        std::string all = door(0, 0);
        for (int i = 1; i <= 50; i++) all += " " + door(i, i);
        for (int i = 51; i <= 100; i++) {
            const auto kept = door(i, 100 - i);
            if (!kept.empty()) all += " " + kept;
        }
        all += " " + door.flush();
        std::erase(all, '\n');
        while (all.find("  ") != std::string::npos) all.replace(all.find("  "), 2, " ");
        CHECK(all == "0=0 50=50 100=0");
    }
    // The textbook's parallel doors would go on to 2 = 1.9 and leave 1 = 0 at 0.95 from its line.
    Feed grazing(settings("swinging-door", {{"deviation", 0.5}, {"buffer", false}}));
    CHECK(grazing(0, 0) == "0=0");
    CHECK(grazing(1, 0).empty());
    CHECK(grazing(2, 1.9) == "1=0");
}

TEST_CASE("swinging door: more readings behind the last valid end than there is room for") {
    Feed door(settings("swinging-door", {{"deviation", 1.0}, {"max_time", std::string("30d")}}));
    std::string all = door(0, 0);
    // After a valid end, readings on the edge of the cone and never inside it.
    all += door(10, 0.0);
    int kept = 0;
    for (int i = 11; i < 500; i++) kept += door(i, i % 2 == 0 ? 0.99 * i / 10 : -0.99 * i / 10).empty() ? 0 : 1;
    CHECK(kept > 0);
    CHECK(!door.flush().empty());
}

TEST_CASE("runs: kind, quality and mark end a line; booleans and texts are kept at every change") {
    Feed door(settings("swinging-door", {{"deviation", 10.0}, {"max_time", std::string("100s")}}));
    CHECK(door(0, 1) == "0=1");
    CHECK(door(1, 1).empty());
    CHECK(door(2, 1, model::ValueKind::number, model::TimeMark::arrival) == "1=1 2=1");
    CHECK(door(3, 1, model::ValueKind::boolean) == "3=1");
    CHECK(door(4, 1, model::ValueKind::boolean).empty());
    CHECK(door(5, 0, model::ValueKind::boolean) == "5=0");
    CHECK(door.text(6, "stop") == "6=stop");
    CHECK(door.text(7, "stop").empty());
    CHECK(door.text(8, "go") == "8=go");
    CHECK(door.text(107, "go").empty());
    CHECK(door.text(108, "go") == "108=go");
    CHECK(door(109, 3) == "109=3");
    CHECK(door.text(110, "go") == "110=go");
}

TEST_CASE("m4: first, least, greatest and last of each window") {
    Feed m4(settings("m4", {{"window", std::string("10s")}}));
    for (const auto& [second, value] : {std::pair{0, 3.0}, {1, 9.0}, {2, 9.0}, {3, -1.0}, {4, 5.0}, {9, 6.0}})
        CHECK(m4(second, value).empty());
    CHECK(m4(10, 1) == "0=3 1=9 3=-1 9=6");
    CHECK(m4(11, 2).empty());
    CHECK(m4(35, 0) == "10=1 11=2");
    CHECK(m4.flush() == "35=0");
    CHECK(m4.flush().empty());
    CHECK(m4(36, 0).empty());
    CHECK(m4.flush() == "36=0");
}

TEST_CASE("lttb and minmaxlttb: so many readings a window, first and last among them; parts when it does not fit") {
    for (const char* type : {"lttb", "minmaxlttb"}) {
        Feed feed(settings(type, {{"window", std::string("100s")},
                                  {"points", int64_t{5}},
                                  {"max_points", int64_t{60}},
                                  {"max_time", std::string("300s")}}));
        for (int i = 0; i < 50; i++) CHECK(feed(i, i == 17 ? 100 : i % 3).empty());
        CHECK(feed(100, 0) != "");
        CHECK(feed.stage.cut_windows() == 0);
        std::vector<Reduced> kept;
        size_t count = 0;
        for (int i = 101; i < 200; i++) {
            feed.stage.add(0, number_at(i * 1000, i % 7), i * kSecond, kept);
            count = kept.size();
        }
        CHECK(count == 5);
        CHECK(feed.stage.cut_windows() == 1);
        feed.stage.flush(0, kept);
        CHECK(kept.size() == 10);
        CHECK(kept.front().event_ns == 100 * kSecond);
        CHECK(kept.back().event_ns == 199 * kSecond);
    }
    Feed peak(settings("lttb", {{"window", std::string("100s")}, {"points", int64_t{4}}}));
    for (int i = 0; i < 50; i++) peak(i, i == 17 ? 100 : 0);
    CHECK(peak.flush().find("17=100") != std::string::npos);
}

TEST_CASE("sample: the first reading of each interval, also before 1970") {
    Feed sample(settings("sample", {{"every", std::string("10s")}}));
    CHECK(sample(-11, 1) == "-11=1");
    CHECK(sample(-10, 2) == "-10=2");
    CHECK(sample(-1, 3).empty());
    CHECK(sample(0, 4) == "0=4");
    CHECK(sample(9, 5).empty());
    CHECK(sample(25, 6) == "25=6");
    CHECK(sample.flush().empty());
}

TEST_CASE("silence: what waits is due max_time after the newest kept one, in order, and only then") {
    Stage stage = make_stage(settings("swinging-door", {{"deviation", 1.0}, {"max_time", std::string("60s")}}));
    std::vector<Reduced> kept;
    CHECK(stage.next_deadline_ns() == base::kNever);
    CHECK(stage.add(3, number_at(0, 0), 0, kept));
    CHECK(stage.next_deadline_ns() == base::kNever);  // nothing waits
    CHECK(stage.add(3, number_at(1000, 0), 5 * kSecond, kept));
    CHECK(stage.add(1, number_at(0, 0), 5 * kSecond, kept));
    CHECK(stage.add(1, number_at(1000, 0), 5 * kSecond, kept));
    CHECK(stage.add(3, number_at(2000, 0), 30 * kSecond, kept));
    CHECK(stage.next_deadline_ns() == 65 * kSecond);
    kept.clear();
    CHECK_FALSE(stage.next_due(65 * kSecond - 1).has_value());
    const auto first = stage.next_due(65 * kSecond);
    REQUIRE(first.has_value());
    CHECK(*first == 1);
    stage.flush(1, kept);
    CHECK(stage.next_due(65 * kSecond) == std::optional<model::SeriesId>(3));
    stage.flush(3, kept);
    CHECK(words(kept) == "1=0 2=0");
    CHECK(stage.next_deadline_ns() == base::kNever);
    CHECK_FALSE(stage.add(3, number_at(1999, 0), 66 * kSecond, kept));
    CHECK(stage.newest_ns(3) == 2 * kSecond);
    CHECK(stage.newest_ns(0) == INT64_MIN);
}

TEST_CASE("forget and restart: as if the series had never been") {
    Stage stage = make_stage(settings("lttb", {{"window", std::string("10s")}}));
    std::vector<Reduced> kept;
    stage.add(0, number_at(5000, 1), 0, kept);
    stage.forget(0);
    CHECK(stage.add(0, number_at(1000, 2), 0, kept));
    stage.flush(0, kept);
    CHECK(words(kept) == "1=2");
    stage.restart();
    CHECK(stage.series() == 0);
    CHECK(stage.bound_ns() == base::kNever);
    CHECK(stage.add(0, number_at(0, 3), 0, kept));
}

TEST_CASE("saving and loading: damaged bytes are refused or harmless") {
    for (const auto& setting :
         {settings("lttb", {{"window", std::string("10s")}}), settings("swinging-door", {{"deviation", 1.0}})}) {
        Stage stage = make_stage(setting);
        std::vector<Reduced> kept;
        for (int i = 0; i < 9; i++) stage.add(0, number_at(i * 1000, i % 4), i * kSecond, kept);
        std::string bytes;
        stage.save(bytes);
        for (size_t cut = 0; cut < bytes.size(); cut++) {
            Stage other = make_stage(setting);
            base::ByteReader in(std::string_view(bytes).substr(0, cut));
            CHECK_FALSE(other.load(in));
        }
    }
}

TEST_CASE("auto: the deviation follows the noise, and everything is kept until it is known") {
    Stage stage = make_stage(settings("swinging-door", {{"deviation", std::string("auto")}, {"k", 3.0}}));
    base::math::Random random(1);
    std::vector<Reduced> kept;
    for (int i = 0; i < 20; i++) stage.add(0, number_at(i * 1000, random.normal()), i, kept);
    CHECK(kept.size() >= 18);
    CHECK(kept.back().deviation == 0);
    for (int i = 20; i < 20'000; i++)
        stage.add(0, number_at(i * 1000, random.normal() + (i > 10'000 ? 500 : 0)), i, kept);
    CHECK(kept.back().deviation == doctest::Approx(3).epsilon(0.35));
    CHECK(kept.size() < 20'000 / 2);
    // Ten times the noise.
    for (int i = 20'000; i < 40'000; i++) stage.add(0, number_at(i * 1000, 10 * random.normal()), i, kept);
    CHECK(kept.back().deviation == doctest::Approx(30).epsilon(0.35));

    Stage bounded = make_stage(settings("deadband", {{"deviation", std::string("auto")},
                                                     {"max_deviation", std::string("1%")},
                                                     {"span", std::vector<double>{0, 10}}}));
    for (int i = 0; i < 1000; i++) bounded.add(0, number_at(i * 1000, random.normal()), i, kept);
    CHECK(kept.back().deviation == 0.1);
}
