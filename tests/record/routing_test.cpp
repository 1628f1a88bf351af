// SPDX-License-Identifier: Apache-2.0
#include "record/routing.hpp"

#include <doctest/doctest.h>

#include "config/load.hpp"
#include "record/token.hpp"

using namespace tributary;
using namespace tributary::record;

namespace {

config::Settings settings_of(const std::string& kafka) {
    auto loaded =
        config::load_text("[gateway]\nid = \"line1\"\n[kafka]\nbrokers = \"k:9092\"\nprefix = \"plant\"\n" + kafka +
                              R"(
[[stream]]
name = "temperature"
topics = "f/+/temperature"
labels = { site = "ulm" }
window = { size = "10s" }
[[stream]]
name = "pressure"
topics = "f/+/pressure"
labels = { site = "graz" }
forward = "all"
)",
                          "t.toml");
    for (const auto& found : loaded.diagnostics) INFO(found.message);
    REQUIRE(loaded.ok());
    return std::move(*loaded.settings);
}

model::Window window() {
    model::Window w;
    w.origin = {"f/1/temperature", "temperature", "C", {{"site", "ulm"}}};
    w.window = "10s";
    w.end_ns = 1'700'000'010'000'000'000;
    return w;
}

KafkaRecord addressed(const config::Settings& settings, const model::Output& output) {
    const Routing routing(settings);
    KafkaRecord record;
    project(routing.source("run"), output, 7, record);
    routing.address(output, record);
    return record;
}

std::string header(const KafkaRecord& record, std::string_view name) {
    for (const auto& [key, value] : record.headers)
        if (key == name) return value;
    return "(none)";
}

}  // namespace

TEST_CASE("without templates nothing is changed") {
    const auto settings = settings_of("");
    const auto record = addressed(settings, window());
    CHECK(record.topic == "plant.windows");
    CHECK(record.key == "f/1/temperature");
    CHECK(record.headers.empty());
    CHECK(Routing::topics(settings, model::Log::intake) == std::vector<std::string>{"plant.readings"});
    CHECK(Routing::topics(settings, model::Log::dead) == std::vector<std::string>{"plant.dead"});
}

TEST_CASE("topic, key and headers by template") {
    const auto settings = settings_of(R"(topic = "{label.site}.{stream}.{kind}"
key = "{gateway}/{series}"
headers = { site = "{label.site}", line = "{gateway}", none = "{label.nothing}" })");
    const auto record = addressed(settings, window());
    CHECK(record.topic == "ulm.temperature.windows");
    CHECK(record.key == "line1/f/1/temperature");
    CHECK(header(record, "site") == "ulm");
    CHECK(header(record, "line") == "line1");
    CHECK(header(record, "none") == "(none)");  // empty: left out
    CHECK(Routing::topics(settings, model::Log::windows) == std::vector<std::string>{"ulm.temperature.windows"});
    CHECK(Routing::topics(settings, model::Log::intake) == std::vector<std::string>{"graz.pressure.readings"});
    // What is not of a stream goes where it always does.
    model::Gap gap;
    CHECK(addressed(settings, gap).topic == "plant.gaps");
    CHECK(addressed(settings, gap).headers.empty());
}

TEST_CASE("a reading, and headers in what replay prints") {
    const auto settings = settings_of("key = \"{stream}\"\nheaders = { site = \"{label.site}\" }");
    const Routing routing(settings);
    KafkaRecord record;
    model::Reading reading;
    project(routing.source("run"), "f/1/pressure", reading, "", settings.streams[1].labels, 3, 0, false, record);
    routing.address(settings.streams[1], "f/1/pressure", record);
    CHECK(record.key == "pressure");
    CHECK(to_json_line(routing.source("run"), record).find(R"("site":"graz"})") != std::string::npos);
}

TEST_CASE("CloudEvents in binary mode") {
    const auto settings = settings_of("cloudevents = true");
    const auto record = addressed(settings, window());
    CHECK(header(record, "ce_specversion") == "1.0");
    CHECK(header(record, "ce_type") == "io.tributary.windows");
    CHECK(header(record, "ce_source") == "/tributary/line1");
    CHECK(header(record, "ce_id") == record.id);
    CHECK(header(record, "ce_time") == "2023-11-14T22:13:29.999Z");
    CHECK(header(record, "ce_subject") == "f/1/temperature");
    CHECK(header(record, "content-type") == "application/json");
    const Routing routing(settings);
    KafkaRecord raw;
    project_raw(routing.source("run"), {}, 1, 0, model::ClockState::synced, false, raw);
    routing.address(settings.streams[0], "f/1/temperature", raw);
    CHECK(header(raw, "content-type") == "(none)");  // the sensor's bytes: nobody knows
}

TEST_CASE("over a metered link readings stay on the box, in the text that is recorded, too") {
    const auto settings = settings_of("link = \"metered\"");
    for (const auto& stream : settings.streams) {
        CHECK_FALSE(stream.forwards(config::kForwardAll));
        CHECK(stream.text.find("\"all\"") == std::string::npos);
    }
    CHECK(settings.streams[0].forwards(config::kForwardWindows));
}

TEST_CASE("the answer of a token endpoint") {
    CHECK(parse_token_answer(R"({"access_token":"abc","expires_in":90})")->token == "abc");
    CHECK(parse_token_answer(R"({"access_token":"abc","expires_in":90})")->lifetime_s == 90);
    CHECK(parse_token_answer(R"({"access_token":"abc","expires_in":"90"})")->lifetime_s == 90);
    CHECK(parse_token_answer(R"({"access_token":"abc"})")->lifetime_s == 3600);
    const auto refused = parse_token_answer(R"({"error":"invalid_client","error_description":"no such client"})");
    REQUIRE_FALSE(refused.ok());
    CHECK(refused.error().message.find("invalid_client, no such client") != std::string::npos);
    for (const auto* bad : {"", "[]", "<html>", R"({"access_token":7})", R"({"access_token":"abc","expires_in":0})"})
        CHECK_FALSE(parse_token_answer(bad).ok());
}
