// SPDX-License-Identifier: Apache-2.0
#include "base/zone.hpp"

#include <doctest/doctest.h>

#include "base/clock.hpp"
#include "base/text.hpp"

using namespace tributary::base;

namespace {

int64_t utc(const char* text) { return *parse_time_ns(text); }
constexpr int64_t kHour = 3600 * kNsPerSecond;

}  // namespace

TEST_CASE("a zone knows its offset on both sides of a change") {
    const auto berlin = Zone::find("Europe/Berlin");
    REQUIRE(berlin.ok());
    const auto winter = berlin->at(utc("2026-03-29T00:59:59.999Z"));
    const auto summer = berlin->at(utc("2026-03-29T01:00:00Z"));
    CHECK(winter.offset_ns == kHour);
    CHECK(summer.offset_ns == 2 * kHour);
    CHECK(winter.end_ns == summer.begin_ns);
    CHECK(summer.end_ns == utc("2026-10-25T01:00:00Z"));
    CHECK(Zone::find("UTC")->at(0).offset_ns == 0);
    CHECK(Zone::find("Asia/Kolkata")->at(utc("2026-01-01T00:00:00Z")).offset_ns == kHour * 11 / 2);
}

TEST_CASE("a local time names one instant, two in autumn, none in spring") {
    const auto berlin = *Zone::find("Europe/Berlin");
    const auto once = berlin.instants(utc("2026-07-01T12:00:00Z"));
    CHECK(once.kind == Zone::Kind::once);
    CHECK(once.earlier_ns == utc("2026-07-01T10:00:00Z"));
    const auto twice = berlin.instants(utc("2026-10-25T02:30:00.5Z"));
    CHECK(twice.kind == Zone::Kind::twice);
    CHECK(twice.earlier_ns == utc("2026-10-25T00:30:00.5Z"));
    CHECK(twice.later_ns == utc("2026-10-25T01:30:00.5Z"));
    const auto never = berlin.instants(utc("2026-03-29T02:30:00Z"));
    CHECK(never.kind == Zone::Kind::never);
    CHECK(never.transition_ns == utc("2026-03-29T01:00:00Z"));
    CHECK(never.earlier_ns == utc("2026-03-29T00:30:00Z"));
    CHECK(never.later_ns == utc("2026-03-29T01:30:00Z"));
}

TEST_CASE("an unknown zone is named with the one that was meant") {
    const auto bad = Zone::find("Europe/Berln");
    REQUIRE(!bad);
    CHECK(bad.error().code == "TRB-BASE-003");
    CHECK(bad.error().message.find("\"Europe/Berlin\"") != std::string::npos);
    CHECK(!Zone::find(""));
    CHECK(!Zone::find("../../etc/passwd"));
}

TEST_CASE("the version of the time zone data is said") { CHECK(!tzdata_version().empty()); }
