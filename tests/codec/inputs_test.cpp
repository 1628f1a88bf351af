// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include "base/clock.hpp"
#include "codec/csv.hpp"
#include "codec/message_line.hpp"

using namespace tributary;

namespace {

std::vector<std::vector<std::string>> rows_of(std::string_view text, bool ok = true) {
    codec::CsvReader reader(text);
    std::vector<std::vector<std::string>> rows;
    std::vector<std::string> row;
    while (reader.next(row)) rows.push_back(row);
    CHECK(reader.ok() == ok);
    return rows;
}

}  // namespace

TEST_CASE("CSV by RFC 4180") {
    using Rows = std::vector<std::vector<std::string>>;
    CHECK(rows_of("a,b\r\n1,2\r\n") == Rows{{"a", "b"}, {"1", "2"}});
    CHECK(rows_of("a,b\n\n1,") == Rows{{"a", "b"}, {"1", ""}});
    CHECK(rows_of("\xEF\xBB\xBFt,\"x,\"\"y\"\"\nz\"\n,\n") == Rows{{"t", "x,\"y\"\nz"}, {"", ""}});
    CHECK(rows_of("t;v\n1;2,5\n") == Rows{{"t", "v"}, {"1", "2,5"}});
    CHECK(rows_of("").empty());
    CHECK(rows_of("a,\"b", false).empty());
    codec::CsvReader reader("a,b\n\"x\ny\",1\nc,d\n");
    std::vector<std::string> row;
    std::vector<uint64_t> lines;
    while (reader.next(row)) lines.push_back(reader.line());
    CHECK(lines == std::vector<uint64_t>{1, 2, 4});
}

TEST_CASE("message lines") {
    codec::MessageLine line;
    REQUIRE(codec::parse_message_line(R"({"topic":"a/b","payload":"12 ","arrival":1500})", line));
    auto message = std::get<model::Message>(line.body);
    CHECK(message.topic == "a/b");
    CHECK(message.payload == "12 ");
    CHECK(line.arrival_ns == 1500 * base::kNsPerMs);
    REQUIRE(codec::parse_message_line(R"({"payload": {"z": 1.5, "a": [true, null]}, "topic":"t", "more":1})", line));
    CHECK(std::get<model::Message>(line.body).payload == R"({"z":1.5,"a":[true,null]})");
    CHECK_FALSE(line.arrival_ns);
    REQUIRE(codec::parse_message_line(R"({"topic":"t","payload":5,"arrival":"1970-01-01T00:00:01Z"})", line));
    CHECK(std::get<model::Message>(line.body).payload == "5");
    CHECK(line.arrival_ns == base::kNsPerSecond);
    REQUIRE(codec::parse_message_line(R"({"control":"mute","series":"a/#","until":2000,"arrival":1})", line));
    CHECK(std::get<model::MuteRecord>(line.body).series == "a/#");
    CHECK(std::get<model::MuteRecord>(line.body).until_ns == 2 * base::kNsPerSecond);
    REQUIRE(codec::parse_message_line(R"({"control":"clock","state":"unsynced","epoch":3})", line));
    CHECK(std::get<model::ClockRecord>(line.body).epoch == 3);
    REQUIRE(codec::parse_message_line(R"({"control":"tick","arrival":1})", line));
    REQUIRE(codec::parse_message_line(R"({"control":"config","text":"[[stream]]"})", line));
    CHECK(std::get<model::ConfigRecord>(line.body).text == "[[stream]]");
    for (const char* bad : {"", "{", "[]", "5", "{}", R"({"topic":"t"})", R"({"topic":5,"payload":1})",
                            R"({"topic":"t","payload":1,"arrival":"soon"})", R"({"control":"stop"})",
                            R"({"control":"mute","series":"x"})", R"({"control":"clock","state":"odd"})",
                            "{\"topic\":\"\xff\",\"payload\":1}"}) {
        CAPTURE(bad);
        const auto result = codec::parse_message_line(bad, line);
        REQUIRE_FALSE(result.ok());
        CHECK(result.error().code == "TRB-CODEC-001");
    }
}
