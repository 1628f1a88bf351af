// SPDX-License-Identifier: Apache-2.0
#include "sim/csv_player.hpp"

#include <doctest/doctest.h>
#include <unistd.h>

#include <filesystem>

using namespace tributary::sim;

namespace {
struct TempFile {
    explicit TempFile(const std::string& content)
        : path((std::filesystem::temp_directory_path() / ("trb-csv-" + std::to_string(::getpid()) + ".csv")).string()) {
        std::ofstream(path) << content;
    }
    ~TempFile() { std::filesystem::remove(path); }
    std::string path;
};
std::vector<SimMessage> all(CsvPlayer& player) {
    std::vector<SimMessage> messages;
    for (SimMessage message; player.next(message);) messages.push_back(message);
    return messages;
}
}  // namespace

TEST_CASE("csv: times as text, seconds and milliseconds") {
    CHECK(csv_time_ms("2014-04-01 00:00:00") == 1'396'310'400'000);
    CHECK(csv_time_ms("2014-04-01T00:00:00.250Z") == 1'396'310'400'250);
    CHECK(csv_time_ms("1396310400") == 1'396'310'400'000);
    CHECK(csv_time_ms("1396310400.125") == 1'396'310'400'125);
    CHECK(csv_time_ms("1396310400125") == 1'396'310'400'125);
    CHECK(csv_time_ms("-1") == -1000);
    for (const char* bad : {"", "yesterday", "timestamp", "nan", "1e300", "2014-13-01"}) CHECK_FALSE(csv_time_ms(bad));
}

TEST_CASE("csv: cells, quotes, holes and rubbish") {
    CHECK(split_csv("a,\"b,\"\"c\"\"\",,d\r") == std::vector<std::string>{"a", "b,\"c\"", "", "d"});
    CHECK(split_csv("") == std::vector<std::string>{""});
    const TempFile file(
        "\xef\xbb\xbftime,\"flow, in\",temp\r\n"
        "1396310400,1.5,2\r\n\r\n"
        "1396310401,,NaN\r\n"
        "later,3,4\r\n"
        "1396310402,x\r\n"
        "1396310403,-1e-3,7,8,9\r\n");
    auto player = CsvPlayer::open(file.path, "plant");
    REQUIRE(player.ok());
    const auto messages = all(**player);
    REQUIRE(messages.size() == 4);
    const std::string stem = std::filesystem::path(file.path).stem().string();
    CHECK(messages[0].topic == "plant/" + stem + "/flow, in");
    CHECK(messages[0].payload == R"({"ts":1396310400000,"value":1.5})");
    CHECK(messages[1].topic == "plant/" + stem + "/temp");
    CHECK(messages[2].payload == R"({"ts":1396310403000,"value":-0.001})");
    CHECK(messages[3].time_ms == 1'396'310'403'000);
    CHECK((*player)->skipped_rows() == 1);
    CHECK((*player)->skipped_cells() == 1);
}

TEST_CASE("csv: without a header, and files that are none") {
    const TempFile file("1396310400,5\n1396310401,6\n");
    auto player = CsvPlayer::open(file.path, "");
    REQUIRE(player.ok());
    const auto messages = all(**player);
    REQUIRE(messages.size() == 2);
    CHECK(messages[0].topic == std::filesystem::path(file.path).stem().string() + "/column1");
    CHECK(CsvPlayer::open("/no/such/file.csv", "").error().code == "TRB-SIM-002");
    const TempFile empty("");
    CHECK_FALSE(CsvPlayer::open(empty.path, "").ok());
    const TempFile narrow("time\n1\n");
    CHECK_FALSE(CsvPlayer::open(narrow.path, "").ok());
}
