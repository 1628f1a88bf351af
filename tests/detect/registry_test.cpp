// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <set>

#include "base/files.hpp"
#include "detect/helper.hpp"

using namespace tributary;
using namespace tributary::detect;

namespace {
std::vector<config::Diagnostic> problems(const char* type, const model::OptionMap& given) {
    return check({type, type, given, {"test.toml", 7, 1}}, "stream \"t\"");
}
}  // namespace

TEST_CASE("registry: names are unique, and no option hides a common one") {
    std::set<std::string_view> names;
    for (const auto& type : registry()) {
        CAPTURE(type.name);
        CHECK(names.insert(type.name).second);
        CHECK(find_type(type.name) == &type);
        std::set<std::string_view> options{"type", "name"};
        for (const auto& option : common_options()) CHECK(options.insert(option.name).second);
        for (const auto& option : type.options) CHECK(options.insert(option.name).second);
    }
    CHECK(find_type("no-such") == nullptr);
}

TEST_CASE("registry: a wrong configuration says what and where") {
    const auto unknown = problems("thresold", {});
    REQUIRE(unknown.size() == 1);
    CHECK(unknown[0].code == "TRB-DETECT-001");
    CHECK(unknown[0].line == 7);
    CHECK(unknown[0].hint == "did you mean \"threshold\"?");
    CHECK(unknown[0].message.find("stream \"t\"") != std::string::npos);
    CHECK(problems("xyzzy", {})[0].hint.starts_with("known: \"threshold\", "));
    const auto slip = problems("threshold", options({{"hihg", 3.0}}));
    REQUIRE(slip.size() == 1);
    CHECK(slip[0].hint.find("high") != std::string::npos);
    for (const auto& bad : {options({}), options({{"high", 1.0}, {"low", 1.0}}),
                            options({{"high", 1.0}, {"low", 0.0}, {"hysteresis", 1.0}})}) {
        const auto found = problems("threshold", bad);
        REQUIRE(found.size() == 1);
        CHECK(found[0].code == "TRB-DETECT-002");
    }
    CHECK(problems("ewma", options({{"limit", 1.0}})).size() == 1);
    CHECK(problems("ewma", options({{"span", int64_t{1}}})).size() == 1);
    CHECK(problems("threshold", options({{"high", 1.0}, {"severity", std::string("bad")}})).size() == 1);
    CHECK(problems("ewma", options({{"hold_off", std::string("5 parsecs")}})).size() == 1);
}

TEST_CASE("registry: common options") {
    const auto common =
        read_common(options({{"severity", std::string("critical")}, {"hold_off", std::string("5min")}}));
    CHECK(common.severity == model::Severity::critical);
    CHECK(common.hold_off_ns == 300'000'000'000);
    CHECK(read_common({}).severity == model::Severity::warning);
}

TEST_CASE("docs/detectors.md carries the table of the registry") {
    const auto text = base::read_file(TRIBUTARY_SOURCE_DIR "/docs/detectors.md");
    REQUIRE(text.ok());
    CHECK_MESSAGE(text->find("\n" + markdown_table() + "\n") != std::string::npos, "put this in: \n", markdown_table());
}
