// SPDX-License-Identifier: Apache-2.0
#include "gateway/status_feed.hpp"

#include <doctest/doctest.h>

using namespace tributary;

TEST_CASE("only the newest word goes out, with key, id and a whole JSON object; after trouble it is said again") {
    gateway::StatusFeed feed(record::Routing("line1", "plant"), "0123456789abcdef");
    kafka::Item item;
    CHECK(!feed.next(item));
    feed.set(R"({"state":"ok")", 1000);
    feed.set(R"({"state":"degraded")", 2000);
    REQUIRE(feed.next(item));
    CHECK(item.seq == 2);
    CHECK(item.last);
    CHECK(item.record->topic == "plant.status");
    CHECK(item.record->key == "line1");
    CHECK(item.record->timestamp_ms == 2000);
    CHECK(item.record->id == "0123456789abcdef/status/2");
    CHECK(item.value == R"({"state":"degraded","id":"0123456789abcdef/status/2"})");
    CHECK(!feed.next(item));
    feed.seek(1);  // a new producer begins at the cursor
    REQUIRE(feed.next(item));
    CHECK(item.seq == 2);
    feed.set(R"({"state":"ok")", 3000);
    REQUIRE(feed.next(item));
    CHECK(item.seq == 3);
}
