// SPDX-License-Identifier: Apache-2.0
// Comparing two configurations over the same inputs, and a gateway's own store as input.
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "base/text.hpp"
#include "config/load.hpp"
#include "gateway/replay.hpp"
#include "gateway/support.hpp"

namespace tributary::gateway {
namespace {

constexpr std::string_view kHead =
    "[gateway]\nid = \"g\"\n[[stream]]\nname = \"s\"\ntopics = \"s/+\"\ntime = \"/ts\"\n[[stream.detect]]\n";

std::string threshold(std::string_view high, std::string_view more = "") {
    return base::format("{}type = \"threshold\"\nhigh = {}\n{}", kHead, high, more);
}

struct Comparison {
    TempFolder folder;
    ReplayOptions options;

    std::string write(const std::string& name, const std::string& content) {
        std::ofstream(folder.path + "/" + name, std::ios::binary) << content;
        return folder.path + "/" + name;
    }
    void values(const std::string& series, std::initializer_list<double> values) {
        int64_t ts = 1'700'000'000'000;
        for (const double value : values)
            lines += base::format("{{\"topic\":\"s/{}\",\"payload\":{{\"ts\":{},\"value\":{}}}}}\n", series, ts += 1000,
                                  base::number_text(value));
    }
    int run(const std::string& fresh, const std::string& running) {
        options.config_path = write("new.toml", fresh);
        options.compare = write("running.toml", running);
        options.output = folder.path + "/out";
        if (!lines.empty()) options.inputs = {write("in.jsonl", lines)};
        const int code = replay(options);
        std::ifstream in(options.output);
        std::stringstream all;
        all << in.rdbuf();
        text = all.str();
        return code;
    }
    std::string lines, text;
};

}  // namespace

TEST_CASE("replay --compare: which alarms come, go, move and stay") {
    Comparison c;
    c.values("a", {10, 95, 95, 10});      // both
    c.values("b", {10, 85, 95, 85, 10});  // the lower limit sees it longer
    c.values("c", {10, 85, 10});          // only the lower limit
    c.values("d", {10, 95});              // open at the end, closed by the end of input
    c.options.json = true;
    REQUIRE(c.run(threshold("80"), threshold("90")) == 0);
    auto json = nlohmann::json::parse(c.text);
    CHECK(json["same"] == 2);
    CHECK(json["moves"] == 1);
    CHECK(json["comes"] == 1);
    CHECK(json["goes"] == 0);
    REQUIRE(json["alarms"].size() == 4);
    const auto& moved = json["alarms"][1];
    CHECK(moved["series"] == "s/b");
    CHECK(moved["what"] == "moves");
    CHECK(moved["new"]["start"] == 1'700'000'002'000);
    CHECK(moved["running"]["start"] == 1'700'000'003'000);
    c.options.json = false;
    REQUIRE(c.run(threshold("90"), threshold("80")) == 0);
    CHECK(c.text.find("0 alarms come, 1 go, 1 move, 2 stay as they are") != std::string::npos);
    CHECK(c.text.find("goes   s/c") != std::string::npos);
}

TEST_CASE("replay --compare: an alarm that another detector sees is the same one; both sides' errors are said") {
    Comparison c;
    c.values("a", {10, 95, 95, 10, 95, 10});
    c.options.json = true;
    REQUIRE(c.run(threshold("90", "name = \"limit\"\n"), threshold("90")) == 0);
    CHECK(nlohmann::json::parse(c.text)["same"] == 2);
    CHECK(c.run(threshold("90"), threshold("\"no number\"")) == 2);
    c.options.inputs = {"-"};
    c.lines.clear();
    CHECK(c.run(threshold("90"), threshold("80")) == 2);
}

TEST_CASE("replay of a store: its messages, not its configuration") {
    Comparison c;
    const std::string path = c.folder.path + "/store.db";
    {
        auto store = open_store(path);
        model::IntakeBlockWriter block;
        const int64_t now = 1'700'000'000 * base::kNsPerSecond;
        block.add(now, model::ConfigRecord{"2", "[gateway]\nid = \"other\"\n"});
        block.add(now, model::ClockRecord{model::ClockState::synced, 0, 0});
        for (const auto* payload : {R"({"ts":1700000000000,"value":10})", R"({"ts":1700000001000,"value":95})",
                                    R"({"ts":1700000002000,"value":10})"})
            block.add(now, message("s/a", payload));
        store::Batch batch;
        batch.appends.push_back({.log = model::Log::intake,
                                 .count = block.count(),
                                 .first_time_ns = block.first_time_ns(),
                                 .last_time_ns = block.last_time_ns(),
                                 .block_class = 0,
                                 .body = block.data()});
        REQUIRE(store->commit(batch).ok());
    }
    c.options.inputs = {path};
    c.options.json = true;
    REQUIRE(c.run(threshold("90"), threshold("99")) == 0);
    CHECK(nlohmann::json::parse(c.text)["comes"] == 1);
    c.options.inputs = {c.folder.path + "/none.db"};
    CHECK(c.run(threshold("90"), threshold("99")) == 1);
}

}  // namespace tributary::gateway
