// SPDX-License-Identifier: Apache-2.0
#include "mqtt/dup_filter.hpp"

#include <doctest/doctest.h>

using tributary::model::Message;
using tributary::mqtt::DupFilter;

namespace {

Message fresh(uint16_t id, const char* payload, uint32_t session = 1) {
    return {"t", payload, id, 1, false, false, session};
}
Message again(uint16_t id, const char* payload, uint32_t session = 1) {
    return {"t", payload, id, 1, false, true, session};
}

}  // namespace

TEST_CASE("what is not acknowledged and comes again is filtered, once") {
    DupFilter filter;
    filter.kept(fresh(7, "a"));
    CHECK(!filter.is_duplicate(fresh(7, "a"), 2));     // DUP=0 is never filtered
    CHECK(!filter.is_duplicate(again(7, "b"), 2));     // another payload
    CHECK(!filter.is_duplicate(again(8, "a"), 2));     // another id
    CHECK(!filter.is_duplicate(again(7, "a", 2), 2));  // another session
    CHECK(filter.is_duplicate(again(7, "a"), 2));
    CHECK(!filter.is_duplicate(again(7, "a"), 2));  // each entry once a connection
    CHECK(filter.is_duplicate(again(7, "a"), 3));   // the link was cut again before the PUBACK left
    Message other_topic = again(7, "a");
    filter.kept(fresh(7, "a"));
    other_topic.topic = "u";
    CHECK(!filter.is_duplicate(other_topic, 2));
}

TEST_CASE("only the last message with an id counts") {
    DupFilter filter;
    filter.kept(fresh(7, "a"));
    filter.kept(fresh(7, "b"));
    CHECK(!filter.is_duplicate(again(7, "a"), 2));
    CHECK(filter.is_duplicate(again(7, "b"), 2));
}

TEST_CASE("a broker that takes the lowest free id may redeliver a new message that equals an acknowledged one: kept") {
    DupFilter filter;
    // A sensor that says the same once a second: every message comes as id 1.
    for (int i = 0; i < 100; i++) {
        filter.kept(fresh(1, "on"));
        filter.acknowledged(1);
    }
    CHECK(!filter.is_duplicate(again(1, "on"), 2));
    filter.kept(fresh(1, "on"));  // not acknowledged yet: the id cannot be in use for anything else
    CHECK(filter.is_duplicate(again(1, "on"), 2));
}

TEST_CASE("a broker that goes round the ids: an acknowledged message whose PUBACK got lost is filtered") {
    DupFilter filter;
    for (uint16_t id = 1; id <= 100; id++) {
        filter.kept(fresh(id, "same"));
        filter.acknowledged(id);
    }
    CHECK(filter.is_duplicate(again(100, "same"), 2));
    // A new session starts the evidence anew.
    filter.kept(fresh(5, "same", 2));
    filter.acknowledged(5);
    CHECK(!filter.is_duplicate(again(5, "same", 2), 2));
}

TEST_CASE("mosquitto overruns the window by thousands when a link flaps: the entries are still there") {
    DupFilter filter;
    filter.kept(fresh(30000, "old"));
    filter.kept(fresh(30001, "old"));
    filter.acknowledged(30001);
    for (uint16_t id = 1; id <= 20'000; id++) filter.kept(fresh(id, "x"));
    CHECK(filter.is_duplicate(again(30000, "old"), 2));
    CHECK(filter.is_duplicate(again(30001, "old"), 2));
    // Ids that share a slot are not taken for each other.
    filter.kept(fresh(100, "same"));
    CHECK(!filter.is_duplicate(again(100 + 32768, "same"), 2));
}
