// SPDX-License-Identifier: Apache-2.0
#include "gateway/selection.hpp"

#include "config/load.hpp"
#include "engine/engine.hpp"
#include "gateway/log_range.hpp"
#include "gateway/resend.hpp"
#include "gateway/support.hpp"

namespace tributary::gateway {
namespace {

constexpr int64_t kStart = 1'700'000'000 * base::kNsPerSecond;

config::Settings settings() {
    config::Settings made;
    made.gateway.id = "line1";
    made.kafka.prefix = "tb";
    made.kafka.mock = true;
    return made;
}

// Intake: 1 the configuration, then messages of two values each; windows 1..30 in blocks of ten, of which the first
// was trimmed.
struct Filled {
    Filled() {
        const std::string config =
            "[gateway]\nid = \"line1\"\n[[stream]]\nname = \"m\"\ntopics = [\"m/+\"]\nformat = \"json\"\n"
            "forward = \"all\"\nvalues = { t = \"/t\", h = \"/h\" }\n";
        for (const auto& found : config::parse_engine_text(config).diagnostics) FAIL_CHECK(found.message);
        Intake intake(*store);
        intake.add(model::ConfigRecord{engine::kEngineVersion, config}, kStart);
        for (int i = 2; i <= 40; i++) {
            intake.add(message("m/1", base::format(R"({{"t":{},"h":{}}})", i, i + 100)),
                       kStart + i * base::kNsPerSecond);
            if (i % 10 == 0) intake.commit();
        }
        for (int i = 0; i < 3; i++) {
            model::OutputBlockWriter block;
            for (int j = 1; j <= 10; j++) block.add(window(10 * i + j));
            const std::string body = block.take();
            const int64_t time = kStart + (10 * i + 10) * base::kNsPerSecond;
            store::Batch batch;
            batch.appends.push_back({model::Log::windows, 10, time, time, 0, body});
            take(store->commit(batch));
        }
        store::Batch batch;
        batch.cursors["engine"] = 36;
        batch.trim_below[model::Log::windows] = 11;
        take(store->commit(batch));
    }
    std::vector<std::string> all(std::vector<Wanted> wanted, bool replayed = true) {
        auto selection = take(Selection::open(path, made, std::move(wanted), replayed, metrics));
        std::vector<std::string> out;
        for (const auto& feed : selection->feeds())
            for (kafka::Item item; feed->next(item);) {
                if (item.nothing) continue;
                CHECK(item.record->replayed == replayed);
                CHECK(item.accounts == nullptr);
                out.push_back(item.record->id.substr(item.record->id.find('/') + 1));
            }
        return out;
    }
    LogRange range(model::Log log, const std::string& from, const std::string& to, uint64_t end) {
        auto reader = take(store->reader());
        return take(find_range(*reader, log, *border(from), *border(to), end));
    }

