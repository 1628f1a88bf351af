// SPDX-License-Identifier: Apache-2.0
// Blocks are damaged behind the gateway's back: what was in them is announced in the gaps log and has a fate in the
// ledger, once, whoever is killed meanwhile, and in the end nothing is pending.
#include "gateway/damage.hpp"

#include "base/files.hpp"
#include "gateway/outage.hpp"
#include "store/database.hpp"

namespace tributary::gateway {
namespace {

constexpr int64_t kEvery = 100;
const Plan kPlan{10, 200, int64_t{1} << 30};

struct Place {
    uint64_t seq = 0;
    uint32_t count = 0;
    uint64_t messages = 0;
    uint64_t end() const { return seq + count; }
};
std::vector<Place> places(const std::string& path, model::Log log) {
    std::vector<Place> found;
    const auto reader = take(store::Reader::open(path));
    for (uint64_t seq = 1; auto block = take(reader->block_at(log, seq));) {
        seq = block->end_seq();
        found.push_back({block->first_seq, block->count, 0});
        if (log != model::Log::intake) continue;
        model::IntakeBlockReader records(block->body, block->first_seq);
        for (model::IntakeRecord record; records.next(record);)
            found.back().messages += record.message() != nullptr ? 1 : 0;
    }
    return found;
}

void meddle(const std::string& path, const std::string& sql) {
    store::Database database;
    REQUIRE(database.open(path, store::Database::Mode::write));
    REQUIRE(database.exec(sql.c_str()));
}
void spoil(const std::string& path, model::Log log, uint64_t seq) {
    meddle(path, base::format("UPDATE block SET body = CAST(body || x'00' AS BLOB) WHERE log = {} AND seq = {}",
                              static_cast<int>(log), seq));
}

// A run that took in and processed everything while Kafka was away; blocks of about a hundred messages.
struct Town {
    Town() {
        Box box(path(), kPlan, clock);
        box.open->control(model::ConfigRecord{engine::kEngineVersion, std::string(kConfig)}, true);
        for (int64_t second = 0; second < kPlan.seconds; second += 10) {
            send(box, clock, kPlan, second, second + 10, kEvery);
            REQUIRE(settle(box));
        }
    }
    std::string path() const { return folder.path + "/store.db"; }
    model::Ledger ledger() const { return take(take(store::Reader::open(path()))->ledger()); }

    // Kafka takes so many records; killed: what the writer has not committed is gone. Gap records it got, by id.
    void run(int most, bool killed) {
        Box box(path(), kPlan, clock);
        REQUIRE(box.caught_up());
        FakeKafka kafka(box);
        const auto take_in = [&](model::Log log, const kafka::Item& item) {
            if (log == model::Log::gaps) gaps[item.record->id] = std::string(item.value);
            if (log == model::Log::intake) readings.insert(item.record->id);
            if (log == model::Log::events) events.insert(item.record->id);
        };
        for (int idle = 0; idle < 3;) {
            idle = kafka.drain(take_in, most) ? 0 : idle + 1;
            if (killed) return;
            REQUIRE(settle(box));
        }
    }
    std::set<std::string> announced() const {
        std::set<std::string> out;
        for (const auto& [id, value] : gaps)
            out.insert(base::format("{} {:.0f}..{:.0f} {:.0f} {}", text(value, "log"), number(value, "from"),
                                    number(value, "to"), number(value, "count"), text(value, "reason")));
        CHECK(out.size() == gaps.size());  // nothing twice
        return out;
    }

