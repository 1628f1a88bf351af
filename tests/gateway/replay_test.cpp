// SPDX-License-Identifier: Apache-2.0
#include "gateway/replay.hpp"

#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "base/files.hpp"
#include "config/load.hpp"
#include "gateway/support.hpp"

namespace tributary::gateway {
namespace {

constexpr std::string_view kConfig = R"(
[gateway]
id = "line1"
[[stream]]
name = "s"
topics = ["s/+", "one/#", "two/#"]
time = "/ts"
window = { size = "10s" }
[[stream.detect]]
type = "threshold"
high = 90
)";

struct Replay {
    explicit Replay(std::string_view config_text = kConfig) {
        auto loaded = config::load_text(config_text, "test.toml");
        REQUIRE(loaded.ok());
        settings = std::move(*loaded.settings);
    }
    std::string file(const std::string& name, const std::string& text) {
        const std::string path = folder.path + "/" + name;
        std::filesystem::create_directories(std::filesystem::path(path).parent_path());
        std::ofstream(path, std::ios::binary) << text;
        options.inputs.push_back(path);
        return path;
    }
    std::string text() {
        std::ostringstream out;
        const auto done = replay(settings, options, out);
        if (!done) FAIL_CHECK(done.error().text());
        return out.str();
    }
    // Every line parsed.
    std::vector<nlohmann::json> lines() {
        std::vector<nlohmann::json> out;
        std::istringstream in(text());
        for (std::string line; std::getline(in, line);) out.push_back(nlohmann::json::parse(line));
        return out;
    }
    base::Error error() {
        std::ostringstream out;
        const auto done = replay(settings, options, out);
        REQUIRE(!done);
        return done.error();
    }

    TempFolder folder;
    config::Settings settings;
    ReplayOptions options;
};

std::string messages(int from, int to, const std::string& topic = "s/a") {
    std::string out;
    for (int i = from; i < to; i++)
        out += base::format("{{\"topic\":\"{}\",\"payload\":{{\"ts\":{},\"value\":{}}}}}\n", topic,
                            1'700'000'000'000 + i * 1000, i == 7 ? 99 : i);
    return out;
}

size_t of_topic(const std::vector<nlohmann::json>& lines, const std::string& topic) {
    return static_cast<size_t>(
        std::count_if(lines.begin(), lines.end(), [&](const auto& line) { return line["topic"] == topic; }));
}

}  // namespace

TEST_CASE("replay: JSON lines give what Kafka would get") {
    Replay r;
    r.file("in.jsonl", messages(0, 25) + "\n  \n{\"topic\":\"s/a\",\"payload\":\"garbage\"}\r\n");
    const auto lines = r.lines();
    CHECK(of_topic(lines, "tributary.windows") == 3);
    CHECK(of_topic(lines, "tributary.events") == 2);
    CHECK(of_topic(lines, "tributary.dead") == 1);
    for (const auto& line : lines) {
        CHECK(line["headers"]["tb-id"].get<std::string>().starts_with("replay/"));
        CHECK(line["headers"]["tb-gw"] == "line1");
        CHECK(line["timestamp"].is_number_integer());
        CHECK(line["partition_key"].is_string());
        CHECK(line["value"]["gateway"] == "line1");
    }
}

TEST_CASE("replay: the end closes windows and events, or leaves them open when asked") {
    Replay r;
    r.file("in.jsonl", messages(0, 8));
    CHECK(of_topic(r.lines(), "tributary.windows") == 1);
    r.options.flush = false;
    const auto lines = r.lines();
    CHECK(of_topic(lines, "tributary.windows") == 0);
    for (const auto& line : lines) CHECK(line["value"]["state"] != "closed");
}

TEST_CASE("replay: several files of messages run on through one engine") {
    Replay whole, parts;
    whole.file("in.jsonl", messages(0, 25));
    parts.file("1.jsonl", messages(0, 13));
    parts.file("2.jsonl", messages(13, 25));
    CHECK(whole.text() == parts.text());
    CHECK(!whole.text().empty());
    CHECK(whole.text() == whole.text());  // again, the same bytes
}

TEST_CASE("replay: each CSV starts anew; scores have a row for each row") {
    Replay r;
    const std::string csv =
        "timestamp,value\n2023-11-14 22:13:20,1\n2023-11-14 22:13:21,99\n2023-11-14 22:13:22,\n2023-11-14 "
        "22:13:23,98\n";
    r.file("x/one.csv", csv);
    r.file("x/two.csv", csv);
    r.options.scores = r.folder.path + "/scores";
    const auto lines = r.lines();
    CHECK(of_topic(lines, "tributary.windows") == 2);
    std::vector<std::string> keys;
    for (const auto& line : lines)
        if (line["topic"] == "tributary.windows") {
            keys.push_back(line["partition_key"]);
            CHECK(line["value"]["count"] == 3);
        }
    CHECK(keys == std::vector<std::string>{"one/value", "two/value"});
    const auto scores = take(base::read_file(r.folder.path + "/scores/x/one.csv"));
    CHECK(take(base::read_file(r.folder.path + "/scores/x/two.csv")) == scores);
    std::istringstream in(scores);
    std::string line;
    std::getline(in, line);
    CHECK(line == "timestamp,value,anomaly_score,alarm,score");
    std::vector<std::string> rows;
    while (std::getline(in, line)) rows.push_back(line);
    REQUIRE(rows.size() == 4);
    CHECK(rows[0].starts_with("2023-11-14 22:13:20,1,"));
    // Cells behind the first two: below 0.5 where no event opened, an event is open, what the detector said.
    const auto scored = [&](size_t row) {
        double onset = 0, said = 0;
        int alarm = 0;
        const std::string tail = rows[row].substr(rows[row].find(',', rows[row].find(',') + 1));
        REQUIRE(std::sscanf(tail.c_str(), ",%lf,%d,%lf", &onset, &alarm, &said) == 3);
        return std::tuple(onset, alarm, said);
    };
    CHECK(std::get<1>(scored(0)) == 0);
    CHECK(std::get<0>(scored(0)) == std::get<2>(scored(0)));
    CHECK(std::get<1>(scored(1)) == 1);
    CHECK(std::get<0>(scored(1)) >= 0.5);
    CHECK(std::get<0>(scored(1)) == std::get<2>(scored(1)));
    CHECK(rows[2] == "2023-11-14 22:13:22,,0,0,0");
    CHECK(std::get<1>(scored(3)) == 1);  // still
    CHECK(std::get<0>(scored(3)) < 0.5);
    CHECK(std::get<2>(scored(3)) >= 0.5);
    const auto first = r.text();
    CHECK(r.text() == first);
    CHECK(take(base::read_file(r.folder.path + "/scores/x/one.csv")) == scores);
}

