// SPDX-License-Identifier: Apache-2.0
#include "record/record.hpp"

#include <doctest/doctest.h>

#include <limits>
#include <nlohmann/json.hpp>
#include <random>

#include "base/clock.hpp"
#include "base/hash.hpp"
#include "base/text.hpp"
#include "record/json.hpp"

using namespace tributary;
using namespace tributary::record;
using base::kNsPerMs;

namespace {

const Source kSource{"gw1", "tributary", "00c0ffee00c0ffee", false};
const model::Origin kOrigin{"m1/temp", "temperature", "C", {{"site", "ulm"}, {"line", "1"}}};
const std::string kTail = R"("unit":"C","gateway":"gw1","id":"00c0ffee00c0ffee/)";
const std::string kLabels = R"(","labels":{"site":"ulm","line":"1"}})";

KafkaRecord made(const model::Output& output, uint64_t seq) {
    KafkaRecord out;
    out.value = "left over", out.id = "left over", out.time_mark = "arrival";
    project(kSource, output, seq, out);
    CHECK(nlohmann::json::accept(out.value));
    return out;
}

model::Window window() {
    model::Window w;
    w.origin = kOrigin;
    w.window = "10s";
    w.start_ns = 1'700'000'000'000 * kNsPerMs, w.end_ns = 1'700'000'010'000 * kNsPerMs;
    w.count = 3, w.sum = 63.75, w.min = 21, w.max = 21.5, w.mean = 21.25, w.stddev = 0.2041241452319315;
    w.first = 21, w.last = 21.25, w.revision = 1, w.numbers = 3;
    return w;
}

}  // namespace

TEST_CASE("a window of texts has no figures of numbers; those that were asked for follow in their order") {
    model::Window w = window();
    w.numbers = 0;
    w.figures = {{"mode", model::ValueKind::text, 0, "run"}, {"mode_count", model::ValueKind::number, 2, {}}};
    w.states = {{"run", 8'000'000'000}, {"stop \"x\"", 2'000'000'000}};
    CHECK(made(w, 7).value ==
          R"({"series":"m1/temp","window":"10s","start":1700000000000,"end":1700000010000,"count":3,"mode":"run",)"
          R"("mode_count":2,"states":{"run":8000,"stop \"x\"":2000},"revision":1,)" +
              std::string(kTail) + "windows/7" + kLabels);
}

TEST_CASE("window") {
    const auto r = made(window(), 7);
    CHECK(r.topic == "tributary.windows");
    CHECK(r.key == "m1/temp");
    CHECK(r.id == "00c0ffee00c0ffee/windows/7");
    CHECK(r.timestamp_ms == 1'700'000'009'999);
    CHECK(r.time_mark.empty());
    CHECK(r.value == R"({"series":"m1/temp","window":"10s","start":1700000000000,"end":1700000010000,"count":3,)"
                     R"("sum":63.75,"min":21,"max":21.5,"mean":21.25,"stddev":0.2041241452319315,"first":21,)"
                     R"("last":21.25,"revision":1,)" +
                         kTail + "windows/7" + kLabels);
}

TEST_CASE("reduced: a reading with method and deviation, in the topic of the readings") {
    model::Reduced reduced{kOrigin, 1'700'000'000'123 * kNsPerMs, model::ValueKind::number, 21.5,
                           "",      model::Quality::good,         model::TimeMark::device,  "swinging-door",
                           0.25};
    const auto r = made(reduced, 9);
    CHECK(r.topic == "tributary.readings");
    CHECK(r.key == "m1/temp");
    CHECK(r.id == "00c0ffee00c0ffee/reduced/9");
    CHECK(r.timestamp_ms == 1'700'000'000'123);
    CHECK(r.value ==
          R"({"series":"m1/temp","ts":1700000000123,"value":21.5,"method":"swinging-door","deviation":0.25,)" + kTail +
              "reduced/9" + kLabels);
    reduced.kind = model::ValueKind::boolean, reduced.number = 1, reduced.quality = model::Quality::bad;
    reduced.deviation.reset(), reduced.mark = model::TimeMark::arrival;
    const auto boolean = made(reduced, 10);
    CHECK(boolean.time_mark == "arrival");
    CHECK(boolean.value ==
          R"({"series":"m1/temp","ts":1700000000123,"value":true,"quality":"bad","method":"swinging-door",)" + kTail +
              "reduced/10" + kLabels);
}

