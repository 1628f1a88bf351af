// SPDX-License-Identifier: Apache-2.0
// Groups of series: who is in which, whatever the messages are like; their events; bounds, restarts, clocks.
#include <doctest/doctest.h>

#include <map>

#include "base/math.hpp"
#include "engine/helper.hpp"

using namespace tributary;
using namespace tributary::engine_test;

namespace {

constexpr int64_t kSecond = base::kNsPerSecond;
constexpr int64_t kStart = 1'767'225'600 * kSecond;

std::string config_of(const std::string& stream, const std::string& group) {
    return "[gateway]\nid = \"g\"\n[[stream]]\nname = \"s\"\ntopics = \"plant/#\"\nforward = \"events\"\ntime = "
           "\"/ts\"\n" +
           stream +
           "[[stream.detect]]\ntype = \"threshold\"\nhigh = 1e6\n[[stream.detect]]\ntype = \"group\"\nseverity = "
           "\"critical\"\n" +
           group + "[[stream.detect]]\ntype = \"threshold\"\nname = \"low\"\nlow = -1e6\n";
}

struct Run {
    explicit Run(const std::string& toml) {
        Inputs in;
        in.config(toml, now_ns);
        take(in.records);
    }
    void message(const std::string& topic, const std::string& payload) {
        Inputs in;
        in.message(topic, payload, now_ns);
        take(in.records);
    }
    void value(const std::string& topic, double value) {
        message(topic, base::format(R"({{"ts":{},"value":{}}})", now_ns / base::kNsPerMs, base::number_text(value)));
    }
    void take(std::vector<model::IntakeRecord>& records) {
        for (auto& record : records) {
            record.seq = ++seq;
            engine->process(record, sink, ledger);
        }
    }
    void restart() {
        const std::string state = engine->checkpoint();
        engine = engine::make_engine();
        REQUIRE(engine->restore(state).ok());
        REQUIRE(engine->checkpoint() == state);
    }
    std::vector<model::Event> events() {
        std::vector<model::Event> out;
        for (const auto& output : sink.outputs)
            if (const auto* event = std::get_if<model::Event>(&output);
                event && event->state != model::EventState::update)
                out.push_back(*event);
        sink.outputs.clear();
        return out;
    }

    int64_t now_ns = kStart;
    uint64_t seq = 0;
    std::unique_ptr<engine::Engine> engine = engine::make_engine();
    Collector sink;
    model::Ledger ledger;
};

// Rows of three figures of one pump; from row `wrong` to `right` all are two deviations off.
template <class Each>
void rows(Run& run, int count, int wrong, int right, Each each) {
    base::math::Random random(7);
    for (int i = 0; i < count; i++) {
        run.now_ns += kSecond;
        double values[3];
        for (double& value : values) value = 50 + random.normal() + (i >= wrong && i < right ? 2 : 0);
        each(values);
    }
}

const auto in_one = [](Run& run) {
    return [&run](const double(&v)[3]) {
        run.message("plant/line1/pump7",
                    base::format(R"({{"ts":{},"p":{},"t":{},"f":{}}})", run.now_ns / base::kNsPerMs,
                                 base::number_text(v[0]), base::number_text(v[1]), base::number_text(v[2])));
    };
};
const auto in_three = [](Run& run) {
    return [&run](const double(&v)[3]) {
        for (size_t i = 0; i < 3; i++) run.value(base::format("plant/line1/pump7/{}", "ptf"[i]), v[i]);
    };
};
const char* kValues = "values = { p = \"/p\", t = \"/t\", f = \"/f\" }\n";

}  // namespace

TEST_CASE("groups: one event for the machine, by its name, whether its figures come in one message or in three") {
    struct Case {
        std::string stream, group, name;
        bool one;
    };
    const Case cases[] = {
        {kValues, "", "plant/line1/pump7", true},
        {"", "", "plant/line1/pump7", false},
        {kValues, "group = \"{3}\"\n", "pump7", true},
        {"", "group = \"{2}/{3}\"\n", "line1/pump7", false},
        {"series = \"{4}\"\n", "", "s", false},  // no level to leave out: the stream
        {"series = \"{4}\"\n", "group = \"{9}\"\n", "s", false},
    };
    for (const auto& [stream, group, name, one] : cases) {
        CAPTURE(name);
        Run run(config_of(stream, group));
        one ? rows(run, 800, 600, 650, in_one(run)) : rows(run, 800, 600, 650, in_three(run));
        const auto events = run.events();
        REQUIRE(events.size() == 2);
        CHECK(events[0].state == model::EventState::open);
        CHECK(events[1].state == model::EventState::closed);
        for (const auto& event : events) {
            CHECK(event.origin.series == name);
            CHECK(event.detector == "group");
            CHECK(event.kind == "group");
            CHECK(event.severity == model::Severity::critical);
            CHECK(event.score >= 0.5);
            CHECK(event.value >= 1.25);
            CHECK_FALSE(event.expected);
            CHECK(event.start_ns >= kStart + 601 * kSecond);
            CHECK(event.start_ns <= kStart + 625 * kSecond);
            CHECK(event.event_id == events[0].event_id);
        }
        CHECK(*events[1].end_ns <= kStart + 690 * kSecond);
        CHECK(run.engine->stats().open_events == 0);
    }
}

