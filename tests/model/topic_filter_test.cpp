// SPDX-License-Identifier: Apache-2.0
#include "model/topic_filter.hpp"

#include <doctest/doctest.h>

using namespace tributary::model;

TEST_CASE("matching follows MQTT 5.0, section 4.7") {
    struct Case {
        const char *filter, *topic;
        bool matches;
    };
    for (const auto& c : {Case{"sport/tennis/player1/#", "sport/tennis/player1", true},
                          {"sport/tennis/player1/#", "sport/tennis/player1/ranking", true},
                          {"sport/#", "sport", true},
                          {"#", "a/b", true},
                          {"sport/+", "sport", false},
                          {"sport/+", "sport/", true},
                          {"+/+", "/finance", true},
                          {"/+", "/finance", true},
                          {"+", "/finance", false},
                          {"#", "$SYS/x", false},
                          {"+/monitor", "$SYS/monitor", false},
                          {"$SYS/#", "$SYS/x", true},
                          {"a/b", "a/b", true},
                          {"a/b", "a/b/c", false},
                          {"a/+/c", "a/b/c", true},
                          {"a/+/c", "a/b/d", false},
                          {"$share/g/a/+", "a/b", true},
                          {"a/#", "ab", false}}) {
        CAPTURE(c.filter);
        CAPTURE(c.topic);
        CHECK(topic_matches(c.filter, c.topic) == c.matches);
    }
}

TEST_CASE("validity, cover and the maximal set") {
    for (const char* good : {"a", "+", "#", "a/+/b", "/", "$share/g/a/#"}) CHECK(valid_topic_filter(good));
    for (const char* bad : {"", "a#", "#/a", "a/b+", "$share/g", "$share//a", "$share/+/a"})
        CHECK(!valid_topic_filter(bad));
    CHECK(filter_covers("a/#", "a/b"));
    CHECK(filter_covers("a/#", "a"));
    CHECK(filter_covers("a/+", "a/b"));
    CHECK(!filter_covers("a/+", "a/#"));
    CHECK(filter_covers("a/+/#", "a/b/+"));
    CHECK(!filter_covers("#", "$SYS/a"));
    CHECK(!filter_covers("$share/g/#", "a"));
    CHECK(maximal_filters({"a/b", "a/+", "c", "a/#", "c"}) == std::vector<std::string>{"c", "a/#"});
}

TEST_CASE("templates take topic levels, and keep what is not a level number") {
    CHECK(expand_topic_template("{2}/{3}/t", "f/l1/m2/temp") == "l1/m2/t");
    CHECK(expand_topic_template("x{9}y", "a/b") == "xy");
    CHECK(expand_topic_template("{a}{", "t") == "{a}{");
    CHECK(expand_topic_template("{0}", "t") == "{0}");
}
