// SPDX-License-Identifier: Apache-2.0
#include "gateway/writer.hpp"

#include <algorithm>
#include <random>

#include "gateway/support.hpp"

namespace tributary::gateway {
namespace {

std::vector<uint16_t> ids(uint16_t count) {
    std::vector<uint16_t> out;
    for (uint16_t i = 1; i <= count; i++) out.push_back(i);
    return out;
}

// The bytes of windows first..first+count.
std::vector<std::string> windows(int first, int count) {
    std::vector<std::string> out;
    for (int i = 0; i < count; i++) model::encode_output(window(first + i), out.emplace_back());
    return out;
}

model::Ledger forwarded(uint64_t n) {
    model::Ledger delta;
    delta.settle("s", model::Fate::forwarded, n);
    return delta;
}

}  // namespace

TEST_CASE("writer: a message is acknowledged after its commit, and all that goes with it is there") {
    Rig rig;
    rig.session.subscribed = {"a/+", "b/#"};
    rig.start();
    rig.send(1);
    rig.open.control(model::ConfigRecord{"1", "configuration"}, false);
    rig.open.control(model::ClockRecord{model::ClockState::holdover, 1, 9}, false);
    rig.open.session({12, true, false});
    rig.open.acknowledge_only({1, 2});
    rig.session.duplicates = 1;
    REQUIRE(rig.drain());
    CHECK(rig.session.released() == ids(2));
    CHECK(!rig.session.too_early);
    CHECK(rig.open.bytes_in_use() == 0);
    auto reader = rig.reader();
    CHECK(take(reader->config_at(1000))->second == "configuration");
    auto meta = take(reader->meta());
    CHECK(meta["clocks"].starts_with("3:1;"));
    CHECK(ClockHistory(meta["clocks"]).last()->epoch == 9);
    CHECK(rig.writer->clocks()->at(3) == model::ClockState::holdover);
    CHECK(meta["session"] == "12");
    CHECK(meta["subscriptions"] == "a/+\nb/#\n");
    const auto ledger = take(reader->ledger());
    CHECK(ledger.streams.at("").received == 1);
    CHECK(ledger.streams.at("").fates[size_t(model::Fate::duplicate)] == 1);
    CHECK(rig.cache.end(model::Log::intake) == 5);
    CHECK(rig.writer->ledger().streams == ledger.streams);
}

TEST_CASE("writer: priorities: a block's parts are rows of one commit, and its messages acknowledged behind it") {
    OpenBlockLimits limits;
    limits.gather_ns = 3600 * base::kNsPerSecond;  // until it is drained
    Rig rig(limits);
    rig.make();
    config::Settings settings;
    for (const auto& [name, priority] : {std::pair{"l", model::Priority::low}, std::pair{"h", model::Priority::high}}) {
        config::StreamSettings stream;
        stream.name = name, stream.topics = {std::string(name) + "/#"}, stream.priority = priority;
        settings.streams.push_back(std::move(stream));
    }
    rig.writer->set_streams(settings);
    for (const auto fault : {Fault::none, Fault::before, Fault::doubt}) {
        if (fault != Fault::none) rig.store.fault(fault);
        const auto at = static_cast<uint16_t>(rig.session.released().size());
        uint16_t id = at;
        for (const auto* topic : {"h/1", "l/1", "x", "h/1", "l/1", "x"}) {
            id++;
            rig.send(id, topic, std::to_string(id));
        }
        if (fault == Fault::none) rig.start();
        REQUIRE(rig.drain());
        CHECK(rig.session.released() == ids(id));
        CHECK(!rig.session.too_early);
        CHECK(rig.open.bytes_in_use() == 0);
        auto reader = rig.reader();
        std::vector<int> classes;
        std::string order;
        for (uint64_t seq = at + 1u; auto block = take(reader->block_at(model::Log::intake, seq));) {
            const uint64_t at_seq = std::exchange(seq, block->end_seq());
            classes.push_back(block->block_class);
            CHECK(block->count == 2);
            const auto cached = rig.cache.find(model::Log::intake, at_seq);
            REQUIRE(cached);
            CHECK(cached->block_class == block->block_class);
            CHECK(cached->body == block->body);
            model::IntakeBlockReader records(block->body, block->first_seq);
            for (model::IntakeRecord record; records.next(record);)
                order += std::to_string(std::stoi(std::string(record.message()->payload)) - at);
        }
        CHECK(classes == std::vector<int>{0x20, 0x10, 0x00});  // as they came
        CHECK(order == "142536");
    }
}

TEST_CASE("writer: a stream over its quota: what comes then is the lowest class, until it is within again") {
    WriterSettings settings{0, 3600 * base::kNsPerSecond, 16 << 20};
    Rig rig({}, settings);
    rig.make();
    config::Settings streams;
    config::StreamSettings stream;
    stream.name = "s", stream.topics = {"a/#"}, stream.quota.bytes = 64 << 10;
    streams.streams.push_back(stream);
    rig.writer->set_streams(streams);
    rig.start();
    std::string payload(1'000, ' ');
    uint32_t x = 1;
    uint16_t id = 0;
    const auto send = [&](int messages) {
        for (int i = 0; i < messages; i++) {
            for (auto& c : payload) c = static_cast<char>((x = x * 1'664'525 + 1'013'904'223) >> 24);
            rig.send(++id, "a/b", payload);
            if (i % 10 == 9) REQUIRE(rig.drain());
        }
        REQUIRE(rig.drain());
    };
    const auto classes = [&] {
        std::string out;
        auto reader = rig.reader();
        for (uint64_t seq = 1; auto block = take(reader->block_at(model::Log::intake, seq));) {
            seq = block->end_seq();
            const char c = model::priority_of(block->block_class) == model::Priority::over_quota ? 'o' : 'n';
            if (out.empty() || out.back() != c) out += c;
        }
        return out;
    };
    send(50);
    CHECK(classes() == "n");
    CHECK(rig.writer->quotas().at(0).bytes > 45'000);
    send(50);
    CHECK(classes() == "no");
    CHECK(rig.writer->quotas().at(0).over);
    CHECK(rig.writer->quotas().at(0).bytes < (64 << 10) + 12'000);
    bool said = false;
    for (const auto& health : rig.metrics.health())
        said |= health.component == "quota" && health.code == "TRB-DISK-004";
    CHECK(said);
    CHECK(take(rig.reader()->meta())["quotas"].starts_with("1;s,1,0:"));
    rig.writer->kafka_progress(model::Log::intake, rig.writer->next_seq(model::Log::intake), {});
    REQUIRE(rig.drain());
    CHECK(!rig.writer->quotas().at(0).over);
    send(20);
    CHECK(classes() == "non");
    for (const auto& health : rig.metrics.health()) CHECK(health.ok);
    CHECK(rig.stored().size() == 120);
}

TEST_CASE("writer: a commit that fails acknowledges nothing, and is done again until it works") {
    Rig rig;
    rig.make();
    rig.store.fault(Fault::before);
    rig.store.fault(Fault::before);
    rig.start();
    rig.send(1);
    REQUIRE(eventually([&] { return rig.store.faults_left() == 1; }));
    CHECK(rig.session.released().empty());
    CHECK(rig.open.bytes_in_use() > 0);
    CHECK(!rig.metrics.health().empty());
    rig.send(2);
    REQUIRE(rig.drain());
    CHECK(rig.session.released() == ids(2));
    CHECK(!rig.session.too_early);
    CHECK(rig.stored().size() == 2);
    for (const auto& health : rig.metrics.health()) CHECK(health.ok);
}

TEST_CASE("writer: a commit in doubt is found by its name and not done twice") {
    Rig rig;
    rig.make();
    int blind = 0, stuck = 0;
    SUBCASE("the store answers at once") {}
    SUBCASE("the answer cannot be read at first") { blind = 1; }
    SUBCASE("the file cannot be opened at first") { stuck = 1; }
    rig.store.blind = blind, rig.store.reopen_fails = stuck;
    rig.send(1);
    rig.writer->engine_outputs(engine_outputs(1, 0, 3));
    rig.writer->kafka_progress(model::Log::intake, 1, forwarded(5));
    rig.store.fault(Fault::doubt);
    rig.start();
    REQUIRE(rig.drain());
    rig.send(2);
    rig.writer->engine_outputs(engine_outputs(2, 3, 1));
    REQUIRE(rig.drain());
    CHECK(rig.session.released() == ids(2));
    CHECK(!rig.session.too_early);
    CHECK(rig.stored().size() == 2);
    auto reader = rig.reader();
    CHECK(outputs_of(*reader, model::Log::windows) == windows(0, 4));
    auto ledger = take(reader->ledger());
    CHECK(ledger.logs[model::Log::windows].appended == 4);
    CHECK(ledger.streams["s"].received == 4);
    CHECK(ledger.streams["s"].fates[size_t(model::Fate::forwarded)] == 5);
    CHECK(rig.writer->ledger().streams == ledger.streams);
    // The cache says of the block in doubt what the store says.
    for (const auto log : {model::Log::intake, model::Log::windows})
        for (uint64_t seq = 1; seq < rig.store.next_seq(log); seq++) {
            const auto cached = rig.cache.find(log, seq);
            const auto kept = take(reader->block_at(log, seq));
            REQUIRE((cached && kept));
            CHECK(cached->first_seq == kept->first_seq);
            CHECK(cached->body == kept->body);
        }
}

TEST_CASE("writer: in a full store cursors and their ledger go alone first, the engine's cursor with its outputs") {
    Rig rig;
    rig.make();
    rig.send(1);
    rig.writer->engine_outputs(engine_outputs(2, 0, 2));
    rig.writer->kafka_progress(model::Log::windows, 3, forwarded(4));
    rig.store.fault(Fault::full);
    bool crash = false;
    SUBCASE("and room is made") {}
    SUBCASE("and the mains are cut before there is room") {
        crash = true;
        for (int i = 0; i < 50; i++) rig.store.fault(Fault::full);
    }
    rig.start();
    if (crash) {
        REQUIRE(eventually([&] { return rig.store.trace().size() >= 4; }));
        rig.writer->stop();
    } else {
        REQUIRE(rig.drain());
    }
    const auto trace = rig.store.trace();
    REQUIRE(trace.size() >= 4);
    CHECK(trace[0] == "+intake +windows engine=2 kafka:main:windows=3 full");
    CHECK(trace[1] == "kafka:main:windows=3 ok");
    CHECK(trace[2] == (crash ? "+windows engine=2 full" : "+windows engine=2 ok"));  // and not the messages
    CHECK((crash ? trace[3] : trace.back()) == (crash ? "+intake +windows engine=2 full" : "+intake ok"));
    CHECK(rig.session.released().size() == (crash ? 0 : 1));
    auto reader = rig.reader();
    auto cursors = take(reader->cursors());
    auto ledger = take(reader->ledger());
    CHECK(cursors["kafka:main:windows"] == 3);
    CHECK(ledger.streams["s"].fates[size_t(model::Fate::forwarded)] == 4);  // with its cursor, once
    CHECK(cursors.count("engine") == (crash ? 0 : 1));
    CHECK(ledger.logs[model::Log::windows].appended == (crash ? 0 : 2));
}

TEST_CASE("writer: in a full store no cursor passes a record that was refused and is not kept yet") {
    Rig rig;
    rig.make();
    model::RefusedRecord refused;
    refused.source = model::Log::windows, refused.seq = 4, refused.topic = "t", refused.code = "MSG_SIZE_TOO_LARGE";
    rig.writer->refused(refused);
    rig.writer->kafka_progress(model::Log::windows, 5, forwarded(1));
    rig.store.fault(Fault::full);
    rig.start();
    REQUIRE(rig.drain());
    const auto trace = rig.store.trace();
    REQUIRE(trace.size() == 2);
    CHECK(trace[1] == "+refused kafka:main:windows=5 ok");
    auto reader = rig.reader();
    CHECK(outputs_of(*reader, model::Log::refused).size() == 1);
    CHECK(take(reader->ledger()).logs[model::Log::refused].appended == 1);
}

TEST_CASE("writer: a store that had to be set aside ends it, with nothing acknowledged and nobody left waiting") {
    Rig rig;
    rig.make();
    rig.store.fault(Fault::before);
    rig.store.set_aside = true;
    rig.start();
    rig.send(1);
    REQUIRE(eventually([&] { return rig.writer->lost(); }));
    CHECK(!rig.drain());
    for (int i = 0; i < 200; i++) {
        auto outputs = engine_outputs(2, 0, 1);
        outputs.blocks[model::Log::windows].first.resize(1 << 20);
        rig.writer->engine_outputs(std::move(outputs));
    }
    rig.writer->stop();
    CHECK(rig.session.released().empty());
}

TEST_CASE("writer: the engine waits while too much is not committed, unless nobody is to wait any more") {
    Rig rig;
    rig.make();
    const auto large = [](uint64_t cursor) {
        auto outputs = engine_outputs(cursor, 0, 1);
        model::DeadLetter dead;
        dead.payload.assign(1 << 20, 'x');
        model::OutputBlockWriter block;
        block.add(dead);
        outputs.blocks[model::Log::dead] = {block.take(), 1};
        return outputs;
    };
    std::atomic<uint64_t> handed{0};
    std::thread engine([&] {
        for (uint64_t i = 1; i <= 20; i++) {
            rig.writer->engine_outputs(large(i));
            handed++;
        }
    });
    REQUIRE(eventually([&] { return handed >= 8; }));
    bool committed = false;
    SUBCASE("the writer comes") {
        rig.start();
        committed = true;
    }
    SUBCASE("the end comes") {
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
        CHECK(handed < 12);
        rig.writer->never_wait();
    }
    engine.join();
    CHECK(handed == 20);
    if (!committed) return;
    REQUIRE(rig.drain());
    auto reader = rig.reader();
    CHECK(outputs_of(*reader, model::Log::dead).size() == 20);
    CHECK(take(reader->cursors())["engine"] == 20);
}

TEST_CASE("writer: whatever fails on the way, everything is there once and acknowledged in order") {
    for (uint32_t seed = 1; seed <= 4; seed++) {
        std::mt19937 random(seed);
        OpenBlockLimits l;
        l.messages = 7;
        Rig rig(l);
        rig.start();
        int outputs = 0;
        uint64_t delivered = 0;
        constexpr uint16_t kMessages = 300;
        for (uint16_t id = 1; id <= kMessages; id++) {
            rig.send(id, "t", std::to_string(id));
            if (random() % 20 == 0) {
                const int count = static_cast<int>(random() % 4);
                rig.writer->engine_outputs(engine_outputs(id, outputs, count));
                outputs += count;
            }
            if (random() % 20 == 0) rig.writer->kafka_progress(model::Log::intake, id, forwarded(1)), delivered++;
            if (random() % 30 == 0) rig.store.fault(random() % 5 == 0 ? Fault::full : Fault::doubt);
            if (random() % 20 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
        }
        rig.store.fault(Fault::before);
        REQUIRE(rig.drain());
        CHECK(rig.session.released() == ids(kMessages));
        CHECK(!rig.session.too_early);
        CHECK(rig.open.bytes_in_use() == 0);
        const auto stored = rig.stored();
        REQUIRE(stored.size() == kMessages);
        for (size_t i = 0; i < stored.size(); i++) CHECK(stored[i] == std::to_string(i + 1));
        auto reader = rig.reader();
        CHECK(outputs_of(*reader, model::Log::windows) == windows(0, outputs));
        auto ledger = take(reader->ledger());
        CHECK(ledger.logs[model::Log::windows].appended == static_cast<uint64_t>(outputs));
        CHECK(ledger.streams["s"].fates[size_t(model::Fate::forwarded)] == delivered);
        CHECK(rig.writer->ledger().streams == ledger.streams);
        CHECK(rig.writer->ledger().logs == ledger.logs);
        CHECK(rig.writer->cursors() == take(reader->cursors()));
    }
}

TEST_CASE("writer: when drain() says done, all that was there before it is committed") {
    Rig rig;
    rig.start();
    for (uint16_t id = 1; id <= 300; id++) {
        rig.send(id);
        rig.writer->kafka_progress(model::Log::intake, id, {});
        REQUIRE(rig.drain());
        CHECK(rig.session.released().size() == id);
        CHECK(rig.writer->usage().commits > 0);
        CHECK(take(rig.reader()->cursors())["kafka:main:intake"] == id);
    }
}

TEST_CASE("writer: status sees what is handed in; nothing of it is in the store before the commit") {
    Rig rig;
    rig.make();
    rig.writer->kafka_progress(model::Log::intake, 8, forwarded(2));
    rig.writer->remember("key", "value");
    CHECK(rig.writer->cursors()["kafka:main:intake"] == 8);
    CHECK(rig.writer->ledger().streams["s"].fates[0] == 2);
    auto reader = rig.reader();
    CHECK(take(reader->cursors()).empty());
    rig.start();
    REQUIRE(rig.drain());
    CHECK(take(reader->cursors())["kafka:main:intake"] == 8);
    CHECK(take(reader->meta())["key"] == "value");
}

TEST_CASE("writer: nothing is deleted that a cursor, the checkpoint or history still wants; the rest goes in time") {
    for (uint32_t seed = 1; seed <= 6; seed++) {
        std::mt19937 random(seed);
        const bool history = seed % 3 == 0;
        Rig rig({}, {0, history ? 3600 * base::kNsPerSecond : 0, 1 << 30});
        rig.start();
        uint64_t engine = 1, kafka = 1, kafka_windows = 1, checkpoint = 0;
        int outputs = 0;
        for (uint16_t round = 1; round <= 120; round++) {
            for (int i = 0; i < 3; i++) rig.send(round);
            REQUIRE(rig.drain());
            const uint64_t end = rig.store.next_seq(model::Log::intake);
            const uint64_t windows_end = rig.store.next_seq(model::Log::windows);
            const auto up = [&](uint64_t from, uint64_t to) { return from + random() % (to - from + 1); };
            engine = up(engine, end);
            rig.writer->engine_outputs(engine_outputs(engine, outputs, 2));
            outputs += 2;
            kafka = up(kafka, engine);
            rig.writer->kafka_progress(model::Log::intake, kafka, {});
            kafka_windows = up(kafka_windows, windows_end);
            rig.writer->kafka_progress(model::Log::windows, kafka_windows, {});
            if (random() % 4 == 0) {
                checkpoint = up(std::max<uint64_t>(checkpoint, 1), engine);
                rig.writer->checkpoint({checkpoint, "1", "state"});
            }
            REQUIRE(rig.drain());  // the store belongs to the writer's thread; look at it when that is idle
            if (seed == 4 && round == 60) rig.store.bad_block = rig.store.first_seq(model::Log::intake);
            CHECK(rig.store.first_seq(model::Log::intake) <=
                  std::max<uint64_t>(1, std::min({engine, kafka, checkpoint})));
            CHECK(rig.store.first_seq(model::Log::windows) <= kafka_windows);
        }
        // All have passed everything: a while later only little is left, unless history keeps it.
        const uint64_t end = rig.store.next_seq(model::Log::intake);
        const uint64_t windows_end = rig.store.next_seq(model::Log::windows);
        rig.writer->engine_outputs(engine_outputs(end, outputs, 1));
        rig.writer->kafka_progress(model::Log::intake, end, {});
        rig.writer->kafka_progress(model::Log::windows, windows_end, {});
        rig.writer->checkpoint({end, "1", "state"});
        for (uint16_t round = 1; round <= 160; round++) {
            rig.send(round);
            REQUIRE(rig.drain());
        }
        const uint64_t first = rig.store.first_seq(model::Log::intake);
        if (history)
            CHECK(first == 1);
        else
            CHECK(first >= end);
    }
}

TEST_CASE("writer: adaptive gathering follows the disk between 50 ms and what is configured") {
    constexpr int64_t kMost = 500 * base::kNsPerMs;
    OpenBlockLimits limits;
    limits.gather_ns = kMost;
    Rig rig(limits, {kMost, 3600 * base::kNsPerSecond, 1 << 30, false, true});
    CHECK(rig.open.gather_ns() == kMost);
    rig.store.slow_ms = 22;
    rig.start();
    for (uint16_t id = 1; id <= 20; id++) {
        rig.send(id);
        REQUIRE(rig.drain());
        CHECK(rig.open.gather_ns() >= 400 * base::kNsPerMs);
        CHECK(rig.open.gather_ns() <= kMost);
    }
    rig.store.slow_ms = 0;
    for (uint16_t id = 21; id <= 60; id++) {
        rig.send(id);
        REQUIRE(rig.drain());
        CHECK(rig.open.gather_ns() >= 50 * base::kNsPerMs);
    }
    CHECK(rig.session.released() == ids(60));
}

}  // namespace tributary::gateway