TEST_CASE("groups: a restart at any record changes nothing") {
    Run straight(config_of("", "")), restarted(config_of("", ""));
    rows(straight, 700, 600, 650, in_three(straight));
    int n = 0;
    rows(restarted, 700, 600, 650, [&](const double(&v)[3]) {
        for (size_t i = 0; i < 3; i++) {
            restarted.value(base::format("plant/line1/pump7/{}", "ptf"[i]), v[i]);
            if (n++ % 17 == 0 || (n > 1790 && n < 1900)) restarted.restart();
        }
    });
    CHECK(straight.events() == restarted.events());
    CHECK(straight.engine->checkpoint() == restarted.engine->checkpoint());
}

TEST_CASE("groups: a gap of days and stamps that repeat or come late are no alarm") {
    Run run(config_of("", ""));
    base::math::Random random(3);
    for (int i = 0; i < 1500; i++) {
        if (i == 700) run.now_ns += 5 * 86'400 * kSecond;
        if (i == 800) run.restart();
        run.now_ns += kSecond;
        for (const char figure : {'p', 't', 'f'}) {
            const std::string topic = std::string("plant/line1/pump7/") + figure;
            run.value(topic, 50 + random.normal());
            if (i % 50 == 0) run.value(topic, 50 + random.normal());
            if (i % 70 != 0) continue;
            run.now_ns -= 20 * kSecond;
            run.value(topic, 50 + random.normal());
            run.now_ns += 20 * kSecond;
        }
    }
    CHECK(run.events().empty());
}

TEST_CASE("groups: members are bounded and counted, and a place that was given back is taken") {
    Run run(config_of("max_series = 4\nforget = \"10min\"\n", "members = 2\nwarmup = 40\n"));
    base::math::Random random(5);
    const auto round = [&](std::initializer_list<const char*> topics, double shift = 0) {
        run.now_ns += kSecond;
        for (const char* topic : topics) run.value(std::string("plant/") + topic, 50 + shift + random.normal());
    };
    for (int i = 0; i < 100; i++) round({"a/1", "a/2", "a/3", "b/1"});
    CHECK(run.engine->stats().members_refused == 100);
    for (int i = 0; i < 20; i++) round({"a/1", "b/1"}, 5);
    CHECK(run.engine->stats().open_events > 0);
    // b/1 comes alone until a's are forgotten, which closes what is open of them; four new ones take their places.
    for (int i = 0; i < 700; i++) round({"b/1"});
    run.events();
    round({"c/1", "c/2", "c/3", "b/1"});
    bool closed = false;
    for (const auto& event : run.events())
        closed |= event.origin.series == "plant/a" && event.state == model::EventState::closed;
    CHECK(closed);
    CHECK(run.engine->stats().series_forgotten == 3);
    CHECK(run.engine->stats().members_refused == 101);
    run.restart();
    for (int i = 0; i < 5; i++) round({"a/3", "c/1", "c/2", "c/3", "b/1"});
    CHECK(run.engine->stats().series_refused == 5);
}

TEST_CASE("groups: mutes and acknowledgements know the group's name") {
    Run run("[events]\ncommands_topic = \"cmd\"\n" + config_of(kValues, "group = \"{3}\"\n"));
    rows(run, 630, 600, 630, in_one(run));
    const auto opened = run.events();
    REQUIRE(opened.size() == 1);
    run.message("cmd", R"({"acknowledge": ")" + opened[0].event_id + R"(", "by": "night shift"})");
    REQUIRE(run.sink.outputs.size() == 1);
    CHECK(std::get<model::Event>(run.sink.outputs[0]).acknowledged_by == "night shift");

    Run quiet("[events]\ncommands_topic = \"cmd\"\n" + config_of(kValues, "group = \"{3}\"\n"));
    quiet.message("cmd", R"({"mute": "pump7", "for": "1h"})");
    rows(quiet, 700, 600, 650, in_one(quiet));
    CHECK(quiet.events().empty());
    CHECK(quiet.engine->stats().suppressed_events == 1);
}

TEST_CASE("groups: a clock that is set back closes the event; what was learned stays") {
    Run run(config_of("", ""));
    rows(run, 630, 600, 630, in_three(run));
    REQUIRE(run.events().size() == 1);
    run.now_ns -= 365 * 86'400 * kSecond;
    Inputs in;
    in.clock(model::ClockState::synced, 2, run.now_ns);
    run.take(in.records);
    const auto closed = run.events();
    REQUIRE(closed.size() == 1);
    CHECK(closed[0].state == model::EventState::closed);
    rows(run, 20, 0, 0, in_three(run));
    run.events();
    rows(run, 100, 50, 100, in_three(run));  // without learning anew
    const auto again = run.events();
    REQUIRE_FALSE(again.empty());
    CHECK(again[0].start_ns < run.now_ns);
    CHECK(again[0].start_ns > run.now_ns - 50 * kSecond);
}
