// SPDX-License-Identifier: Apache-2.0
#include "codec/codec.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <set>
#include <string>
#include <vector>

using namespace tributary;
using codec::Reason;
using namespace std::string_literals;

namespace {

config::StreamSettings one(const std::string& format = "auto", const std::string& pointer = "/value",
                           const std::string& time = "") {
    config::StreamSettings stream;
    stream.format = format;
    stream.values = {{"", pointer}};
    stream.time_pointer = time;
    return stream;
}

struct Got {
    Reason reason;
    codec::Decoded out;
    std::string text;  // of the first value, copied
};

Got decode(const config::StreamSettings& stream, const std::string& payload) {
    const auto decoder = codec::find_format(stream.format)->make(stream);
    Got got;
    got.reason = decoder->decode(payload, got.out);
    if (got.reason == Reason::none) got.text = got.out.fields.at(0).value.text;
    return got;
}

}  // namespace

TEST_CASE("why a payload cannot be used") {
    const auto json = [](const std::string& value) { return "{\"value\":" + value + "}"; };
    const std::string deep(64, '['), too_deep(65, '[');
    struct Row {
        std::string format, payload;
        Reason reason;
    };
    const std::vector<Row> rows{
        {"auto", "", Reason::empty},
        {"auto", " \r\n\t", Reason::empty},
        {"json", "", Reason::empty},
        {"json", "  ", Reason::empty},
        {"json", json("null"), Reason::wrong_type},
        {"json", json("{}"), Reason::wrong_type},
        {"json", json("[1]"), Reason::wrong_type},
        {"json", "{}", Reason::missing_field},
        {"json", "{\"Value\":1}", Reason::missing_field},
        {"json", "[1,2]", Reason::missing_field},
        {"json", "17", Reason::missing_field},
        {"json", json("NaN"), Reason::not_finite},
        {"json", json("nan"), Reason::not_finite},
        {"json", json("Infinity"), Reason::not_finite},
        {"json", json("-Infinity"), Reason::not_finite},
        {"json", json("-inf"), Reason::not_finite},
        {"json", json("1e999"), Reason::not_finite},
        {"json", json("nope"), Reason::json},
        {"json", json("0x10"), Reason::json},
        {"json", json("1,}"), Reason::json},
        {"json", json("1") + "x", Reason::json},
        {"json", json("1") + json("1"), Reason::json},
        {"json", json("1") + "\0"s, Reason::json},
        {"json", json("1") + "\0garbage"s, Reason::json},
        {"json", "{\"value\":\"a\0b\"}"s, Reason::json},
        {"json", "{\"value\":1", Reason::json},
        {"json", "{", Reason::json},
        {"json", "{\"value\":\"\xff\"}", Reason::utf8},
        {"json", "{\"value\":\"\xed\xa0\x80\"}", Reason::utf8},
        {"json", json("\"" + std::string(1025, 'x') + "\""), Reason::not_a_value},
        {"json", deep + std::string(64, ']'), Reason::missing_field},
        {"json", too_deep + std::string(65, ']'), Reason::json},
        {"json", std::string(100'000, '['), Reason::json},
        {"auto", "{\"value\":1", Reason::json},
        {"scalar", "nan", Reason::not_finite},
        {"scalar", "-inf", Reason::not_finite},
        {"scalar", "1e999", Reason::not_finite},
        {"scalar", "\xff\xfe", Reason::utf8},
        {"scalar", "ab\0cd"s, Reason::not_a_value},
        {"scalar", "\0"s, Reason::not_a_value},
        {"scalar", "line\nline", Reason::not_a_value},
        {"scalar", std::string(1025, 'x'), Reason::not_a_value},
    };
    for (const Row& row : rows) {
        CAPTURE(row.payload.substr(0, 60));
        CAPTURE(codec::info(decode(one(row.format), row.payload).reason).word);
        CHECK(decode(one(row.format), row.payload).reason == row.reason);
    }
}

TEST_CASE("values") {
    const double kTwo53 = 9007199254740992.0;
    struct Row {
        std::string format, payload;
        model::ValueKind kind;
        double number;
        std::string text;
    };
    using model::ValueKind;
    const std::vector<Row> rows{
        {"auto", "{\"value\":12.34}", ValueKind::number, 12.34, ""},
        {"auto", " \n{\"value\":-7}", ValueKind::number, -7, ""},
        {"auto", "12.5", ValueKind::number, 12.5, ""},
        {"auto", "  +12.5\r\n", ValueKind::number, 12.5, ""},
        {"auto", "1e3", ValueKind::number, 1000, ""},
        {"auto", "true", ValueKind::boolean, 1, ""},
        {"auto", "false", ValueKind::boolean, 0, ""},
        {"auto", "running", ValueKind::text, 0, "running"},
        {"auto", "grün", ValueKind::text, 0, "grün"},
        {"auto", "9007199254740992", ValueKind::number, kTwo53, ""},
        {"auto", "9007199254740993", ValueKind::text, 0, "9007199254740993"},
        {"auto", "+-5", ValueKind::text, 0, "+-5"},
        {"json", "{\"value\":true}", ValueKind::boolean, 1, ""},
        {"json", "{\"value\":\"a\\u00e9\\n\"}", ValueKind::text, 0, "aé\n"},
        {"json", "{\"value\":\"\"}", ValueKind::text, 0, ""},
        {"json", "{\"value\":9007199254740992}", ValueKind::number, kTwo53, ""},
        {"json", "{\"value\":9007199254740993}", ValueKind::text, 0, "9007199254740993"},
        {"json", "{\"value\":-9007199254740993}", ValueKind::text, 0, "-9007199254740993"},
        {"json", "{\"value\":18446744073709551615}", ValueKind::text, 0, "18446744073709551615"},
        {"json", "{\"value\":123456789012345678901234567890}", ValueKind::text, 0, "123456789012345678901234567890"},
        {"json", "{\"value\":1,\"value\":2}", ValueKind::number, 2, ""},
        {"json", "{\"x\":{\"value\":1},\"value\":3,\"y\":[{\"value\":9}]}", ValueKind::number, 3, ""},
    };
    for (const Row& row : rows) {
        CAPTURE(row.payload);
        const Got got = decode(one(row.format), row.payload);
        REQUIRE(got.reason == Reason::none);
        const auto& value = got.out.fields.at(0).value;
        CHECK(value.kind == row.kind);
        CHECK(value.number == row.number);
        CHECK(got.text == row.text);
        CHECK_FALSE(got.out.event_ns);
    }
}

TEST_CASE("pointers find their values, however deep or odd") {
    const std::string payload = R"({"a":[{"b":1},{"b":2,"":3}],"m~n":{"/":4},"7":5,"n":{"01":6}})";
    const auto at = [&](const std::string& pointer) {
        const Got got = decode(one("json", pointer), payload);
        return got.reason == Reason::none ? got.out.fields[0].value.number : -1.0;
    };
    CHECK(at("/a/0/b") == 1);
    CHECK(at("/a/1/b") == 2);
    CHECK(at("/a/1/") == 3);
    CHECK(at("/m~0n/~1") == 4);
    CHECK(at("/7") == 5);
    CHECK(at("/n/01") == 6);
    CHECK(at("/a/01/b") == -1);
    CHECK(at("/a/-") == -1);
    CHECK(at("/a/2/b") == -1);
    CHECK(decode(one("json", ""), "42").out.fields.at(0).value.number == 42);
    CHECK(decode(one("json", "/0"), "[5]").out.fields.at(0).value.number == 5);
    CHECK(codec::valid_pointer("/a~0/~1"));
    CHECK_FALSE(codec::valid_pointer("a"));
    CHECK_FALSE(codec::valid_pointer("/a~2"));
    CHECK_FALSE(codec::valid_pointer("/a~"));
}

TEST_CASE("several values: those that are there count") {
    auto stream = one("json", "/t");
    stream.values = {{"temp", "/t"}, {"hum", "/h"}, {"same", "/t"}};
    auto got = decode(stream, R"({"h":40,"t":20})");
    REQUIRE(got.out.fields.size() == 3);
    CHECK(got.out.fields[0].value.number == 20);
    CHECK(got.out.fields[1].value.number == 40);
    CHECK(got.out.fields[2].value.number == 20);
    got = decode(stream, R"({"h":40,"t":null})");
    REQUIRE(got.out.fields.size() == 1);
    CHECK(got.out.fields[0].index == 1);
    CHECK(decode(stream, R"({"x":1})").reason == Reason::missing_field);
    CHECK(decode(stream, R"({"h":40,"t":[]})").reason == Reason::wrong_type);
    stream.format = "auto";
    CHECK(decode(stream, "20").reason == Reason::missing_field);
    // Nothing of an earlier message stays behind.
    const auto decoder = codec::make_json(stream);
    codec::Decoded out;
    CHECK(decoder->decode(R"({"h":40,"t":20})", out) == Reason::none);
    CHECK(decoder->decode(R"({"h":)", out) == Reason::json);
    CHECK(decoder->decode(R"({"t":1})", out) == Reason::none);
    CHECK(out.fields.size() == 2);
}

TEST_CASE("scale and offset touch numbers only") {
    auto stream = one();
    stream.scale = 0.5, stream.offset = 10;
    CHECK(decode(stream, "4").out.fields.at(0).value.number == 12);
    CHECK(decode(stream, "{\"value\":4}").out.fields.at(0).value.number == 12);
    CHECK(decode(stream, "true").out.fields.at(0).value.number == 1);
    stream.scale = 1e300;
    CHECK(decode(stream, "1e300").reason == Reason::not_finite);
    CHECK(decode(stream, "{\"value\":1e300}").reason == Reason::not_finite);
}

TEST_CASE("the time of a payload") {
    const auto at = [](const std::string& time, int64_t unit_ns) -> std::optional<int64_t> {
        auto stream = one("json", "/v", "/t");
        stream.time_unit_ns = unit_ns;
        const Got got = decode(stream, "{\"v\":1,\"t\":" + time + "}");
        CHECK((got.reason == Reason::none || got.reason == Reason::bad_time));
        return got.reason == Reason::none ? got.out.event_ns : std::nullopt;
    };
    constexpr int64_t kS = base::kNsPerSecond, kMs = base::kNsPerMs;
    CHECK(at("1700000000123", kMs) == 1700000000123 * kMs);
    CHECK(at("1700000000.123", kS) == 1700000000123 * kMs);
    CHECK(at("1700000000", kS) == 1700000000 * kS);
    CHECK(at("1700000000123.5", kMs) == 1700000000123 * kMs + 500'000);
    CHECK(at("1700000000123456789", 1) == 1700000000123456789);
    CHECK(at("-1.5", kS) == -1500 * kMs);
    CHECK(at("\"2026-05-01T12:00:00.25+02:00\"", kMs) == 1777629600250 * kMs);
    CHECK(at("9223372036854775807", kS) == codec::kTimeLimitNs / kS * kS);
    CHECK(at("18446744073709551615", 1) == codec::kTimeLimitNs);
    CHECK(at("-9223372036854775808", kMs) == -(codec::kTimeLimitNs / kMs * kMs));
    CHECK(at("1e300", kMs) == codec::kTimeLimitNs / kMs * kMs);
    CHECK(at("-1e300", 1) == -codec::kTimeLimitNs);
    for (const char* bad : {"null", "true", "[]", "{}", "\"\"", "\"yesterday\"", "\"12\""}) {
        CAPTURE(bad);
        CHECK_FALSE(at(bad, kMs));
    }
    CHECK(decode(one("json", "/v", "/t"), "{\"v\":1}").reason == Reason::bad_time);
    CHECK(decode(one("auto", "/v", "/t"), "1").reason == Reason::bad_time);
    CHECK(decode(one("json", "/t", "/t"), "{\"t\":5}").out.event_ns == 5 * kMs);
}

TEST_CASE("damaged payloads of any kind are refused or read, never more") {
    uint64_t state = 7;
    const auto random = [&](uint64_t below) {
        state = state * 6364136223846793005ULL + 1;
        return (state >> 33) % below;
    };
    const auto stream = one("auto", "/a/1/b", "/ts");
    const auto decoder = codec::make_auto(stream);
    codec::Decoded out;
    const std::string good = R"({"ts":1234567890123,"a":[1,{"b":"x\u00e4y"}],"n":-1.5e3,"t":true,"z":null})";
    CHECK(decoder->decode(good, out) == Reason::none);
    for (int i = 0; i < 20'000; i++) {
        std::string payload = good;
        for (uint64_t n = random(4) + 1; n > 0; n--) {
            const size_t at = random(payload.size());
            if (random(3) == 0)
                payload.erase(at, random(5));
            else if (random(2) == 0)
                payload[at] = static_cast<char>(random(256));
            else
                payload.insert(at, payload.substr(random(payload.size()), random(9)));
            if (payload.empty()) payload = "{";
        }
        const Reason reason = decoder->decode(payload, out);
        if (reason == Reason::none) CHECK(out.fields.size() == 1);
    }
}

TEST_CASE("reasons are one table of unique words") {
    std::set<std::string_view> words;
    for (const auto& row : codec::reasons()) {
        CHECK(words.insert(row.word).second);
        CHECK(codec::info(row.reason).word == row.word);
    }
    CHECK(codec::find_format("csvv") == nullptr);
}

TEST_CASE("time per payload" * doctest::skip()) {
    const auto decoder = codec::make_json(one("json", "/value", "/ts"));
    codec::Decoded out;
    const std::string payload = R"({"ts":1234567890123,"value":12.34,"n":5,"id":7})";
    constexpr int kRounds = 1'000'000;
    const auto start = std::chrono::steady_clock::now();
    for (int i = 0; i < kRounds; i++) decoder->decode(payload, out);
    const std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - start;
    MESSAGE("JSON payload: " << took.count() / kRounds << " ns");
}
