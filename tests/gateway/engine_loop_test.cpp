// SPDX-License-Identifier: Apache-2.0
#include "gateway/engine_loop.hpp"

#include <random>

#include "gateway/support.hpp"

namespace tributary::gateway {
namespace {

constexpr std::string_view kConfig = R"(
[gateway]
id = "line1"
[[stream]]
name = "s"
topics = ["s/+"]
time = "/ts"
window = { size = "10s", lateness = "2s" }
[[stream.detect]]
type = "threshold"
high = 90
)";
constexpr std::string_view kOtherConfig = R"(
[gateway]
id = "line1"
[[stream]]
name = "s"
topics = ["s/+"]
time = "/ts"
window = { size = "5s" }
)";

// Everything of the gateway between the open block and the store, for one run of the process.
struct Run {
    explicit Run(const std::string& path, const base::Clock& clock) : store(open_store(path)), arrival(clock) {
        OpenBlockLimits limits;
        limits.messages = 5;
        open = std::make_unique<OpenBlock>(limits, clock, arrival);
        writer = std::make_unique<Writer>(WriterSettings{0, 3600 * base::kNsPerSecond, 1 << 30}, *store,
                                          take(store->reader()), *open, cache, metrics, clock, arrival);
        engine = std::make_unique<EngineLoop>(BlockSource(cache, take(store->reader()), metrics), *writer, *open,
                                              arrival, clock, metrics);
        const auto recovered = engine->recover();
        CHECK(recovered.ok());
        recovered_to = engine->position();
        writer->start(
            nullptr, [this] { engine->wake(); }, [] {});
        engine->start([] {});
    }
    // As after a kill: what is not committed is gone. (The threads end first, or they could not be stopped.)
    ~Run() {
        writer->stop();
        engine = nullptr;
    }
    void stop_cleanly() {
        CHECK(writer->drain(60 * base::kNsPerSecond));
        CHECK(engine->finish(60 * base::kNsPerSecond));
        CHECK(writer->drain(60 * base::kNsPerSecond));
    }
    bool caught_up() {
        return eventually([&] { return engine->position() == cache.end(model::Log::intake); });
    }

    std::unique_ptr<store::Store> store;
    ArrivalClock arrival;
    metrics::Registry metrics;
    BlockCache cache{4096};  // so that the store is read too
    std::unique_ptr<OpenBlock> open;
    std::unique_ptr<Writer> writer;
    std::unique_ptr<EngineLoop> engine;
    uint64_t recovered_to = 0;
};

struct Outputs final : engine::Sink {
    void emit(model::Output&& output) override {
        model::encode_output(output, by_log[model::log_of(output)].emplace_back());
    }
    std::map<model::Log, std::vector<std::string>> by_log;
};

// What the engine says to the whole intake log in one go.
Outputs straight_run(store::Reader& reader, model::Ledger& ledger) {
    Outputs outputs;
    auto engine = engine::make_engine();
    for (uint64_t seq = 1; auto block = take(reader.block_at(model::Log::intake, seq));) {
        model::IntakeBlockReader records(block->body, block->first_seq);
        for (model::IntakeRecord record; records.next(record);) engine->process(record, outputs, ledger);
        seq = block->end_seq();
    }
    return outputs;
}

uint64_t count_ticks(store::Reader& reader) {
    uint64_t ticks = 0;
    for (uint64_t seq = 1; auto block = take(reader.block_at(model::Log::intake, seq));) {
        model::IntakeBlockReader records(block->body, block->first_seq);
        for (model::IntakeRecord record; records.next(record);)
            ticks += std::holds_alternative<model::TickRecord>(record.body) ? 1 : 0;
        seq = block->end_seq();
    }
    return ticks;
}

constexpr int64_t kNow = 1'700'000'000 * base::kNsPerSecond;

}  // namespace

