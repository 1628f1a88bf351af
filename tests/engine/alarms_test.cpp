// SPDX-License-Identifier: Apache-2.0
// What keeps events back and what people say about them: mutes by the clock and by MQTT, floods, acknowledgements.
#include <doctest/doctest.h>

#include "engine/helper.hpp"

using namespace tributary;
using namespace tributary::engine_test;

namespace {

constexpr int64_t kSecond = base::kNsPerSecond;
constexpr int64_t kMonday = 1790553600 * kSecond;  // 2026-09-28T00:00:00Z

std::string text_of(const std::string& events) {
    return "[gateway]\nid = \"g\"\n[events]\ncommands_topic = \"cmd\"\n" + events +
           "[[stream]]\nname = \"s\"\ntopics = \"#\"\nforward = \"events\"\ntime = \"/ts\"\n[[stream.detect]]\n"
           "type = \"threshold\"\nhigh = 80\n";
}

struct Run {
    explicit Run(const std::string& toml, int64_t at_ns = kMonday) : now_ns(at_ns) {
        Inputs in;
        in.config(toml, now_ns);
        take(in);
    }
    void value(const std::string& topic, double value) {
        now_ns += kSecond;
        Inputs in;
        in.message(topic, base::format(R"({{"ts":{},"value":{}}})", now_ns / base::kNsPerMs, base::number_text(value)),
                   now_ns);
        take(in);
    }
    void command(const std::string& payload, bool retain = false) {
        Inputs in;
        in.message("cmd", payload, now_ns);
        std::get<model::Message>(in.records.back().body).retain = retain;
        take(in);
    }
    void take(Inputs& in) {
        for (auto& record : in.records) {
            record.seq = ++seq;
            engine->process(record, sink, ledger);
        }
    }
    std::vector<model::Event> events() {
        std::vector<model::Event> out;
        for (const auto& output : sink.outputs)
            if (const auto* event = std::get_if<model::Event>(&output)) out.push_back(*event);
        sink.outputs.clear();
        return out;
    }
    std::string states() {  // "open closed"
        std::string out;
        for (const auto& event : events())
            out += (out.empty() ? "" : " ") + std::string(event.detector == "flood" ? "flood-" : "") +
                   std::string(model::event_state_name(event.state));
        return out;
    }

    int64_t now_ns;
    uint64_t seq = 0;
    std::unique_ptr<engine::Engine> engine = engine::make_engine();
    Collector sink;
    model::Ledger ledger;
};

}  // namespace

TEST_CASE("alarms: a schedule mutes by the clocks of its zone, on its days, over midnight") {
    struct Row {
        const char* mute;
        int64_t at_ns;
        bool muted;
    };
    constexpr int64_t kHour = 3600 * kSecond;
    const char* night = "from = \"22:00\"\nto = \"06:00\"\ndays = [\"mon\"]\n";
    const char* berlin = "from = \"12:00\"\nto = \"13:00\"\nzone = \"Europe/Berlin\"\n";  // UTC+2 in September
    const char* other = "series = \"b/#\"\nfrom = \"00:00\"\nto = \"24:00\"\n";
    const char* always = "from = \"00:00\"\nto = \"00:00\"\n";
    for (const Row& row : {Row{night, kMonday + 21 * kHour, false}, Row{night, kMonday + 22 * kHour, true},
                           Row{night, kMonday + 29 * kHour, true}, Row{night, kMonday + 30 * kHour, false},
                           Row{night, kMonday + 46 * kHour, false}, Row{night, kMonday + 5 * kHour, false},
                           Row{berlin, kMonday + 10 * kHour, true}, Row{berlin, kMonday + 12 * kHour, false},
                           Row{other, kMonday + 12 * kHour, false}, Row{always, kMonday + 12 * kHour, true}}) {
        CAPTURE(row.mute);
        CAPTURE(row.at_ns);
        Run run(text_of(base::format("[[events.mute]]\n{}", row.mute)), row.at_ns);
        run.value("a/t", 90);
        CHECK(run.states() == (row.muted ? "" : "open"));
        CHECK(run.engine->stats().suppressed_events == (row.muted ? 1 : 0));
    }
}

