// SPDX-License-Identifier: Apache-2.0
#include "gateway/classes.hpp"

#include <doctest/doctest.h>

#include <random>

#include "base/log.hpp"
#include "gateway/quotas.hpp"
#include "model/topic_filter.hpp"

namespace tributary::gateway {
namespace {

using model::Priority;

config::StreamSettings stream(std::string name, std::vector<std::string> topics, Priority priority,
                              std::string series = "", int percent = 0) {
    config::StreamSettings s;
    s.name = std::move(name), s.topics = std::move(topics), s.priority = priority, s.series = std::move(series);
    s.quota.percent = percent;
    return s;
}

config::Settings settings(std::vector<config::StreamSettings> streams) {
    config::Settings out;
    out.streams = std::move(streams);
    return out;
}

}  // namespace

TEST_CASE("classes: a message has the highest priority of its streams") {
    Classes classes(settings({stream("all", {"p/#"}, Priority::low), stream("alarm", {"p/+/alarm"}, Priority::high),
                              stream("rest", {"q/#"}, Priority::normal)}));
    CHECK(!classes.plain());
    for (int twice = 0; twice < 2; twice++) {
        CHECK(classes.of("p/1/alarm").priority == Priority::high);
        CHECK(classes.of("p/1/temperature").priority == Priority::low);
        CHECK(classes.of("q/1").priority == Priority::normal);
        CHECK(classes.of("nobody").priority == Priority::normal);
    }
    CHECK(Classes(settings({stream("a", {"#"}, Priority::normal)})).plain());
    CHECK(!Classes(settings({stream("a", {"#"}, Priority::normal, "", 10)})).plain());
}

TEST_CASE("classes: topics that make one series are in one class") {
    // Both topics of the stream "all" are the series "x".
    Classes classes(
        settings({stream("all", {"p/#"}, Priority::low, "x"), stream("far", {"p/#", "z"}, Priority::low, "y"),
                  stream("alarm", {"p/+/alarm"}, Priority::high)}));
    CHECK(classes.of("p/1/alarm").priority == Priority::high);
    CHECK(classes.of("p/1/temperature").priority == Priority::high);
    CHECK(classes.of("z").priority == Priority::high);  // of the series "y", too
    // Raised from one to the next.
    Classes chain(settings({stream("a", {"a/#", "b/1"}, Priority::low, "x"), stream("b", {"b/#"}, Priority::low, "y"),
                            stream("c", {"a/1"}, Priority::high)}));
    CHECK(chain.of("b/2").priority == Priority::high);
    CHECK(series_of_one_topic(stream("s", {"a/+/+/t"}, Priority::low, "{2}/{3}")));
    CHECK(series_of_one_topic(stream("s", {"a/+/+/t"}, Priority::low, "m-{3}/x/{2}/{1}")));
    CHECK(series_of_one_topic(stream("s", {"a/1"}, Priority::low, "x")));
    CHECK(series_of_one_topic(stream("s", {"a/#", "b/#"}, Priority::low)));
    CHECK(!series_of_one_topic(stream("s", {"a/+/+/t"}, Priority::low, "{2}")));
    CHECK(!series_of_one_topic(stream("s", {"a/+/+/t"}, Priority::low, "{2}{3}")));  // 1 and 11, 11 and 1
    CHECK(!series_of_one_topic(stream("s", {"a/#"}, Priority::low, "{1}/{2}")));
    CHECK(!series_of_one_topic(stream("s", {"a/+", "b/+"}, Priority::low, "{2}")));
}

TEST_CASE("classes: filters overlap when some topic matches both") {
    const auto both = [](std::string_view a, std::string_view b) {
        CHECK(filters_overlap(a, b) == filters_overlap(b, a));
        return filters_overlap(a, b);
    };
    CHECK((both("a/b", "a/b") && both("a/+", "a/b") && both("a/#", "a/b/c") && both("a/#", "a") && both("#", "x")));
    CHECK((both("+/b", "a/+") && both("a/+/c", "a/b/#") && both("$share/g/a/+", "a/b")));
    CHECK(!(both("a/b", "a/c") || both("a/+", "a") || both("a/b/#", "a/c/#") || both("a/+", "a/b/c")));
    std::mt19937 random(7);
    const auto filter = [&](bool topic) {
        std::string out;
        const auto levels = 1 + random() % 3;
        for (size_t i = 0; i < levels; i++) {
            const auto kind = topic ? 4 : random() % 8;
            if (kind == 0 && i + 1 == levels)
                out += "#";
            else
                out += kind == 1 ? "+" : std::string(1, static_cast<char>('a' + random() % 2));
            if (i + 1 < levels) out += "/";
        }
        return out;
    };
    int overlaps = 0;
    for (int i = 0; i < 2'000; i++) {
        const auto a = filter(false), b = filter(false);
        bool witness = false;
        for (int t = 0; t < 200 && !witness; t++) {
            const auto topic = filter(true);
            witness = model::topic_matches(a, topic) && model::topic_matches(b, topic);
        }
        CAPTURE(a);
        CAPTURE(b);
        if (witness) CHECK(filters_overlap(a, b));
        if (!filters_overlap(a, b)) CHECK(!witness);
        overlaps += filters_overlap(a, b) ? 1 : 0;
    }
    CHECK((overlaps > 200 && overlaps < 1'800));
}

TEST_CASE("classes: over quota is the lowest, but not for topics another stream needs") {
    const auto s = settings({stream("mad", {"m/#"}, Priority::high, "", 10), stream("low", {"l/#"}, Priority::low),
                             stream("alarm", {"m/alarm"}, Priority::normal)});
    Classes classes(s, {"mad"});
    CHECK(classes.of("m/1").priority == Priority::over_quota);
    CHECK(classes.of("m/1").counted == std::vector<uint32_t>{0});
    CHECK(classes.of("m/alarm").priority == Priority::normal);
    CHECK(classes.of("l/1").priority == Priority::low);
    CHECK(classes.of("l/1").counted.empty());
    CHECK(model::rank(Priority::over_quota) < model::rank(Priority::low));
    // What stands in the file is not the order.
    CHECK(model::block_class(Priority::normal, 0) == 0);
    CHECK(model::block_class(Priority::low, 2) == 0x12);
    for (const auto priority : model::kPrioritiesByRank)
        for (uint8_t grade = 0; grade < 4; grade++) {
            CHECK(model::priority_of(model::block_class(priority, grade)) == priority);
            CHECK(model::grade_of(model::block_class(priority, grade)) == grade);
        }
}

TEST_CASE("classes: more topics than are remembered") {
    Classes classes(settings({stream("low", {"l/#"}, Priority::low), stream("high", {"h/#"}, Priority::high)}));
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < 20'000; i++) {
            CHECK(classes.of("l/" + std::to_string(i)).priority == Priority::low);
            if (i % 100 == 0) CHECK(classes.of("h/" + std::to_string(i)).priority == Priority::high);
        }
}

TEST_CASE("quotas: over beyond it, within again at three quarters, whoever takes it away") {
    Quotas quotas;
    quotas.configure(settings({stream("a", {"a"}, Priority::normal, "", 10), stream("b", {"b"}, Priority::low)}));
    const auto over = [&] { return quotas.over() == std::vector<std::string>{"a"}; };
    CHECK(!quotas.judge(1'000'000));  // 100,000
    quotas.appended("a", Priority::normal, 1, 101, 60'000);
    quotas.appended("b", Priority::low, 1, 101, 900'000);
    CHECK((!quotas.judge(1'000'000) && !over()));
    quotas.appended("a", Priority::normal, 101, 201, 60'000);
    CHECK((quotas.judge(1'000'000) && over()));
    quotas.appended("a", Priority::over_quota, 201, 301, 500'000);  // not counted
    CHECK(quotas.status()[0].bytes == 120'000);
    quotas.delivered(51);  // half of the first part
    CHECK(quotas.status()[0].bytes == 90'000);
    CHECK((!quotas.judge(1'000'000) && over()));
    quotas.removed(Priority::low, 1, 300);  // not its class
    CHECK(quotas.status()[0].bytes == 90'000);
    quotas.removed(Priority::normal, 1, 101);
    CHECK(quotas.status()[0].bytes == 60'000);
    CHECK((quotas.judge(1'000'000) && !over()));
    CHECK((quotas.judge(500'000) && over()));  // the room became less
    quotas.delivered(1'000);
    CHECK(quotas.status()[0].bytes == 0);
    CHECK((quotas.judge(500'000) && !over()));
}

TEST_CASE("quotas: kept over a restart and a new configuration") {
    const auto one =
        settings({stream("a", {"a"}, Priority::normal, "", 10), stream("b", {"b"}, Priority::low, "", 50)});
    std::string text;
    {
        Quotas quotas;
        quotas.configure(one);
        quotas.judge(1'000'000);
        for (uint64_t i = 0; i < 50; i++) quotas.appended("a", Priority::high, 1 + i * 10, 11 + i * 10, 4'000);
        CHECK(quotas.judge(1'000'000));
        CHECK(quotas.changed());
        text = quotas.text();
        CHECK(!quotas.changed());
        quotas.appended("a", Priority::high, 501, 511, 4'000);
        CHECK(!quotas.changed());
        quotas.appended("a", Priority::high, 511, 521, 4'000);
        CHECK(quotas.changed());
    }
    CHECK(text == "1;a,1,2:1:501:200000;b,0");
    Quotas again;
    again.restore(text);
    again.configure(one);
    CHECK(again.over() == std::vector<std::string>{"a"});
    again.judge(1'000'000);
    CHECK(again.over() == std::vector<std::string>{"a"});
    CHECK(again.text() == text);
    again.configure(settings({stream("a", {"a"}, Priority::normal, "", 40)}));
    again.judge(1'000'000);
    CHECK(again.over().empty());
    CHECK(again.status().at(0).bytes == 200'000);
    again.delivered(251);
    CHECK(again.status().at(0).bytes == 100'000);
    // Whatever stands there.
    for (const auto* bad : {"", "2;a,1", "1;", "1;a", "1;a,1,9:1:2:3", "1;a,1,2:9:2:3,:::,1:1:1:1"}) {
        Quotas other;
        other.restore(bad);
        other.configure(one);
        CHECK(other.status().size() == 2);
        CHECK(other.status()[0].bytes == 0);
    }
    std::mt19937 random(3);
    for (int i = 0; i < 2'000; i++) {
        auto broken = text;
        broken[random() % broken.size()] = static_cast<char>(random() % 96 + 32);
        Quotas other;
        other.restore(broken);
        other.configure(one);
        other.delivered(UINT64_MAX);
        other.judge(1'000'000);
    }
}

}  // namespace tributary::gateway
