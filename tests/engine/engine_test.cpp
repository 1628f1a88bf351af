// SPDX-License-Identifier: Apache-2.0
// The engine as a function of its log: checkpoints at every position, crashes at random ones, damaged checkpoints.
#include "engine/engine.hpp"

#include <doctest/doctest.h>

#include <chrono>

#include "engine/helper.hpp"

using namespace tributary;
using engine_test::Collector;
using engine_test::encoded;
using engine_test::Inputs;

namespace {

constexpr int64_t kStart = 1'700'000'000 * base::kNsPerSecond;

struct Random {
    uint64_t state;
    int64_t below(int64_t n) {
        state = state * 6364136223846793005ULL + 1442695040888963407ULL;
        return static_cast<int64_t>((state >> 33) % static_cast<uint64_t>(n));
    }
};

const char* kConfig = R"([gateway]
id = "line1"
[events]
commands_topic = "commands"
max_per_machine = 3
per = "20s"
[[stream]]
name = "machines"
topics = ["m/+/+"]
series = "{2}/{3}"
time = "/ts"
unit = "C"
forward = ["windows", "events"]
[[stream.window]]
size = "5s"
lateness = "3s"
idle = "8s"
[[stream.window]]
size = "1s"
idle = "4s"
[[stream.detect]]
type = "threshold"
high = 80
[[stream.detect]]
type = "group"
warmup = 40
limit = 1
relearn = 100
[[stream.detect]]
type = "ewma"
hold_off = "5s"
[[stream]]
name = "all"
topics = ["m/1/#", "text"]
value = "/value"
forward = ["all", "events"]
[[stream.detect]]
type = "threshold"
low = 5
[[stream.detect]]
type = "group"
group = "{1}"
members = 2
warmup = 40
limit = 1
[[stream]]
name = "shapes"
topics = ["m/+/+"]
series = "{2}"
time = "/ts"
forward = "windows"
max_series = 2
forget = "20s"
max_windows = 100
[[stream.window]]
type = "hopping"
size = "4s"
slide = "2s"
lateness = "1s"
revise = "5s"
[[stream.window]]
type = "session"
gap = "2s"
lateness = "2s"
aggregates = ["time_weighted_mean", "increase", "p50"]
[[stream.window]]
type = "count"
count = 7
aggregates = ["states", "mode"]
[[stream]]
name = "door"
topics = ["m/+/+", "text"]
time = "/ts"
window = { size = "7s" }
[stream.downsample]
type = "swinging-door"
deviation = "auto"
lateness = "2s"
max_time = "20s"
[[stream]]
name = "shape"
topics = ["m/1/+"]
time = "/ts"
[stream.downsample]
type = "minmaxlttb"
window = "10s"
points = 4
max_points = 20
)";