    TempFolder folder;
    base::ManualClock clock{kStart};
    std::map<std::string, std::string> gaps;
    std::set<std::string> readings, events;
};

std::string gap_of(model::Log log, const Place& place) {
    return base::format("{} {}..{} {} damaged", model::log_name(log), place.seq, place.end() - 1, place.count);
}

uint64_t damaged_of(const model::Ledger& ledger, const std::string& stream) {
    const auto found = ledger.streams.find(stream);
    return found == ledger.streams.end() ? 0 : found->second.fates[static_cast<size_t>(model::Fate::damaged)];
}

void check_nothing_pending(const model::Ledger& ledger) {
    for (const auto& [name, account] : ledger.streams) CHECK_MESSAGE(account.pending() == 0, name);
    for (const auto& [log, account] : ledger.logs) CHECK_MESSAGE(account.pending() == 0, model::log_name(log));
}

}  // namespace

TEST_CASE("damage: what it took has a fate and is announced, once, whenever we are killed") {
    for (const int most : {0, 1, 150, 400, 700, INT32_MAX}) {
        CAPTURE(most);
        Town town;
        const auto intake = places(town.path(), model::Log::intake), events = places(town.path(), model::Log::events);
        REQUIRE(intake.size() >= 10);
        REQUIRE(events.size() >= 3);
        // Processed and not sent; of two that stand side by side one row is not even there any more.
        const Place lost = intake[2], gone{intake[5].seq, intake[5].count + intake[6].count, 0};
        const uint64_t owed = lost.messages + intake[5].messages + intake[6].messages;
        // Stored when the process was killed, not processed yet.
        Place unseen;
        {
            const auto store = open_store(town.path());
            Intake more(*store);
            unseen = {more.add(message("p/1", R"({"ts":1,"value":1})")).add(message("p/2", "2")).commit(), 2, 2};
            more.add(message("p/3", R"({"ts":1700000500000,"value":3})"), kStart + 400 * kSecond).commit();
        }
        for (const uint64_t seq : {lost.seq, intake[5].seq, unseen.seq}) spoil(town.path(), model::Log::intake, seq);
        meddle(town.path(), base::format("DELETE FROM block WHERE log = 1 AND seq = {}", intake[6].seq));
        spoil(town.path(), model::Log::events, events[1].seq);
        meddle(town.path(), base::format("DELETE FROM block WHERE log = 3 AND seq = {}", events.back().seq));

        town.run(most, true);
        town.run(INT32_MAX, false);
        const auto ledger = town.ledger();
        check_nothing_pending(ledger);
        const uint64_t sent = static_cast<uint64_t>(kPlan.series) * static_cast<uint64_t>(kPlan.seconds);
        CHECK(ledger.streams.at("all").received == sent + 1);
        CHECK(damaged_of(ledger, "all") == owed);
        CHECK(damaged_of(ledger, "alarm") == 0);  // it owes Kafka no message: the engine has settled them
        CHECK(damaged_of(ledger, "") == unseen.count);
        CHECK(town.readings.size() == sent + 1 - owed);
        CHECK(ledger.logs.at(model::Log::events).damaged == events[1].count + events.back().count);
        CHECK(ledger.logs.at(model::Log::events).delivered == town.events.size());
        const std::set<std::string> wanted{gap_of(model::Log::intake, lost), gap_of(model::Log::intake, gone),
                                           gap_of(model::Log::intake, unseen), gap_of(model::Log::events, events[1]),
                                           gap_of(model::Log::events, events.back())};
        CHECK(town.announced() == wanted);
        for (const auto& [id, value] : town.gaps)
            if (text(value, "log") == "intake" && static_cast<uint64_t>(number(value, "from")) == lost.seq) {
                CHECK(text(value, "incarnation").size() == 16);
                CHECK(number(value, "start") >= static_cast<double>(kStart / base::kNsPerMs));
                CHECK(number(value, "end") >= number(value, "start"));
            }

        // Again, and a run that starts from history.
        for (int i = 0; i < 2; i++) town.run(INT32_MAX, false);
        CHECK(town.announced() == wanted);
        CHECK(town.ledger().streams == ledger.streams);
        CHECK(town.ledger().logs == ledger.logs);
    }
}

TEST_CASE("damage: a configuration in a block that is gone holds all the same, for the engine as for kafka") {
    Town town;
    uint64_t lost = 0;
    std::string other(kConfig);
    other.replace(other.find("\"all\""), 5, "\"new\"");
    {
        const auto store = open_store(town.path());
        Intake more(*store);
        lost = more.add(model::ConfigRecord{engine::kEngineVersion, other}).add(message("p/1", "1")).commit();
        more.add(message("p/3", R"({"ts":1700000500000,"value":3})"), kStart + 400 * kSecond).commit();
    }
    spoil(town.path(), model::Log::intake, lost);
    for (int i = 0; i < 2; i++) {
        town.run(INT32_MAX, false);
        const auto ledger = town.ledger();
        check_nothing_pending(ledger);
        CHECK(ledger.streams.at("new").received == 1);
        CHECK(ledger.streams.at("new").fates[static_cast<size_t>(model::Fate::forwarded)] == 1);
        CHECK(damaged_of(ledger, "all") == 0);
        CHECK(damaged_of(ledger, "") == 2);
    }
}

TEST_CASE("damage: a file that was salvaged, and cursors that nobody can trust, leave nothing pending") {
    for (const char* what : {"the head of the file", "a cursor", "the ledger"}) {
        CAPTURE(what);
        Town town;
        if (what == std::string_view("the head of the file")) {
            store::Database database;  // the WAL home first: it holds the first page, too
            REQUIRE(database.open(town.path(), store::Database::Mode::write));
            REQUIRE(database.checkpoint());
        } else {
            town.run(300, false);
        }
        if (what == std::string_view("the head of the file")) {
            const auto bytes = take(base::read_file(town.path()));
            REQUIRE(base::write_file_atomically(town.path(), std::string(100, '\0') + bytes.substr(100)).ok());
        } else if (what == std::string_view("a cursor")) {
            meddle(town.path(), "UPDATE state SET n = n + 1 WHERE kind = 'cursor' AND name = 'engine'");
        } else {
            meddle(town.path(), "UPDATE state SET n = n - 7 WHERE kind = 'stream' AND item = 'received'");
            meddle(town.path(), "UPDATE state SET n = n - 1 WHERE kind = 'log' AND item = 'appended'");
        }
        for (int i = 0; i < 2; i++) {
            town.run(INT32_MAX, false);
            check_nothing_pending(town.ledger());
        }
        const uint64_t sent = static_cast<uint64_t>(kPlan.series) * static_cast<uint64_t>(kPlan.seconds);
        CHECK(town.readings.size() == sent);
        CHECK(town.gaps.empty());
    }
}

TEST_CASE("damage: ranges are kept until the cursor is past them, and noted anew after a walk went back") {
    Damage damage;
    const auto gap = [](model::Log log, uint64_t from, uint64_t to) {
        model::Gap one;
        one.log = log, one.from_seq = from, one.to_seq = to;
        return one;
    };
    damage.note(gap(model::Log::intake, 10, 19));
    damage.note(gap(model::Log::windows, 3, 5));
    damage.note(gap(model::Log::intake, 30, 39));
    CHECK(damage.take(model::Log::intake, 19).empty());
    CHECK(damage.take(model::Log::intake, 20) == std::vector{gap(model::Log::intake, 10, 19)});
    CHECK(damage.take(model::Log::intake, 20).empty());
    damage.note(gap(model::Log::intake, 25, 39));  // it has grown
    CHECK(damage.take(model::Log::intake, 100) == std::vector{gap(model::Log::intake, 25, 39)});
    CHECK(damage.take(model::Log::windows, 6).size() == 1);

    const std::set<model::Log> logs{model::Log::intake, model::Log::thinned};
    CHECK(text_of(logs) == "intake thinned");
    CHECK(damaged_logs("intake thinned") == logs);
    CHECK(damaged_logs("").empty());
    CHECK(damaged_logs("nothing known").empty());
}

}  // namespace tributary::gateway
