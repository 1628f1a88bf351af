// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <array>
#include <cmath>
#include <fstream>
#include <thread>

#include "base/bounded_queue.hpp"
#include "base/bytes.hpp"
#include "base/clock.hpp"
#include "base/hash.hpp"
#include "base/memory.hpp"
#include "base/text.hpp"
#include "base/units.hpp"

using namespace tributary::base;

TEST_CASE("durations and sizes need a unit and say what is wrong") {
    CHECK(*parse_duration_ns("500ms") == 500 * kNsPerMs);
    CHECK(*parse_duration_ns("1.5h") == 5400 * kNsPerSecond);
    CHECK(*parse_duration_ns("2min") == 120 * kNsPerSecond);
    CHECK(*parse_size_bytes("2GiB") == int64_t{2} << 30);
    CHECK(*parse_size_bytes("10 MB") == 10'000'000);
    for (const auto* bad : {"", "5", "ms", "-1s", "5 parsecs", "1e300d"}) {
        CAPTURE(bad);
        const auto result = parse_duration_ns(bad);
        REQUIRE(!result);
        CHECK(result.error().message.find(bad) != std::string::npos);
    }
    CHECK(format_duration(500 * kNsPerMs) == "500ms");
    CHECK(format_duration(90 * 60 * kNsPerSecond) == "1.5h");
    CHECK(format_size(1536) == "1.5 KiB");
}

TEST_CASE("variable-length integers come back, and a cut text turns the reader sour") {
    std::string out;
    for (const int64_t value : {int64_t{0}, int64_t{-1}, int64_t{63}, INT64_MAX, INT64_MIN}) put_signed(out, value);
    put_text(out, "abc");
    put_double(out, -0.0);
    ByteReader in(out);
    for (const int64_t value : {int64_t{0}, int64_t{-1}, int64_t{63}, INT64_MAX, INT64_MIN})
        CHECK(in.signed_varint() == value);
    CHECK(in.text() == "abc");
    CHECK(std::signbit(in.number()));
    CHECK(in.ok());
    CHECK(in.at_end());
    for (size_t cut = 0; cut < out.size(); cut++) {
        ByteReader part(std::string_view(out).substr(0, cut));
        for (int i = 0; i < 5; i++) part.signed_varint();
        part.text();
        part.number();
        CHECK(!part.ok());
    }
}