// Machines out of order, bad payloads, text, a mute, a reload, clocks and ticks.
void mixed_trace(Inputs& in, uint64_t seed, int count) {
    Random random{seed};
    in.config(kConfig, kStart);
    int64_t now = kStart;
    for (int i = 0; i < count; i++) {
        now += random.below(30) == 0 ? random.below(9'000) * base::kNsPerMs : random.below(200) * base::kNsPerMs;
        const auto topic = base::format("m/{}/{}", random.below(3), random.below(2));
        const int64_t ts = (now - random.below(6'000) * base::kNsPerMs) / base::kNsPerMs;
        switch (random.below(25)) {
            case 0:
                in.message(topic, "{broken", now);
                break;
            case 1:
                in.message("nobody", "1", now);
                break;
            case 2:
                in.message("text", "running", now);
                break;
            case 3:
                in.tick(now);
                break;
            case 4:
                in.mute("+/1", now + random.below(5'000) * base::kNsPerMs, now);
                break;
            case 5:
                in.clock(random.below(2) == 0 ? model::ClockState::unsynced : model::ClockState::synced, 1, now);
                break;
            case 7:
                in.message("commands",
                           random.below(2) == 0 ? R"({"mute": "0/#", "for": "900ms"})" : R"({"unmute": "0/#"})", now);
                break;
            case 6:
                in.message(topic, R"({"ts":5,"value":1})", now);
                break;
            default:
                in.message(topic,
                           base::format(R"({{"ts":{},"value":{}}})", ts,
                                        base::number_text(static_cast<double>(random.below(1000)) / 11)),
                           now);
        }
        if (i == count / 2) {
            std::string changed = kConfig;
            changed.replace(changed.find("high = 80"), 9, "high = 70");
            in.config(changed, now);
        }
        if (i == count * 3 / 4) {
            now -= 3600 * base::kNsPerSecond;
            in.clock(model::ClockState::synced, 2, now);
        }
    }
}

struct Step {  // what one record caused
    std::vector<std::string> outputs;
    model::Ledger ledger;
};

Step step(engine::Engine& engine, const model::IntakeRecord& record) {
    Collector sink;
    Step result;
    engine.process(record, sink, result.ledger);
    for (const auto& output : sink.outputs) result.outputs.push_back(encoded(output));
    return result;
}

bool same(const Step& a, const Step& b) { return a.outputs == b.outputs && a.ledger.streams == b.ledger.streams; }

std::vector<Step> whole_run(const Inputs& in) {
    const auto engine = engine::make_engine();
    std::vector<Step> steps;
    for (const auto& record : in.records) steps.push_back(step(*engine, record));
    return steps;
}

std::shared_ptr<const config::Settings> settings_of(const std::string& toml) {
    auto loaded = config::parse_engine_text(toml);
    REQUIRE(loaded.ok());
    return std::make_shared<const config::Settings>(std::move(*loaded.settings));
}

}  // namespace

TEST_CASE("a checkpoint at any position changes nothing") {
    Inputs in;
    mixed_trace(in, 1, 400);
    const auto want = whole_run(in);
    auto engine = engine::make_engine();
    size_t outputs = 0;
    for (size_t i = 0; i < in.records.size(); i++) {
        const std::string state = engine->checkpoint();
        const int64_t deadline = engine->next_deadline_ns();
        const auto stats = engine->stats();
        auto fresh = engine::make_engine();
        REQUIRE(fresh->restore(state).ok());
        CHECK(fresh->checkpoint() == state);
        CHECK(fresh->next_deadline_ns() == deadline);
        CHECK(fresh->stats().series == stats.series);
        CHECK(fresh->stats().bounds.open == stats.bounds.open);
        CHECK(fresh->stats().open_events == stats.open_events);
        engine = std::move(fresh);
        const Step got = step(*engine, in.records[i]);
        REQUIRE(same(got, want[i]));
        outputs += got.outputs.size();
    }
    CHECK(outputs > 200);
}

TEST_CASE("crashes at random positions: what is committed plus what is replayed is the run without a crash") {
    Inputs in;
    mixed_trace(in, 2, 1'500);
    const auto want = whole_run(in);
    size_t of_groups = 0;
    for (const Step& each : want)
        for (const auto& output : each.outputs) of_groups += output.find("group") != std::string::npos;
    CHECK(of_groups > 4);
    for (uint64_t seed = 1; seed <= 50; seed++) {
        CAPTURE(seed);
        Random random{seed};
        const auto size = static_cast<int64_t>(in.records.size());
        const auto committed = static_cast<size_t>(random.below(size));  // the engine cursor
        const auto saved = static_cast<size_t>(random.below(static_cast<int64_t>(committed) + 1));
        std::string state;
        {
            const auto first = engine::make_engine();
            for (size_t i = 0; i < saved; i++) step(*first, in.records[i]);
            state = first->checkpoint();
        }
        const auto second = engine::make_engine();
        REQUIRE(second->restore(state).ok());
        for (size_t i = saved; i < committed; i++) step(*second, in.records[i]);  // suppressed
        for (size_t i = committed; i < in.records.size(); i++) REQUIRE(same(step(*second, in.records[i]), want[i]));
    }
}

TEST_CASE("every message has one fate, or is kafka's to settle") {
    Inputs in;
    mixed_trace(in, 3, 2'000);
    const auto engine = engine::make_engine();
    Collector sink;
    model::Ledger ledger;
    uint64_t dead = 0;
    for (const auto& record : in.records) engine->process(record, sink, ledger);
    for (const auto& output : sink.outputs) dead += std::holds_alternative<model::DeadLetter>(output) ? 1 : 0;
    for (const char* settled : {"machines", "door", "shape"}) CHECK(ledger.streams.at(settled).pending() == 0);
    CHECK(ledger.streams.at("shape").fates[static_cast<size_t>(model::Fate::late_only)] > 0);
    CHECK(ledger.streams.at("").pending() == 0);
    const auto& all = ledger.streams.at("all");
    CHECK(all.pending() > 0);
    CHECK(all.settled() == all.fates[static_cast<size_t>(model::Fate::rejected)]);
    uint64_t rejected = 0;
    for (const auto& [name, account] : ledger.streams)
        rejected += account.fates[static_cast<size_t>(model::Fate::rejected)];
    CHECK(rejected == dead);
    CHECK(engine->stats().dead == dead);
    // What the projection of another instance calls undecodable is what the engine rejected.
    const auto settings = settings_of(kConfig);
    const auto projection = engine::make_projection(settings);
    std::vector<engine::Projected> readings;
    uint64_t forwarded = 0;
    for (const auto& record : in.records)
        if (const auto* message = record.message())
            for (const uint32_t stream : projection->streams_of(message->topic))
                if (settings->streams[stream].name == "all" &&
                    projection->readings(*message, record.arrival_ns, stream, readings))
                    forwarded++;
    CHECK(static_cast<int64_t>(forwarded) == all.pending());
}

TEST_CASE("restore refuses what is not its checkpoint, and stays as it was") {
    Inputs in;
    mixed_trace(in, 4, 150);
    const auto engine = engine::make_engine();
    for (const auto& record : in.records) step(*engine, record);
    const std::string state = engine->checkpoint();
    const auto victim = engine::make_engine();
    REQUIRE(victim->restore(state).ok());
    CHECK_FALSE(victim->restore("").ok());
    CHECK_FALSE(victim->restore("garbage").ok());
    std::string other = state;
    other[5] = '0';  // the version
    CHECK(victim->restore(other).error().code == "TRB-ENGINE-002");
    for (size_t cut = 0; cut < state.size(); cut += 7) CHECK_FALSE(victim->restore(state.substr(0, cut)).ok());
    Random random{9};
    base::log::set_level(base::log::Level::error);
    for (int i = 0; i < 300; i++) {
        std::string damaged = state;
        auto& byte = damaged[static_cast<size_t>(random.below(static_cast<int64_t>(damaged.size())))];
        byte = static_cast<char>(byte + 1 + random.below(254));
        CHECK_FALSE(victim->restore(damaged).ok());
    }
    CHECK(victim->checkpoint() == state);
}

TEST_CASE("poison: named before it comes, it goes to the dead log undecoded") {
    Inputs in;
    in.config(kConfig, kStart);
    in.message("m/1/1", R"({"ts":1700000000000,"value":1})", kStart);
    in.message("m/1/1", R"({"ts":1700000000000,"value":1})", kStart);
    in.add(model::SkipRecord{2}, kStart);
    const auto engine = engine::make_engine();
    engine->skip(2);
    Collector sink;
    model::Ledger ledger;
    for (const auto& record : in.records) engine->process(record, sink, ledger);
    REQUIRE(sink.outputs.size() == 6);  // dead in five streams; the second message opens "low" in one
    for (size_t i = 0; i < 5; i++) CHECK(std::get<model::DeadLetter>(sink.outputs[i]).reason == "poison");
    CHECK(ledger.streams.at("machines").pending() == 0);
    CHECK(ledger.streams.at("all").pending() == 1);
}

TEST_CASE("large payloads and many topics") {
    const auto settings = settings_of("[[stream]]\nname = \"s\"\ntopics = [\"#\"]\nforward = \"all\"\n");
    const auto projection = engine::make_projection(settings);
    std::vector<engine::Projected> out;
    model::Message message;
    for (int i = 0; i < 40'000; i++) {
        const std::string topic = base::format("t/{}", i % 20'000);
        message.topic = topic, message.payload = "1";
        REQUIRE(projection->streams_of(topic).size() == 1);
        REQUIRE(projection->readings(message, kStart, 0, out));
        CHECK(out.at(0).series == topic);
        CHECK(out[0].reading.mark == model::TimeMark::arrival);
    }
    const std::string large = "{\"value\":1,\"x\":\"" + std::string(1 << 20, 'x') + "\"}";
    Inputs in;
    in.config("[[stream]]\nname = \"s\"\ntopics = [\"#\"]\nforward = \"all\"\n");
    in.message("t", large, kStart);
    Collector sink;
    model::Ledger ledger;
    const auto engine = engine::make_engine();
    for (const auto& record : in.records) engine->process(record, sink, ledger);
    REQUIRE(sink.outputs.size() == 1);
    const auto& dead = std::get<model::DeadLetter>(sink.outputs[0]);
    CHECK(dead.reason == "too-large");
    CHECK(dead.size == large.size());
    CHECK(dead.payload.size() == model::kDeadPayloadBytes);
}

TEST_CASE("validate says what the text could not") {
    auto settings = *settings_of(kConfig);
    CHECK(engine::validate(settings).empty());
    const auto codes = [&](auto change) {
        auto changed = settings;
        change(changed.streams[0]);
        std::string found;
        for (const auto& diagnostic : engine::validate(changed)) found += diagnostic.code + " ";
        return found;
    };
    using config::StreamSettings;
    CHECK(codes([](StreamSettings& s) { s.name = "all"; }) == "TRB-ENGINE-003 ");
    CHECK(codes([](StreamSettings& s) { s.format = "jsn"; }) == "TRB-ENGINE-004 ");
    CHECK(codes([](StreamSettings& s) { s.format = "scalar"; }) == "TRB-ENGINE-005 ");
    CHECK(codes([](StreamSettings& s) { s.time_pointer = "ts"; }) == "TRB-ENGINE-006 ");
    CHECK(codes([](StreamSettings& s) { s.windows[0].type = "sliding"; }) == "TRB-ENGINE-007 ");
    CHECK(codes([](StreamSettings& s) { s.windows[0].size_ns = INT64_MAX; }) == "TRB-ENGINE-008 ");
    CHECK(codes([](StreamSettings& s) { s.windows[1].name = s.windows[0].name; }) == "TRB-ENGINE-003 ");
    CHECK(codes([](StreamSettings& s) { s.detectors[1].name = s.detectors[0].name; }) == "TRB-ENGINE-003 ");
    CHECK_FALSE(codes([](StreamSettings& s) { s.detectors[0].type = "magic"; }).empty());
    CHECK(codes([](StreamSettings& s) { s.downsample.emplace().type = "magic"; }) == "TRB-DOWNSAMPLE-001 ");
}

TEST_CASE("time per message, windows over 10,000 series" * doctest::skip()) {
    Inputs in;
    in.config(
        "[[stream]]\nname = \"s\"\ntopics = [\"f/+/+\"]\ntime = \"/ts\"\nforward = \"windows\"\n"
        "window = { size = \"10s\", lateness = \"2s\" }\n",
        kStart);
    constexpr int64_t kSeries = 10'000, kRounds = 12;
    for (int64_t round = 0; round < kRounds; round++)
        for (int64_t series = 0; series < kSeries; series++) {
            const int64_t now = kStart + round * base::kNsPerSecond;
            in.message(base::format("f/machine{}/temperature", series),
                       base::format(R"({{"ts":{},"value":12.34,"n":5,"id":7}})", now / base::kNsPerMs), now);
        }
    const auto engine = engine::make_engine();
    Collector sink;
    model::Ledger ledger;
    const auto start = std::chrono::steady_clock::now();
    for (const auto& record : in.records) engine->process(record, sink, ledger);
    const std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - start;
    MESSAGE("engine: " << took.count() / static_cast<double>(in.records.size()) << " ns a message; checkpoint "
                       << engine->checkpoint().size() / kSeries << " bytes a series");
}
