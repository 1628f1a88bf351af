// SPDX-License-Identifier: Apache-2.0
#include "gateway/open_block.hpp"

#include <random>

#include "gateway/support.hpp"

namespace tributary::gateway {
namespace {

constexpr int64_t kNow = 1'700'000'000 * base::kNsPerSecond;

struct Block {
    explicit Block(OpenBlockLimits limits) : open(limits, clock, arrival) {}
    base::ManualClock clock{kNow};
    ArrivalClock arrival{clock};
    OpenBlock open;

    bool send(std::string_view topic, std::string_view payload, uint16_t id) {
        const mqtt::Ticket ticket{7, id};
        return open.message(message(topic, payload, id), &ticket);
    }
};

OpenBlockLimits limits(uint32_t messages, size_t bytes, size_t queue, int64_t gather_ns) {
    OpenBlockLimits l;
    l.messages = messages, l.bytes = bytes, l.queue_bytes = queue, l.gather_ns = gather_ns;
    return l;
}

std::vector<model::IntakeRecord> records(const ClosedBlock& block, uint64_t first = 1) {
    std::vector<model::IntakeRecord> out;
    const uint64_t begin = first;
    for (const auto& part : block.parts) {
        model::IntakeBlockReader reader(part.body, first);
        for (model::IntakeRecord record; reader.next(record);) out.push_back(record);
        CHECK(reader.ok());
        first += part.count;
        CHECK(out.size() == first - begin);
    }
    CHECK(out.size() == block.count);
    return out;
}

// Topics l/#, n/#, h/# by their priority.
config::Settings three_priorities() {
    config::Settings settings;
    for (const auto& [name, priority] : {std::pair{"l", model::Priority::low}, std::pair{"n", model::Priority::normal},
                                         std::pair{"h", model::Priority::high}}) {
        config::StreamSettings stream;
        stream.name = name, stream.topics = {std::string(name) + "/#"}, stream.priority = priority;
        settings.streams.push_back(std::move(stream));
    }
    return settings;
}

std::string kinds(const ClosedBlock& block) {
    std::string out;
    for (const auto& record : records(block))
        out += record.message() != nullptr                                 ? std::string(record.message()->payload)
               : std::holds_alternative<model::SessionRecord>(record.body) ? "S"
               : std::holds_alternative<model::ClockRecord>(record.body)   ? "C"
               : std::holds_alternative<model::ConfigRecord>(record.body)  ? "F"
                                                                           : "T";
    return out;
}

}  // namespace

TEST_CASE("open block: messages and control records stand in the order they came") {
    Block b(limits(100, 1 << 20, 1 << 20, base::kNsPerSecond));
    CHECK(b.send("t/1", "one", 11));
    b.clock.advance(base::kNsPerMs);
    b.open.control(model::ConfigRecord{"1", "the text"}, false);
    CHECK(b.open.message(message("t/2", "two"), nullptr));
    b.open.control(model::ClockRecord{model::ClockState::holdover, b.arrival.anchor_ns() + 50 * base::kNsPerMs, 3},
                   false);
    b.open.session({4, true, true});
    b.open.control(model::MuteRecord{"line1/#", 77}, false);
    b.open.control(model::TickRecord{}, false);
    CHECK(!b.open.take(b.clock.boot_ns()));
    b.clock.advance(base::kNsPerSecond);
    auto block = b.open.take(0);
    REQUIRE(block);
    const auto all = records(*block, 50);
    REQUIRE(all.size() == 7);
    CHECK(all[0].seq == 50);
    CHECK(all[0].message()->payload == "one");
    CHECK(all[0].arrival_ns == kNow);
    CHECK(std::get<model::ConfigRecord>(all[1].body).text == "the text");
    CHECK(all[1].arrival_ns == kNow + base::kNsPerMs);
    CHECK(all[2].message()->topic == "t/2");
    CHECK(std::get<model::ClockRecord>(all[3].body).epoch == 3);
    CHECK(all[2].arrival_ns == kNow + base::kNsPerMs);  // the anchor moves with the record, not before it
    CHECK(all[3].arrival_ns == kNow + 51 * base::kNsPerMs);
    CHECK(std::get<model::SessionRecord>(all[4].body).session == 4);
    CHECK(std::get<model::MuteRecord>(all[5].body).series == "line1/#");
    CHECK(std::holds_alternative<model::TickRecord>(all[6].body));
    REQUIRE(block->tickets.size() == 1);
    CHECK(block->tickets[0].message_id == 11);
    REQUIRE(block->configs.size() == 1);
    CHECK(block->configs[0] == std::pair<uint32_t, std::string>{1, "the text"});
    REQUIRE(block->clocks.size() == 1);
    CHECK(block->clocks[0].index == 3);
    CHECK(block->clocks[0].before_ns == kNow + base::kNsPerMs);
    CHECK(block->clocks[0].arrival_ns == kNow + 51 * base::kNsPerMs);
    CHECK(block->clocks[0].record.state == model::ClockState::holdover);
    CHECK(block->newest_ns == kNow + 51 * base::kNsPerMs);
    CHECK(block->session == 4);
    REQUIRE(block->parts.size() == 1);
    CHECK(block->parts[0].first_time_ns == kNow);
    CHECK(block->parts[0].last_time_ns == kNow + 51 * base::kNsPerMs);
    // Indices begin anew with the next block.
    b.open.control(model::ClockRecord{}, true);
    block = b.open.take(0);
    REQUIRE(block);
    CHECK(block->clocks.at(0).index == 0);
    CHECK(!block->clocks.at(0).before_ns);
    CHECK(block->configs.empty());
}

TEST_CASE("open block: a small step back stands still, a larger one goes back") {
    Block b(limits(100, 1 << 20, 1 << 20, 0));
    const int64_t anchor = b.arrival.anchor_ns();
    b.open.resume(kNow + 500 * base::kNsPerMs);  // the log is a little ahead of us
    CHECK(b.send("t", "1", 1));
    b.clock.advance(2 * base::kNsPerSecond + 1);
    CHECK(b.send("t", "2", 2));
    b.open.control(model::ClockRecord{model::ClockState::synced, anchor - base::kNsPerSecond, 0}, false);
    b.clock.advance(base::kNsPerSecond / 2);
    CHECK(b.send("t", "3", 3));
    b.clock.advance(base::kNsPerSecond);
    CHECK(b.send("t", "4", 4));
    b.open.control(model::ClockRecord{model::ClockState::synced, anchor - 10 * base::kNsPerSecond, 1}, false);
    auto block = b.open.take_now();
    REQUIRE(block);
    std::vector<int64_t> after_ms;
    for (const auto& record : records(*block, 1)) after_ms.push_back((record.arrival_ns - kNow) / base::kNsPerMs);
    CHECK(after_ms == std::vector<int64_t>{500, 2000, 2000, 2000, 2500, -6500});
}

TEST_CASE("open block: when it closes") {
    SUBCASE("by messages") {
        Block b(limits(3, 1 << 20, 1 << 20, base::kNsPerSecond));
        CHECK((b.send("t", "x", 1) && b.send("t", "x", 2)));
        CHECK(!b.open.take(0));
        CHECK((b.send("t", "x", 3) && b.send("t", "x", 4)));
        auto block = b.open.take(0);
        REQUIRE(block);
        CHECK(block->count == 3);
        CHECK(!b.open.take(0));
    }
    SUBCASE("by bytes") {
        Block b(limits(1000, 1000, 1 << 20, base::kNsPerSecond));
        const std::string payload(600, 'x');
        CHECK(b.send("t", payload, 1));
        CHECK(!b.open.take(0));
        CHECK(b.send("t", payload, 2));
        CHECK(b.open.take(0)->count == 2);
    }
    SUBCASE("by gather, from the first record on") {
        Block b(limits(1000, 1 << 20, 1 << 20, base::kNsPerSecond));
        CHECK(b.send("t", "x", 1));
        b.clock.advance(base::kNsPerSecond - 1);
        CHECK(b.send("t", "x", 2));
        CHECK(!b.open.take(0));
        b.clock.advance(1);
        CHECK(b.open.take(0)->count == 2);
    }
    SUBCASE("a window of 3.1.1 that is full and quiet") {
        auto l = limits(1000, 1 << 20, 1 << 20, base::kNsPerSecond);
        l.stall_messages = 2;
        Block b(l);
        CHECK(b.send("t", "x", 1));
        b.clock.advance(10 * base::kNsPerMs);
        CHECK(!b.open.take(0));  // not full
        CHECK(b.send("t", "x", 2));
        b.clock.advance(2 * base::kNsPerMs - 1);
        CHECK(!b.open.take(0));  // not quiet long enough
        CHECK(b.send("t", "x", 3));
        b.clock.advance(1);
        CHECK(!b.open.take(0));
        b.clock.advance(2 * base::kNsPerMs);
        CHECK(b.open.take(0)->count == 3);
    }
    SUBCASE("at once") {
        Block b(limits(1000, 1 << 20, 1 << 20, base::kNsPerSecond));
        CHECK(b.send("t", "x", 1));
        b.open.control(model::TickRecord{}, true);
        CHECK(b.open.take(0)->count == 2);
    }
    SUBCASE("take_now at the end") {
        Block b(limits(1000, 1 << 20, 1 << 20, base::kNsPerSecond));
        CHECK(!b.open.take_now());
        CHECK(b.send("t", "x", 1));
        CHECK(b.open.take_now()->count == 1);
        CHECK(!b.open.take_now());
    }
}

TEST_CASE("open block: redeliveries alone make a block without records, acknowledged in order") {
    Block b(limits(3, 1 << 20, 1 << 20, base::kNsPerSecond));
    b.open.acknowledge_only({7, 1});
    CHECK(!b.open.take(0));
    b.open.acknowledge_only({7, 2});
    b.open.acknowledge_only({7, 3});
    auto block = b.open.take(0);
    REQUIRE(block);
    CHECK(block->count == 0);
    CHECK(block->parts.empty());
    CHECK(block->duplicates == 3);
    CHECK(block->cost_bytes == 0);
    // Between messages.
    CHECK(b.send("t", "x", 4));
    b.open.acknowledge_only({7, 5});
    CHECK(b.send("t", "x", 6));
    block = b.open.take_now();
    REQUIRE(block);
    CHECK(block->count == 2);
    CHECK(block->duplicates == 1);
    REQUIRE(block->tickets.size() == 3);
    CHECK(block->tickets[1].message_id == 5);
    CHECK(block->tickets[2].message_id == 6);
}

TEST_CASE("open block: bounded in bytes, and room comes with the commit") {
    Block b(limits(1000, 1 << 20, 1000, base::kNsPerSecond));
    const std::string payload(300, 'x');
    CHECK(b.send("t", payload, 1));
    CHECK(b.send("t", payload, 2));
    CHECK(b.send("t", payload, 3));
    CHECK(!b.send("t", payload, 4));
    const size_t used = b.open.bytes_in_use();
    CHECK(used <= 1000);
    CHECK(!b.open.wait_for_room(base::kNsPerMs));
    auto block = b.open.take(0);  // waiting for room closes the block, gather or not
    REQUIRE(block);
    CHECK(block->count == 3);
    CHECK(block->cost_bytes == used);
    CHECK(!b.send("t", payload, 4));  // taken is not committed
    std::thread committer([&] { b.open.committed(block->cost_bytes); });
    CHECK(b.open.wait_for_room(60 * base::kNsPerSecond));
    committer.join();
    CHECK(b.open.bytes_in_use() == 0);
    CHECK(b.send("t", payload, 4));
    // One message larger than the bound goes through alone.
    auto rest = b.open.take_now();
    b.open.committed(rest->cost_bytes);
    CHECK(b.send("t", std::string(5000, 'y'), 5));
    CHECK(!b.send("t", "z", 6));
}

TEST_CASE("open block: a waiting writer is woken by wake() and by the first record") {
    OpenBlockLimits l;
    base::SystemClock clock;
    ArrivalClock arrival(clock);
    OpenBlock open(l, clock, arrival);
    std::thread waker([&] { open.wake(); });
    CHECK(!open.take(base::kNever));
    waker.join();
    std::thread sender([&] { CHECK(open.message(message("t", "x"), nullptr)); });
    auto block = open.take(base::kNever);
    sender.join();
    REQUIRE(block);
    CHECK(block->count == 1);
}

TEST_CASE("open block: whatever happens, no byte of the bound leaks and no record or ticket is lost") {
    for (uint32_t seed = 1; seed <= 40; seed++) {
        std::mt19937 random(seed);
        auto l = limits(1 + random() % 20, 200 + random() % 3000, 500 + random() % 5000, random() % 3 * base::kNsPerMs);
        l.stall_messages = random() % 2 == 0 ? 0 : 1 + random() % 10;
        Block b(l);
        std::deque<ClosedBlock> taken;
        std::vector<uint16_t> sent, seen;
        uint64_t stored = 0, expected = 0, duplicates = 0, seen_duplicates = 0;
        const auto finish = [&] {
            for (const auto& t : taken.front().tickets) seen.push_back(t.message_id);
            stored += records(taken.front()).size();
            seen_duplicates += taken.front().duplicates;
            b.open.committed(taken.front().cost_bytes);
            taken.pop_front();
        };
        uint16_t id = 0;
        for (int step = 0; step < 500; step++) {
            switch (random() % 8) {
                case 0:
                    b.open.acknowledge_only({1, ++id});
                    sent.push_back(id), duplicates++;
                    break;
                case 1:
                    b.open.control(model::TickRecord{}, random() % 4 == 0);
                    expected++;
                    break;
                case 2:
                    b.clock.advance(random() % 2000 * base::kNsPerUs);
                    break;
                case 3:
                    if (auto block = b.open.take(0)) taken.push_back(std::move(*block));
                    break;
                case 4:
                    if (!taken.empty()) finish();
                    break;
                case 5:
                    (void)b.open.wait_for_room(0);
                    break;
                default:
                    if (b.send("t/" + std::to_string(random() % 5), std::string(random() % 300, 'x'), ++id)) {
                        sent.push_back(id), expected++;
                        CHECK((b.open.bytes_in_use() <= l.queue_bytes || b.open.bytes_in_use() < 400));
                    }
            }
        }
        while (auto block = b.open.take_now()) taken.push_back(std::move(*block));
        while (!taken.empty()) finish();
        CHECK(b.open.bytes_in_use() == 0);
        CHECK(stored == expected);
        CHECK(seen == sent);
        CHECK(seen_duplicates == duplicates);
    }
}

TEST_CASE("open block: a part for each priority, one behind the other; one set of tickets for all") {
    Block b(limits(100, 1 << 20, 1 << 20, base::kNsPerSecond));
    b.open.set_classes(std::make_shared<Classes>(three_priorities()));
    uint16_t id = 0;
    for (const auto* topic : {"n/1", "h/1", "n/2", "l/1", "h/2", "other", "l/1"}) {
        id++;
        CHECK(b.send(topic, std::string(1, static_cast<char>('a' + id - 1)), id));
    }
    const auto block = b.open.take_now();
    REQUIRE(block);
    REQUIRE(block->parts.size() == 3);  // in the order in which their first messages came
    CHECK(block->parts[0].priority == model::Priority::normal);
    CHECK(block->parts[1].priority == model::Priority::high);
    CHECK(block->parts[2].priority == model::Priority::low);
    CHECK(block->parts[0].count == 3);
    CHECK(kinds(*block) == "acfbedg");
    CHECK(block->count == 7);
    std::vector<uint16_t> acks;
    for (const auto& ticket : block->tickets) acks.push_back(ticket.message_id);
    CHECK(acks == std::vector<uint16_t>{1, 2, 3, 4, 5, 6, 7});  // as they came
    CHECK(block->counted.empty());
    CHECK(b.send("l/1", "x", 8));
    const auto next = b.open.take_now();
    REQUIRE(next);
    REQUIRE(next->parts.size() == 1);
    CHECK(next->parts[0].priority == model::Priority::low);
}

TEST_CASE("open block: the bounds of a block are those of all its parts together") {
    Block messages(limits(5, 1 << 20, 1 << 20, base::kNsPerSecond));
    messages.open.set_classes(std::make_shared<Classes>(three_priorities()));
    for (const auto* topic : {"l/1", "n/1", "h/1", "l/1"}) CHECK(messages.send(topic, "x", 1));
    CHECK(!messages.open.take(0));
    CHECK(messages.send("n/1", "x", 1));
    CHECK(messages.open.take(0)->count == 5);
    Block bytes(limits(100, 1000, 1 << 20, base::kNsPerSecond));
    bytes.open.set_classes(std::make_shared<Classes>(three_priorities()));
    for (const auto* topic : {"l/1", "n/1", "h/1"}) CHECK(bytes.send(topic, std::string(300, 'x'), 1));
    CHECK(!bytes.open.take(0));
    CHECK(bytes.send("n/1", std::string(100, 'x'), 1));
    CHECK(bytes.open.take(0)->count == 4);
}

TEST_CASE("open block: a control record stands behind all that came before it and before all that came later") {
    for (uint32_t seed = 1; seed <= 40; seed++) {
        CAPTURE(seed);
        std::mt19937 random(seed);
        Block b(limits(50, 1 << 20, 1 << 20, base::kNsPerSecond));
        b.open.set_classes(std::make_shared<Classes>(three_priorities()));
        // Each record by its number; behind a control record no smaller one may stand, before it no greater one.
        std::vector<std::pair<int, bool>> stored;
        const auto drain = [&](std::optional<ClosedBlock> block) {
            if (!block) return;
            uint32_t index = 0;
            for (const auto& record : records(*block)) {
                const auto* message = record.message();
                if (message != nullptr) {
                    stored.emplace_back(std::stoi(std::string(message->payload)), false);
                } else if (const auto* config = std::get_if<model::ConfigRecord>(&record.body)) {
                    stored.emplace_back(std::stoi(std::string(config->text)), true);
                    const auto known = std::find(block->configs.begin(), block->configs.end(),
                                                 std::pair(index, std::string(config->text)));
                    CHECK(known != block->configs.end());  // by its place in the whole block
                } else if (const auto* clock = std::get_if<model::ClockRecord>(&record.body)) {
                    stored.emplace_back(static_cast<int>(clock->epoch), true);
                    CHECK(std::any_of(block->clocks.begin(), block->clocks.end(), [&](const auto& one) {
                        return one.index == index && one.record.epoch == clock->epoch;
                    }));
                } else {
                    stored.emplace_back(static_cast<int>(std::get<model::SessionRecord>(record.body).session), true);
                }
                index++;
            }
        };
        const int count = 300;
        for (int i = 0; i < count; i++) {
            const auto text = std::to_string(i);
            switch (random() % 12) {
                case 0:
                    b.open.control(model::ConfigRecord{"1", text}, random() % 2 == 0);
                    break;
                case 1:
                    b.open.control(
                        model::ClockRecord{model::ClockState::synced, b.arrival.anchor_ns(), static_cast<uint32_t>(i)},
                        false);
                    break;
                case 2:
                    b.open.session({static_cast<uint32_t>(i), true, true});
                    break;
                default:
                    CHECK(b.send(std::string(1, "lnh"[random() % 3]) + "/" + std::to_string(random() % 3), text, 1));
            }
            if (random() % 20 == 0) drain(b.open.take(0));
        }
        while (auto block = b.open.take_now()) drain(std::move(block));
        REQUIRE(stored.size() == count);
        int most = -1, at_control = -1;
        for (const auto& [number, control] : stored) {
            CHECK(number > at_control);
            if (control) {
                CHECK(number > most);
                at_control = number;
            }
            most = std::max(most, number);
        }
    }
}

TEST_CASE("open block: classes change between blocks; bytes are counted for streams with a quota") {
    auto settings = three_priorities();
    settings.streams[1].quota.percent = 20;
    Block b(limits(100, 1 << 20, 1 << 20, base::kNsPerSecond));
    CHECK(b.send("n/1", "1", 1));
    b.open.set_classes(std::make_shared<Classes>(settings));
    CHECK(b.send("n/1", "2", 2));
    CHECK(b.send("h/1", "not counted", 3));
    b.open.set_classes(std::make_shared<Classes>(settings, std::vector<std::string>{"n"}));
    CHECK(b.send("n/1", "3", 4));
    b.open.set_classes(nullptr);
    CHECK(b.send("n/1", "4", 5));
    std::vector<model::Priority> priorities;
    std::vector<uint64_t> normal, over;
    while (auto block = b.open.take_now()) {
        priorities.push_back(block->parts.at(0).priority);
        if (block->counted.empty()) continue;
        REQUIRE(block->classes->with_quota() == std::vector<std::string>{"n"});
        REQUIRE(block->counted.size() == model::kPriorities);
        normal.push_back(block->counted[size_t(model::Priority::normal)]);
        over.push_back(block->counted[size_t(model::Priority::over_quota)]);
        CHECK(block->counted[size_t(model::Priority::high)] == 0);
    }
    CHECK(priorities == std::vector<model::Priority>{model::Priority::normal, model::Priority::normal,
                                                     model::Priority::over_quota, model::Priority::normal});
    REQUIRE(normal.size() == 2);
    CHECK((normal[0] > 5 && normal[0] < 30 && normal[1] == 0));
    CHECK((over[0] == 0 && over[1] == normal[0]));
}

}  // namespace tributary::gateway