    TempFolder folder;
    const std::string path = folder.path + "/store.db";
    std::unique_ptr<store::Store> store = open_store(path);
    metrics::Registry metrics;
    config::Settings made = settings();
};

using Names = std::vector<std::string>;

}  // namespace

TEST_CASE("selection: a range of a log, and single records, with the ids they had") {
    Filled f;
    CHECK(f.all({{model::Log::intake, 3, 4, {}}}) == Names{"intake/3.0", "intake/3.1", "intake/4.0", "intake/4.1"});
    CHECK(f.all({{model::Log::intake, 35, 40, {}}}) == Names{"intake/35.0", "intake/35.1"});  // the engine's cursor
    CHECK(f.all({{model::Log::windows, 9, 12, {}}}, false) == Names{"windows/11", "windows/12"});
    CHECK(f.all({{model::Log::intake, 3, 30, {{3, 1}, {20, 0}, {30, 0}, {30, 1}}},
                 {model::Log::windows, 5, 25, {{5, 0}, {25, 0}}}}) ==
          Names{"intake/3.1", "intake/20.0", "intake/30.0", "intake/30.1", "windows/25"});
    CHECK(f.all({}).empty());
}

TEST_CASE("selection: a feed that goes back gives the rest again, and counts once") {
    Filled f;
    auto selection =
        take(Selection::open(f.path, f.made, {{model::Log::intake, 3, 5, {{3, 0}, {5, 1}}}}, true, f.metrics));
    auto& feed = *selection->feeds()[0];
    for (kafka::Item item; feed.next(item);) continue;
    CHECK(feed.ended());
    CHECK(feed.furthest() == 5);
    feed.seek(4);
    CHECK_FALSE(feed.ended());
    kafka::Item item;
    REQUIRE(feed.next(item));
    CHECK(item.record->id.ends_with("/intake/5.1"));
    CHECK(feed.topics() == std::map<std::string, uint64_t>{{"tb.readings", 2}});
    CHECK(feed.given() == std::set<RecordName>{{3, 0}, {5, 1}});
}

TEST_CASE("log range: numbers and times, and what of it is gone") {
    Filled f;
    CHECK_FALSE(border("yesterday"));
    CHECK(border("")->open());
    auto r = f.range(model::Log::intake, "5", "12", 41);
    CHECK(r.from == 5);
    CHECK(r.to == 12);
    CHECK(r.missing.empty());
    r = f.range(model::Log::intake, "", "", 36);
    CHECK(r.from == 1);
    CHECK(r.to == 35);
    r = f.range(model::Log::intake, "2023-11-14T22:13:35Z", "2023-11-14T22:13:42.5Z", 41);  // start + 15, + 22.5
    CHECK(r.from == 15);
    CHECK(r.to == 22);
    CHECK(f.range(model::Log::intake, "2024-01-01T00:00:00Z", "", 41).empty());
    CHECK(f.range(model::Log::intake, "", "2020-01-01T00:00:00Z", 41).empty());
    CHECK(f.range(model::Log::intake, "50", "60", 41).empty());

    r = f.range(model::Log::windows, "5", "12", 31);
    REQUIRE(r.missing.size() == 1);
    CHECK(r.missing[0] == store::LostRange{model::Log::windows, 5, 10});
    CHECK(f.range(model::Log::windows, "", "12", 31).missing.empty());
    r = f.range(model::Log::windows, "2023-11-14T22:13:20Z", "2023-11-14T22:13:41Z", 31);
    CHECK(r.from == 11);
    CHECK(r.to == 20);
    CHECK(r.kept_from_ns == kStart + 20 * base::kNsPerSecond);
    CHECK(f.range(model::Log::events, "", "", 1).empty());
}

TEST_CASE("resend: everything is delivered, and neither cursors nor books are touched") {
    Filled f;
    const auto before = take(take(f.store->reader())->cursors());
    auto selection = take(Selection::open(
        f.path, f.made, {{model::Log::windows, 11, 30, {}}, {model::Log::intake, 1, 40, {}}}, true, f.metrics));
    const EndSignals signals;
    const auto sent = take(resend(f.made, *selection, f.metrics, signals, {false, 60 * base::kNsPerSecond}));
    CHECK(sent.complete());
    CHECK(sent.delivered == 20 + 2 * 34);
    CHECK(sent.refused.empty());
    CHECK(take(take(f.store->reader())->cursors()) == before);
    CHECK(take(take(f.store->reader())->ledger()).empty());
    CHECK(f.store->incarnation() == take(take(f.store->reader())->block_at(model::Log::intake, 1))->incarnation);
}

TEST_CASE("resend: gives up in time when no broker answers, and can be interrupted") {
    Filled f;
    auto made = for_resend(f.made, "127.0.0.1:1");
    CHECK_FALSE(made.kafka.mock);
    const EndSignals signals;
    auto selection = take(Selection::open(f.path, made, {{model::Log::windows, 11, 30, {}}}, true, f.metrics));
    auto sent = take(resend(made, *selection, f.metrics, signals, {false, 2 * base::kNsPerSecond}));
    CHECK(sent.trouble.find("TRB-KAFKA-004") != std::string::npos);
    CHECK(sent.delivered == 0);
    pthread_kill(pthread_self(), SIGINT);
    selection = take(Selection::open(f.path, made, {{model::Log::windows, 11, 30, {}}}, true, f.metrics));
    sent = take(resend(made, *selection, f.metrics, signals, {}));
    CHECK(sent.interrupted);
}

}  // namespace tributary::gateway