TEST_CASE("event: open without end, closed with end and expected") {
    model::Event e;
    e.origin = kOrigin;
    e.event_id = "0123456789abcdef", e.detector = "limit", e.kind = "high";
    e.start_ns = 1'700'000'000'500 * kNsPerMs;
    e.score = 0.75, e.value = 99.5, e.severity = model::Severity::critical, e.mark = model::TimeMark::unsynced;
    const auto open = made(e, 1);
    CHECK(open.topic == "tributary.events");
    CHECK(open.timestamp_ms == 1'700'000'000'500);
    CHECK(open.time_mark == "unsynced");
    CHECK(open.value == R"({"event_id":"0123456789abcdef","series":"m1/temp","detector":"limit","kind":"high",)"
                        R"("state":"open","start":1700000000500,"score":0.75,"value":99.5,"severity":"critical",)" +
                            kTail + "events/1" + kLabels);
    e.state = model::EventState::closed;
    e.end_ns = 1'700'000'003'000 * kNsPerMs, e.expected = 21;
    const auto closed = nlohmann::json::parse(made(e, 2).value);
    CHECK(closed["end"] == 1'700'000'003'000);
    CHECK(closed["expected"] == 21);
    CHECK(closed["state"] == "closed");
}

TEST_CASE("gap: what is known of it") {
    model::Gap gap{model::Log::intake, "5f0c33a19be2d471", 1'001, 1'500, 480, model::GapReason::thinned, 0,
                   kNsPerMs,           2 * kNsPerMs};
    const std::string range = R"("from":1001,"to":1500,"count":480,"reason":")";
    const std::string times = R"(","start":0,"end":1,"ts":2,"gateway":"gw1","id":"00c0ffee00c0ffee/gaps/7"})";
    CHECK(made(gap, 7).value == R"({"log":"intake","incarnation":"5f0c33a19be2d471",)" + range + "thinned" + times);
    gap.incarnation.clear();
    gap.log = model::Log::windows, gap.reason = model::GapReason::damaged;
    CHECK(made(gap, 7).value == R"({"log":"windows",)" + range + "damaged" + times);
    std::string bytes;
    for (const auto reason : {model::GapReason::evicted, model::GapReason::thinned, model::GapReason::damaged}) {
        gap.reason = reason;
        bytes.clear();
        model::encode_output(gap, bytes);
        const auto again = model::decode_output(bytes);
        REQUIRE(again.ok());
        CHECK(*again == model::Output(gap));
    }
}