TEST_CASE("replay: a cell with a comma or a quote keeps its scores one row of five columns") {
    Replay r;
    r.file("x/one.csv", "timestamp,value\n1700000000,\"a,b\"\n1700000001,\"say \"\"so\"\"\"\n");
    r.options.scores = r.folder.path + "/scores";
    (void)r.text();
    CHECK(take(base::read_file(r.folder.path + "/scores/x/one.csv")) ==
          "timestamp,value,anomaly_score,alarm,score\n1700000000,\"a,b\",0,0,0\n1700000001,\"say \"\"so\"\"\",0,0,0\n");
}

TEST_CASE("replay: CSV times in seconds, milliseconds and ISO 8601 are the same time") {
    Replay r;
    std::string all[3];
    const char* times[3] = {"1700000000", "1700000000000", "2023-11-14T22:13:20Z"};
    for (int i = 0; i < 3; i++) {
        r.options.inputs.clear();
        r.file("one.csv", base::format("time,v,w\n{},5,true\n", times[i]));
        all[i] = r.text();
    }
    CHECK(all[0] == all[1]);
    CHECK(all[0] == all[2]);
    CHECK(all[0].find("1700000000000") != std::string::npos);
}

TEST_CASE("replay: forwarded readings and raw messages are printed too") {
    Replay r(R"(
[gateway]
id = "line1"
[[stream]]
name = "s"
topics = ["s/+"]
format = "scalar"
forward = ["all", "raw"]
)");
    r.file("in.jsonl", "{\"topic\":\"s/a\",\"payload\":\"21.5\",\"arrival\":1700000000000}\n");
    const auto lines = r.lines();
    REQUIRE(lines.size() == 2);
    CHECK(lines[0]["topic"] == "tributary.readings");
    CHECK(lines[1]["topic"] == "tributary.readings");
    CHECK(lines[0]["headers"]["tb-id"] != lines[1]["headers"]["tb-id"]);
    CHECK(lines[0]["timestamp"] == 1700000000000);
}

TEST_CASE("replay: errors name the file and the line") {
    Replay r;
    const auto place = [&](const std::string& name, const std::string& text, const std::string& where) {
        r.options.inputs.clear();
        const auto path = r.file(name, text);
        const auto error = r.error();
        CHECK(error.code == "TRB-REPLAY-001");
        CHECK_MESSAGE(error.message.starts_with(path + where), error.message);
    };
    place("in.jsonl", messages(0, 2) + "no json\n", ":3: ");
    place("in.jsonl", "\n{\"payload\":1}\n", ":2: ");
    place("in.csv", "", ":1: ");
    place("in.csv", "time\n1\n", ":1: ");
    place("in.csv", "time,v\n1700000000,1\nsoon,2\n", ":3: ");
    place("in.csv", "time,v\n1700000000,1,2\n", ":2: ");
    place("in.csv", "time,v\n1700000000,\"1\n", ":2: ");
    for (const char* name : {"/missing.jsonl", "/missing.csv"}) {
        r.options.inputs = {r.folder.path + name};
        const auto error = r.error();
        CHECK(error.code == "TRB-REPLAY-001");
        CHECK(error.message.find(name) != std::string::npos);
    }
    r.options.inputs.clear();
    r.options.scores = r.file("file", "x");
    r.options.inputs.clear();
    r.file("in.csv", "time,v\n1700000000,1\n");
    CHECK(r.error().code == "TRB-REPLAY-002");
}

TEST_CASE("replay: exit codes of the command") {
    Replay r;
    ReplayOptions options;
    options.config_path = r.file("tributary.toml", std::string(kConfig));
    options.inputs = {r.file("in.jsonl", messages(0, 3))};
    options.output = r.folder.path + "/out.jsonl";
    CHECK(replay(options) == 0);
    CHECK(!take(base::read_file(options.output)).empty());
    options.inputs = {r.folder.path + "/missing"};
    CHECK(replay(options) == 1);
    options.output = r.folder.path + "/no/such/folder/out";
    CHECK(replay(options) == 1);
    options.config_path = r.file("broken.toml", "[gateway\n");
    CHECK(replay(options) == 2);
    options.config_path = r.folder.path + "/missing.toml";
    CHECK(replay(options) == 2);
}

}  // namespace tributary::gateway
