// SPDX-License-Identifier: Apache-2.0
#include <set>

#include "base/files.hpp"
#include "downsample/helper.hpp"

using namespace tributary;
using namespace tributary::downsample;

namespace {
std::vector<config::Diagnostic> problems(const char* type,
                                         const std::vector<std::pair<std::string, OptionVariant>>& given) {
    return check(settings(type, given), "stream \"t\"");
}
std::string text(const char* words) { return words; }
}  // namespace

TEST_CASE("registry: names are unique, and no option hides a common one") {
    std::set<std::string_view> names;
    for (const auto& type : registry()) {
        CAPTURE(type.name);
        CHECK(names.insert(type.name).second);
        CHECK(find_type(type.name) == &type);
        std::set<std::string_view> known{"type"};
        for (const auto& option : common_options()) CHECK(known.insert(option.name).second);
        for (const auto& option : type.options) CHECK(known.insert(option.name).second);
    }
    CHECK(find_type("no-such") == nullptr);
}

TEST_CASE("registry: a wrong configuration says what and where") {
    const auto unknown = problems("swinging-dor", {});
    REQUIRE(unknown.size() == 1);
    CHECK(unknown[0].code == "TRB-DOWNSAMPLE-001");
    CHECK(unknown[0].line == 7);
    CHECK(unknown[0].hint == "did you mean \"swinging-door\"?");
    using Given = std::vector<std::pair<std::string, OptionVariant>>;
    const std::vector<std::pair<const char*, Given>> wrong{
        {"deadband", {}},                             // deviation is missing
        {"deadband", {{"deviation", -1.0}}},          //
        {"deadband", {{"deviation", text("1 %%")}}},  // no number
        {"deadband", {{"deviation", text("1%")}}},    // of what?
        {"deadband", {{"deviation", text("1%")}, {"span", std::vector<double>{5, 5}}}},
        {"deadband", {{"deviation", text("1%")}, {"span", std::vector<double>{5}}}},
        {"deadband", {{"deviation", text("1%")}, {"span", 5.0}}},
        {"swinging-door", {{"deviation", 0.0}}},  // a door needs room
        {"swinging-door", {{"deviation", text("0")}}},
        {"swinging-door", {{"deviation", 1.0}, {"k", 3.0}}},  // only with auto
        {"swinging-door", {{"deviation", text("auto")}, {"max_deviation", text("auto")}}},
        {"swinging-door", {{"deviation", text("auto")}, {"max_deviation", text("1%")}}},
        {"swinging-door", {{"deviation", 1.0}, {"max_time", text("1s")}, {"lateness", text("2s")}}},
        {"m4", {}},
        {"m4", {{"window", text("1min")}, {"max_time", text("119s")}}},
        {"lttb", {{"window", text("1min")}, {"points", int64_t{2}}}},
        {"minmaxlttb", {{"window", text("1min")}, {"points", int64_t{20}}, {"max_points", int64_t{20}}}},
        {"sample", {{"every", 5.0}}},
    };
    for (const auto& [type, given] : wrong) {
        CAPTURE(type);
        CAPTURE(given.size());
        const auto found = problems(type, given);
        REQUIRE(!found.empty());
        CHECK(found[0].message.find("stream \"t\"") != std::string::npos);
    }
    const std::vector<std::pair<const char*, Given>> right{
        {"deadband", {{"deviation", 0.0}}},
        {"deadband", {{"deviation", int64_t{1}}, {"previous", true}}},
        {"deadband", {{"deviation", text("0.5")}}},
        {"swinging-door", {{"deviation", text("1%")}, {"span", std::vector<double>{-40, 125}}}},
        {"swinging-door",
         {{"deviation", text("auto")}, {"k", 3.0}, {"max_deviation", text("2%")}, {"span", std::vector<double>{0, 1}}}},
        {"m4", {{"window", text("1min")}, {"max_time", text("2min")}}},
        {"sample", {{"every", text("5s")}}},
    };
    for (const auto& [type, given] : right) CHECK_MESSAGE(problems(type, given).empty(), type);
}

TEST_CASE("registry: common options") {
    CHECK(read_common(options({})).max_time_ns == 3'600'000'000'000);
    CHECK(read_common(options({{"window", text("1min")}})).max_time_ns == 120'000'000'000);
    const auto common = read_common(options({{"lateness", text("5s")}, {"max_time", text("10s")}}));
    CHECK(common.lateness_ns == 5'000'000'000);
    CHECK(common.max_time_ns == 10'000'000'000);
}

TEST_CASE("state: what a series costs") {
    const auto bytes = [](const char* type, const std::vector<std::pair<std::string, OptionVariant>>& given) {
        return find_type(type)->make(options(given), read_common(options(given)))->state_bytes();
    };
    CHECK(bytes("deadband", {{"deviation", 1.0}}) <= 64);
    CHECK(bytes("swinging-door", {{"deviation", 1.0}, {"buffer", false}}) <= 64);
    CHECK(bytes("swinging-door", {{"deviation", 1.0}}) <= 1024);
    CHECK(bytes("m4", {{"window", text("1s")}}) <= 128);
}

TEST_CASE("docs/downsampling.md carries the table of the registry") {
    const auto page = base::read_file(TRIBUTARY_SOURCE_DIR "/docs/downsampling.md");
    REQUIRE(page.ok());
    CHECK_MESSAGE(page->find("\n" + markdown_table() + "\n") != std::string::npos, "put this in: \n", markdown_table());
}