TEST_CASE("engine loop: killed at any point, the outputs and the books are those of a straight run") {
    for (uint32_t seed = 1; seed <= 8; seed++) {
        std::mt19937 random(seed);
        TempFolder folder;
        const std::string path = folder.path + "/store.db";
        base::ManualClock clock(kNow);
        int64_t event_ms = kNow / base::kNsPerMs;
        uint64_t sent = 0;
        for (int run_number = 0; run_number < 8; run_number++) {
            Run run(path, clock);
            if (run.cache.end(model::Log::intake) == 1)
                run.open->control(model::ConfigRecord{engine::kEngineVersion, kConfig}, true);
            const int messages = 1 + static_cast<int>(random() % 60);
            for (int i = 0; i < messages; i++) {
                clock.advance(700 * base::kNsPerMs);
                event_ms += 700;
                const int64_t ts = random() % 10 == 0 ? event_ms - 15'000 : event_ms;
                const auto payload = random() % 15 == 0 ? std::string("garbage")
                                                        : base::format(R"({{"ts":{},"value":{}}})", ts,
                                                                       random() % 8 == 0 ? 95 : random() % 50);
                CHECK(run.open->message(message(random() % 20 == 0 ? "x/y" : "s/a", payload), nullptr));
                sent++;
                if (random() % 40 == 0)
                    run.open->control(
                        model::ConfigRecord{engine::kEngineVersion, random() % 2 == 0 ? kConfig : kOtherConfig}, true);
                if (random() % 40 == 0)
                    run.open->control(model::ClockRecord{model::ClockState::synced, run.arrival.anchor_ns(),
                                                         static_cast<uint32_t>(random() % 3)},
                                      false);
            }
            switch (random() % 4) {
                case 0:
                    run.stop_cleanly();
                    break;
                case 1:
                    CHECK(run.writer->drain(60 * base::kNsPerSecond));
                    break;
                case 2:
                    CHECK(run.caught_up());
                    break;
                default:
                    std::this_thread::sleep_for(std::chrono::microseconds(random() % 3000));
            }
        }
        Run last(path, clock);
        last.stop_cleanly();
        auto reader = take(last.store->reader());
        model::Ledger want;
        const auto outputs = straight_run(*reader, want);
        for (const auto log : {model::Log::windows, model::Log::events, model::Log::late, model::Log::dead}) {
            const auto found = outputs.by_log.find(log);
            const auto expected = found == outputs.by_log.end() ? std::vector<std::string>{} : found->second;
            CHECK(outputs_of(*reader, log) == expected);
            want.logs[log].appended = expected.size();
        }
        CHECK(outputs.by_log.size() >= 3);  // else this test asks nothing
        const auto ledger = take(reader->ledger());
        CHECK(ledger.streams == want.streams);
        for (const auto& [log, account] : ledger.logs) CHECK(account == want.logs[log]);
        CHECK(last.engine->position() == last.store->next_seq(model::Log::intake));
        CHECK(take(reader->cursors())[kEngineCursor] == last.engine->position());
    }
}

TEST_CASE("engine loop: a clean stop hands in a checkpoint, and the next start goes on behind it") {
    TempFolder folder;
    base::ManualClock clock(kNow);
    const std::string path = folder.path + "/store.db";
    uint64_t end = 0;
    {
        Run run(path, clock);
        run.open->control(model::ConfigRecord{engine::kEngineVersion, kConfig}, true);
        for (int i = 0; i < 20; i++)
            CHECK(run.open->message(message("s/a", R"({"ts":1700000000000,"value":1})"), nullptr));
        run.stop_cleanly();
        end = run.store->next_seq(model::Log::intake);
        const auto checkpoint = take(take(run.store->reader())->checkpoint());
        REQUIRE(checkpoint);
        CHECK(checkpoint->seq == end);
        CHECK(checkpoint->version == engine::kEngineVersion);
        CHECK(run.engine->stats().messages == 20);
    }
    SUBCASE("the checkpoint is enough") {
        // Were history read, the damage would show: state comes from the checkpoint alone.
        auto store = open_store(path);
        store::Batch trim;
        trim.trim_below[model::Log::intake] = end;
        take(store->commit(trim));
    }
    SUBCASE("a checkpoint of another engine is not used") {
        auto store = open_store(path);
        CHECK(store->save_checkpoint({end, "0", "state of long ago"}).ok());
    }
    SUBCASE("a checkpoint that is no checkpoint is not used") {
        auto store = open_store(path);
        CHECK(store->save_checkpoint({end, std::string(engine::kEngineVersion), "garbage"}).ok());
    }
    Run again(path, clock);
    CHECK(again.recovered_to == end);
    clock.advance(20 * base::kNsPerSecond);
    CHECK(again.open->message(message("s/a", R"({"ts":1700000020000,"value":3})"), nullptr));
    again.stop_cleanly();
    auto reader = take(again.store->reader());
    const auto windows = outputs_of(*reader, model::Log::windows);
    REQUIRE(windows.size() == 1);
    CHECK(std::get<model::Window>(take(model::decode_output(windows[0]))).count == 20);
}

TEST_CASE("engine loop: without a checkpoint and with history trimmed, the recorded configuration is in force") {
    TempFolder folder;
    base::ManualClock clock(kNow);
    const std::string path = folder.path + "/store.db";
    {
        auto store = open_store(path);
        Intake intake(*store);
        intake.add(model::ConfigRecord{engine::kEngineVersion, kConfig}, kNow).commit();
        const uint64_t second = intake.add(message("s/a", R"({"ts":1700000000000,"value":1})"), kNow).commit();
        store::Batch trim;
        trim.trim_below[model::Log::intake] = second;
        trim.cursors[kEngineCursor] = second;
        take(store->commit(trim));
        CHECK(store->first_seq(model::Log::intake) == second);
    }
    Run run(path, clock);
    CHECK(run.recovered_to == 2);
    run.stop_cleanly();
    auto reader = take(run.store->reader());
    CHECK(take(reader->ledger()).streams.at("s").received == 1);  // the stream is known
    CHECK(outputs_of(*reader, model::Log::dead).empty());
}