TEST_CASE("late and dead") {
    model::LateReading late;
    late.origin = {"s", "st", "", {}};
    late.event_ns = -1, late.window = "1m", late.window_end_ns = 60'000 * kNsPerMs, late.number = 21;
    CHECK(made(late, 3).value == R"({"series":"s","ts":-1,"value":21,"window":"1m","window_end":60000,)"
                                 R"("gateway":"gw1","id":"00c0ffee00c0ffee/late/3"})");
    late.kind = model::ValueKind::boolean;
    CHECK(nlohmann::json::parse(made(late, 3).value)["value"] == true);
    late.kind = model::ValueKind::text, late.text = "9007199254740993";
    CHECK(nlohmann::json::parse(made(late, 3).value)["value"] == "9007199254740993");

    model::DeadLetter dead;
    dead.topic = "a/b", dead.reason = "json", dead.detail = "line 1", dead.arrival_ns = 5 * kNsPerMs;
    dead.payload = std::string("\x00\xff{", 3), dead.size = 3, dead.sha256 = base::sha256_hex(dead.payload);
    const auto r = made(dead, 4);
    CHECK(r.topic == "tributary.dead");
    CHECK(r.key == "a/b");
    CHECK(r.timestamp_ms == 5);
    CHECK(r.value == R"({"reason":"json","detail":"line 1","topic":"a/b","stream":"","arrival":5,"size":3,"sha256":")" +
                         dead.sha256 + R"(","payload":"AP97","gateway":"gw1","id":"00c0ffee00c0ffee/dead/4"})");
    dead.payload.assign(200'000, 'x');
    CHECK(nlohmann::json::parse(made(dead, 4).value)["payload"].get<std::string>().size() == (65'536 + 2) / 3 * 4);
}

TEST_CASE("readings: kinds, quality, ids") {
    model::Reading reading;
    reading.event_ns = 1'999'999;
    reading.value.number = 21;
    reading.mark = model::TimeMark::arrival;
    KafkaRecord r;
    project(kSource, "s", reading, "C", kOrigin.labels, 12, 0, false, r);
    CHECK(r.topic == "tributary.readings");
    CHECK(r.key == "s");
    CHECK(r.timestamp_ms == 1);
    CHECK(r.time_mark == "arrival");
    CHECK(r.value == R"({"series":"s","ts":1,"value":21,)" + kTail + "intake/12" + kLabels);
    reading.quality = model::Quality::uncertain;
    reading.value = {model::ValueKind::boolean, 1, {}};
    project(kSource, "s", reading, "", {}, 12, 3, true, r);
    CHECK(r.value == R"({"series":"s","ts":1,"value":true,"quality":"uncertain","gateway":"gw1",)"
                     R"("id":"00c0ffee00c0ffee/intake/12.3"})");
    reading.value = {model::ValueKind::text, 0, "18446744073709551616"};
    project(kSource, "s", reading, "", {}, 12, 3, true, r);
    CHECK(r.value.find(R"("value":"18446744073709551616")") != std::string::npos);
}

TEST_CASE("raw: bytes unchanged, and how replay prints them") {
    model::Message message;
    message.topic = "f/1";
    message.payload = "{\"a\": 1}\n";
    KafkaRecord r;
    project_raw(kSource, message, 9, 2'000'000, model::ClockState::synced, true, r);
    CHECK(r.topic == "tributary.readings");
    CHECK(r.key == "f/1");
    CHECK(r.value == message.payload);
    CHECK(r.timestamp_ms == 2);
    CHECK(nlohmann::json::parse(to_json_line(kSource, r))["value"] == "{\"a\": 1}\n");
    message.payload = std::string_view("\xff\x00", 2);
    project_raw(kSource, message, 9, 0, model::ClockState::repaired, true, r);
    CHECK(nlohmann::json::parse(to_json_line(kSource, r))["value"]["base64"] == "/wA=");
    project_raw(kSource, message, 9, 0, model::ClockState::synced, false, r);
    CHECK(r.value.empty());
}

TEST_CASE("a line of replay") {
    Source source = kSource;
    source.replayed = true, source.incarnation = "replay";
    KafkaRecord r;
    model::LateReading late;
    late.origin.series = "s";
    late.mark = model::TimeMark::repaired;
    project(source, late, 1, r);
    CHECK(to_json_line(source, r) ==
          R"({"topic":"tributary.late","partition_key":"s","timestamp":0,"headers":{"tb-id":"replay/late/1",)"
          R"("tb-gw":"gw1","tb-time":"repaired","tb-replay":"1"},"value":)" +
              r.value + "}");
}

TEST_CASE("numbers JSON does not have become null") {
    model::Window w = window();
    w.mean = std::numeric_limits<double>::quiet_NaN();
    w.max = std::numeric_limits<double>::infinity(), w.min = -w.max;
    const auto value = nlohmann::json::parse(made(w, 1).value);
    for (const char* name : {"mean", "max", "min"}) CHECK(value[name].is_null());
    std::string out;
    append_json_number(out, 1e300), out += ' ', append_json_number(out, -0.1), out += ' ',
        append_json_number(out, 21.0);
    CHECK(out == "1e+300 -0.1 21");
}

TEST_CASE("text of any bytes is JSON, and good text comes back as it was") {
    std::mt19937_64 random(20251122);
    const std::vector<std::string> pieces{
        "\"", "\\",           "\n",       std::string(1, '\0'), "\x1f",     "\x7f", "é", "€",
        "😀",  "\xed\xa0\x80", "\xc0\xaf", "\xf4\x90\x80\x80",   "\xe2\x82", "\x80", "a"};
    for (int round = 0; round < 20'000; round++) {
        std::string text;
        const size_t length = random() % 24;
        for (size_t i = 0; i < length; i++) {
            if (round % 2 == 0)
                text.push_back(static_cast<char>(random()));
            else
                text += pieces[random() % pieces.size()];
        }
        std::string out;
        append_json_text(out, text);
        const auto back = nlohmann::json::parse(out, nullptr, false);
        REQUIRE(back.is_string());
        const auto decoded = back.get<std::string>();
        REQUIRE(base::valid_utf8(decoded));
        if (base::valid_utf8(text))
            REQUIRE(decoded == text);
        else
            REQUIRE(decoded.find("\xef\xbf\xbd") != std::string::npos);
    }
    std::string out;
    append_json_text(out, "a\xe2\x82z\xf0\x9f\x98");  // one U+FFFD per maximal part
    CHECK(out == "\"a\xef\xbf\xbdz\xef\xbf\xbd\"");
}