TEST_CASE("checksums and digests have their published values") {
    CHECK(crc32c("123456789") == 0xe3069283);
    CHECK(crc32c(std::string(32, '\0')) == 0x8a9136aa);  // RFC 3720 B.4
    CHECK(sha256_hex("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    CHECK(fnv1a("a") == 0xaf63dc4c8601ec8cULL);
    CHECK(random_hex(8).size() == 16);
    CHECK(random_hex(8) != random_hex(8));
}

TEST_CASE("UTF-8: the boundary cases of table 3-7") {
    for (const char* good :
         {"", "abc", "\xc2\x80", "\xe0\xa0\x80", "\xed\x9f\xbf", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf"})
        CHECK(valid_utf8(good));
    for (const char* bad : {"\x80", "\xc1\xbf", "\xe0\x9f\xbf", "\xed\xa0\x80", "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80",
                            "\xff", "\xc2", "\xe2\x82"})
        CHECK(!valid_utf8(bad));
    CHECK(valid_utf8(std::string_view("a\0b", 3)));
}

TEST_CASE("base64 has RFC 4648's test vectors") {
    CHECK(base64("") == "");
    CHECK(base64("f") == "Zg==");
    CHECK(base64("fo") == "Zm8=");
    CHECK(base64("foobar") == "Zm9vYmFy");
    for (const char* text : {"", "f", "fo", "foo", "foob", "\xff\xfe\xfd!"}) CHECK(from_base64(base64(text)) == text);
    for (const char* wrong : {"Zg=", "Zg==Zg==", "Z===", "====", "Zm8\n", "Zm-_"}) CHECK_FALSE(from_base64(wrong));
}

TEST_CASE("times: RFC 3339 in, RFC 3339 out") {
    CHECK(parse_time_ns("1970-01-01T00:00:00Z") == 0);
    CHECK(parse_time_ns("2014-04-01 00:00:00") == 1396310400 * kNsPerSecond);
    CHECK(parse_time_ns("2026-05-01T14:00:00.25+02:00") == 1777636800 * kNsPerSecond + 250 * kNsPerMs);
    CHECK(parse_time_ns("1969-12-31T23:59:59Z") == -kNsPerSecond);
    CHECK(parse_time_ns("2016-12-31T23:59:60Z") == parse_time_ns("2017-01-01T00:00:00Z"));  // a leap second
    CHECK(parse_time_ns("2016-12-31T23:59:60.5Z") == *parse_time_ns("2017-01-01T00:00:00Z") + kNsPerSecond / 2);
    for (const char* local : {"2026-05-01", "2026-05-01T12:00", "2026-05-01 12:00:00.5"}) {
        bool is_local = false;
        CHECK(parse_time_ns(local, is_local));
        CHECK(is_local);
        CHECK(
            parse_time_ns(std::string(local) + (std::string_view(local).size() > 10 ? "+02:00" : "T00:00Z"), is_local));
        CHECK(!is_local);
    }
    for (const auto* bad : {"", "2026", "2026-13-01", "2026-02-30T00:00:00Z", "2026-01-01T25:00:00Z",
                            "2026-01-01T00:00:00X", "2026-01-01T00:00:00.Z"})
        CHECK(!parse_time_ns(bad));
    CHECK(format_time_ms(1777636800250) == "2026-05-01T12:00:00.250Z");
    CHECK(format_time_ms(-1) == "1969-12-31T23:59:59.999Z");
    CHECK(ns_to_ms(-1) == -1);
}

TEST_CASE("numbers keep their value, and only whole numbers are numbers") {
    for (const double value : {0.1, 1e300, -2.5, 5e-324, 123456789.123})
        CHECK(parse_number(number_text(value)) == value);
    for (const auto* bad : {"", " 1", "1 ", "+1", "nan", "inf", "1e999", "0x10", "1,5"}) CHECK(!parse_number(bad));
}

TEST_CASE("nearest finds a slip and leaves the rest alone") {
    constexpr std::array<std::string_view, 3> kWords{"lateness", "size", "idle"};
    CHECK(nearest("latness", kWords) == "lateness");
    CHECK(nearest("szie", kWords) == "size");
    CHECK(nearest("colour", kWords).empty());
}

TEST_CASE("the bounded queue holds its bound, wakes and closes") {
    BoundedQueue<int> queue(2);
    int value = 1;
    CHECK(queue.try_push(value));
    CHECK(queue.try_push(value));
    CHECK(!queue.try_push(value));
    CHECK(!queue.push(value, 1, kNsPerMs));
    std::thread consumer([&] { CHECK(queue.pop(kNsPerSecond).has_value()); });
    CHECK(queue.push(value, 1, kNsPerSecond));
    consumer.join();
    queue.close();
    CHECK(queue.pop(0).has_value());
    CHECK(queue.pop(0).has_value());
    CHECK(!queue.pop(kNsPerSecond).has_value());
    int big = 7;
    BoundedQueue<int> small(1);
    CHECK(small.try_push(big, 100));  // one piece always fits an empty queue
}

TEST_CASE("the state of the clock as another process hands it over") {
    constexpr int64_t kSecond = kNsPerSecond;
    CHECK(says_synchronised("100000000000 1\n", 100 * kSecond));
    CHECK(says_synchronised("100000000000 1\n", 120 * kSecond));
    CHECK_FALSE(says_synchronised("100000000000 1\n", 120 * kSecond + 1));  // nobody asks any more
    CHECK_FALSE(says_synchronised("100000000000 1\n", 99 * kSecond));       // of another boot
    CHECK_FALSE(says_synchronised("100000000000 0\n", 100 * kSecond));
    for (const char* text : {"", "1\n", " 1\n", "100000000000", "100000000000 1", "100000000000 11\n", "x 1\n", "-1 1"})
        CHECK_FALSE(says_synchronised(text, 100 * kSecond));
}

namespace {

int64_t resident_file_kb() {
    std::ifstream status("/proc/self/status");
    for (std::string line; std::getline(status, line);)
        if (line.starts_with("RssFile:")) return std::strtoll(line.c_str() + 8, nullptr, 10);
    return 0;
}

}  // namespace

TEST_CASE("code that is let go of leaves memory, and comes back when it is called") {
    const std::string before = format_duration(90 * 60 * kNsPerSecond);
    const int64_t resident = resident_file_kb();
    unmap_code();
    const int64_t left = resident_file_kb();
    CHECK(left < resident);
    CHECK(format_duration(90 * 60 * kNsPerSecond) == before);
    CHECK_THROWS(std::stoi("no number"));  // through the tables of the C++ library
}