TEST_CASE("engine loop: a tick stands in the log when an idle window's time has come, once, and not before") {
    TempFolder folder;
    base::ManualClock clock(kNow);
    Run run(folder.path + "/store.db", clock);
    run.open->control(model::ConfigRecord{engine::kEngineVersion, kConfig}, true);
    CHECK(run.open->message(message("s/a", R"({"ts":1700000000000,"value":1})"), nullptr));
    CHECK(run.writer->drain(60 * base::kNsPerSecond));
    CHECK(run.caught_up());
    const auto settle = [&] {
        for (int i = 0; i < 6; i++) {
            const auto before = run.engine->progress();
            run.engine->wake();
            CHECK(eventually([&] { return run.engine->progress() > before; }));
            CHECK(run.writer->drain(60 * base::kNsPerSecond));
            CHECK(run.caught_up());
        }
    };
    auto reader = take(run.store->reader());
    settle();
    clock.advance(59 * base::kNsPerSecond);
    settle();
    CHECK(count_ticks(*reader) == 0);
    CHECK(outputs_of(*reader, model::Log::windows).empty());
    clock.advance(2 * base::kNsPerSecond);
    settle();
    CHECK(count_ticks(*reader) == 1);
    CHECK(outputs_of(*reader, model::Log::windows).size() == 1);
    clock.advance(3600 * base::kNsPerSecond);
    settle();
    CHECK(count_ticks(*reader) == 1);  // nothing is open any more
}

TEST_CASE("engine loop: waits at an unsynchronised clock, and a tick ends the wait when nothing comes") {
    TempFolder folder;
    base::ManualClock clock(kNow);
    Run run(folder.path + "/store.db", clock);
    run.open->control(model::ConfigRecord{engine::kEngineVersion, kConfig}, true);
    const int64_t anchor = run.arrival.anchor_ns();
    run.open->control(
        model::ClockRecord{model::ClockState::unsynced, anchor, 0, 5, anchor, kNow + 60 * base::kNsPerSecond}, true);
    for (int i = 0; i < 20; i++) CHECK(run.open->message(message("s/a", R"({"ts":1700000000000,"value":1})"), nullptr));
    const auto settle = [&] {
        for (int i = 0; i < 4; i++) {
            const auto before = run.engine->progress();
            run.engine->wake();
            CHECK(eventually([&] { return run.engine->progress() > before; }));
            CHECK(run.writer->drain(60 * base::kNsPerSecond));
        }
    };
    auto reader = take(run.store->reader());
    clock.advance(59 * base::kNsPerSecond);
    settle();
    CHECK(run.engine->position() == 2);
    CHECK(run.engine->idle());
    CHECK(count_ticks(*reader) == 0);
    clock.advance(base::kNsPerSecond);
    settle();
    CHECK(run.caught_up());
    CHECK(count_ticks(*reader) == 1);
    CHECK(run.engine->stats().messages == 20);
    CHECK(run.engine->repaired() == 0);
}

TEST_CASE("engine loop: the end comes even while the writer takes nothing more") {
    Rig rig;
    rig.make();
    Intake intake(rig.store);
    intake.add(model::ConfigRecord{engine::kEngineVersion, kConfig});
    intake.commit();
    const std::string large(60'000, 'x');
    for (int i = 0; i < 20; i++) {  // dead letters: 20 x 16 x 60 kB
        for (int k = 0; k < 16; k++) intake.add(message("x/y", large));
        intake.commit();
    }
    rig.cache.set_end(model::Log::intake, rig.store.next_seq(model::Log::intake));
    EngineLoop loop(BlockSource(rig.cache, rig.reader(), rig.metrics), *rig.writer, rig.open, rig.arrival, rig.clock,
                    rig.metrics);
    CHECK(loop.recover().ok());
    loop.start([] {});
    REQUIRE(eventually([&] { return loop.position() > 100; }));
    (void)loop.finish(base::kNsPerMs);
    loop.stop();
}

TEST_CASE("engine loop: a bound that is hit is a state of health, and is over a minute later") {
    TempFolder folder;
    base::ManualClock clock(kNow);
    Run run(folder.path + "/store.db", clock);
    constexpr std::string_view kTight =
        "[gateway]\nid = \"line1\"\n[[stream]]\nname = \"s\"\ntopics = [\"s/+\"]\nmax_series = 1\nwindow = { size = "
        "\"5s\" }\n";
    run.open->control(model::ConfigRecord{engine::kEngineVersion, kTight}, true);
    const auto bounds = [&] {
        for (const auto& state : run.metrics.health())
            if (state.component == "bounds") return state.ok ? std::string("ok") : state.code;
        return std::string();
    };
    CHECK(run.open->message(message("s/a", "1"), nullptr));
    CHECK(run.caught_up());
    CHECK(bounds().empty());
    CHECK(run.open->message(message("s/b", "1"), nullptr));
    CHECK(eventually([&] { return bounds() == "TRB-ENGINE-009"; }));
    clock.advance(61 * base::kNsPerSecond);
    CHECK(run.open->message(message("s/a", "1"), nullptr));
    CHECK(eventually([&] { return bounds() == "ok"; }));
}

}  // namespace tributary::gateway