TEST_CASE("alarms: what a mute hid is told when the mute ends and it is still there") {
    Run run(text_of(""));
    run.command(R"({"mute": "a/#", "for": "10s"})");
    CHECK(run.engine->stats().mutes == 1);
    for (int i = 0; i < 9; i++) run.value("a/t", 90 + i);
    CHECK(run.states().empty());
    run.value("a/t", 80);
    const auto told = run.events();
    REQUIRE(told.size() == 1);
    CHECK(told[0].state == model::EventState::open);
    CHECK(told[0].start_ns == kMonday + kSecond);
    CHECK(told[0].value == 98);  // the peak so far
    run.value("a/t", 10);
    CHECK(run.states() == "closed");
    CHECK(run.engine->stats().suppressed_events == 1);

    run.command(R"({"mute": "a/#", "for": "10s"})");
    run.value("a/t", 90);
    run.value("a/t", 10);
    CHECK(run.states().empty());  // came and went
    run.value("b/t", 90);
    CHECK(run.states() == "open");
    run.command(R"({"unmute": "a/#"})");
    CHECK(run.engine->stats().mutes == 0);
    run.value("a/t", 90);
    CHECK(run.states() == "open");
    CHECK(run.ledger.streams.at("").fates[static_cast<size_t>(model::Fate::kept_local)] == 3);
    CHECK(run.ledger.streams.at("").pending() == 0);
}

TEST_CASE("alarms: an event is acknowledged while it is open and afterwards, by its id") {
    Run run(text_of(""));
    run.value("a/t", 90);
    run.value("b/t", 95);
    const auto open = run.events();
    REQUIRE(open.size() == 2);
    run.command(base::format(R"({{"acknowledge": "{}", "by": "shift lead"}})", open[1].event_id));
    auto told = run.events();
    REQUIRE(told.size() == 1);
    CHECK(told[0].event_id == open[1].event_id);
    CHECK(told[0].state == model::EventState::update);
    CHECK(told[0].acknowledged_by == "shift lead");
    run.value("b/t", 10);
    CHECK(run.states() == "closed");
    run.command(base::format(R"({{"acknowledge": "{}", "by": "me"}})", open[1].event_id));
    told = run.events();
    REQUIRE(told.size() == 1);
    CHECK(told[0].state == model::EventState::closed);
    CHECK(told[0].end_ns == run.now_ns);
    run.value("b/t", 95);
    run.events();
    run.command(base::format(R"({{"acknowledge": "{}", "by": "me"}})", open[1].event_id));  // a newer one is there
    CHECK(run.events().empty());
    CHECK(run.engine->stats().dead == 1);
}

TEST_CASE("alarms: what is no command is dead with the reason, and changes nothing") {
    Run run(text_of(""));
    for (const char* wrong :
         {"", "mute", "[]", "{}", R"({"mute": "a/#"})", R"({"mute": "a#", "for": "1h"})", R"({"mute": "a", "for": 5})",
          R"({"mute": "a", "for": "0s"})", R"({"mute": "a", "for": "32d"})",
          R"({"mute": "a", "for": "1h", "unmute": "a"})", R"({"acknowledge": "xyz", "by": "me"})",
          R"({"acknowledge": "0123456789abcdef"})", R"({"acknowledge": "0123456789abcdef", "by": "me"})"}) {
        CAPTURE(wrong);
        run.command(wrong);
        REQUIRE(run.sink.outputs.size() == 1);
        const auto& dead = std::get<model::DeadLetter>(run.sink.outputs[0]);
        CHECK(dead.reason == "command");
        CHECK_FALSE(dead.detail.empty());
        run.sink.outputs.clear();
    }
    run.command(R"({"mute": "a", "for": "1h"})", true);
    CHECK(std::get<model::DeadLetter>(run.sink.outputs[0]).detail == "a command must not be retained");
    run.sink.outputs.clear();
    run.command("{\"mute\": \"" + std::string(5000, 'a') + "\", \"for\": \"1h\"}");
    CHECK(run.engine->stats().mutes == 0);
    CHECK(run.ledger.streams.at("").pending() == 0);
}

TEST_CASE("alarms: a flood is bounded per machine, counted, and said") {
    Run run(text_of("max_per_machine = 3\nper = \"1min\"\n"));
    for (int i = 0; i < 5; i++) {  // five sensors of a, one of b
        run.value(base::format("a/{}", i), 90);
        run.value(base::format("a/{}", i), 10);
    }
    run.value("b/0", 90);
    CHECK(run.states() == "open closed open closed open closed flood-open open");
    CHECK(run.engine->stats().suppressed_events == 2);
    CHECK(run.engine->next_deadline_ns() == kMonday + 61 * kSecond);
    const std::string state = run.engine->checkpoint();
    run.engine = engine::make_engine();
    REQUIRE(run.engine->restore(state).ok());
    CHECK(run.engine->next_deadline_ns() == kMonday + 61 * kSecond);
    Inputs in;
    in.tick(run.now_ns = kMonday + 61 * kSecond);
    run.take(in);
    const auto over = run.events();
    REQUIRE(over.size() == 1);
    CHECK(over[0].detector == "flood");
    CHECK(over[0].origin.series == "a");
    CHECK(over[0].state == model::EventState::closed);
    CHECK(over[0].value == 5);
    CHECK(over[0].start_ns == kMonday + 7 * kSecond);
    CHECK(over[0].end_ns == kMonday + 9 * kSecond);
    run.value("a/0", 90);
    CHECK(run.states() == "open");
}

TEST_CASE("alarms: floods of more machines than are counted are one machine more") {
    Run run(text_of("max_per_machine = 1\nper = \"10h\"\n"));
    for (int i = 0; i < 10'000; i++) run.value(base::format("{}/t", i), 90);
    run.events();
    run.value("x/t", 90);
    CHECK(run.states() == "open");
    run.value("y/t", 90);
    CHECK(run.states() == "flood-open");
}

TEST_CASE("alarms: events of equal start have ids of their own") {
    Run run(text_of(""));
    std::string ids;
    for (int i = 0; i < 2; i++)
        for (const double value : {90.0, 10.0}) {
            Inputs in;
            in.message("a/t", base::format(R"({{"ts":{},"value":{}}})", kMonday / base::kNsPerMs, value), kMonday);
            run.take(in);
        }
    const auto events = run.events();
    REQUIRE(events.size() == 4);
    CHECK(events[0].event_id == events[1].event_id);
    CHECK(events[2].event_id == events[3].event_id);
    CHECK(events[0].event_id != events[2].event_id);
}
