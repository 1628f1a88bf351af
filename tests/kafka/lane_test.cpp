// SPDX-License-Identifier: Apache-2.0
// One log on its way, with transactions: what was taken counts when it is committed, and comes again when it is not.
#include "kafka/lane.hpp"

#include <doctest/doctest.h>

#include "kafka/harness.hpp"

namespace tributary::kafka {
namespace {

using test::Book;
using test::NumberFeed;

struct Sender {
    explicit Sender(NumberFeed& feed) : lane(feed, {"t"}) {}
    // Sends so many, all of them taken; returns the values.
    std::vector<std::string> take(int records) {
        std::vector<std::string> out;
        for (int budget = 1'000; static_cast<int>(out.size()) < records;) {
            const auto* item = lane.fetch(budget);
            if (item == nullptr) break;
            out.emplace_back(item->value.data() != nullptr ? item->value : std::string_view(item->record->value));
            const auto position = lane.position();
            lane.sent();
            lane.land(lane.slot(position), Lane::State::taken);
        }
        return out;
    }
    Lane lane;
    Book book;
};

using Texts = std::vector<std::string>;

TEST_CASE("lane: what a transaction took moves the cursor when it is committed, and is sent again when it is lost") {
    NumberFeed feed(model::Log::intake, "t", 100);
    const Accounts accounts{"s"};
    feed.accounts = &accounts;
    Sender s(feed);
    CHECK(s.take(3) == Texts{"1.0", "2.0", "3.0"});
    s.lane.report(s.book);
    CHECK(s.book.cursors.empty());
    CHECK(s.lane.cursor() == 1);
    CHECK(s.lane.cursor_when_committed() == 4);
    s.lane.abandon();
    s.lane.rewind();
    CHECK(s.take(4) == Texts{"1.0", "2.0", "3.0", "4.0"});
    CHECK(s.lane.commit() == 4);
    s.lane.report(s.book);
    CHECK(s.book.cursors[model::Log::intake] == 5);
    CHECK(s.book.ledger.streams.at("s").settled() == 4);
}

TEST_CASE("lane: after a change of clusters nothing is sent twice, and nothing counted twice") {
    const Accounts accounts{"s"};
    const auto run = [&](Known known, std::vector<std::string> sent, uint64_t counted) {
        NumberFeed feed(model::Log::intake, "t", 9);
        feed.accounts = &accounts;
        feed.known = known;
        Sender s(feed);
        CHECK(s.take(9) == sent);
        s.lane.commit();
        s.lane.report(s.book);
        CHECK(s.book.cursors[model::Log::intake] == 10);
        const auto& streams = s.book.ledger.streams;
        CHECK((streams.contains("s") ? streams.at("s").settled() : 0) == counted);
    };
    run({4, 0}, {"4.0", "5.0", "6.0", "7.0", "8.0", "9.0"}, 9);                                // it has 1..3
    run({0, 4}, {"1.0", "2.0", "3.0", "4.0", "5.0", "6.0", "7.0", "8.0", "9.0"}, 6);           // 1..3 are counted
    run({0, UINT64_MAX}, {"1.0", "2.0", "3.0", "4.0", "5.0", "6.0", "7.0", "8.0", "9.0"}, 0);  // a mirror
    run({6, 3}, {"6.0", "7.0", "8.0", "9.0"}, 7);
}

TEST_CASE("lane: what Kafka has committed already is settled and not sent") {
    NumberFeed feed(model::Log::intake, "t", 100);
    const Accounts accounts{"s"};
    feed.accounts = &accounts;
    feed.per_seq = [](uint64_t seq) { return static_cast<uint32_t>(seq % 3); };  // 1: one, 2: two, 3: none, ...
    Sender s(feed);
    s.lane.skip_below(6);
    CHECK(s.take(2) == Texts{"7.0", "8.0"});
    s.lane.report(s.book);
    CHECK(s.book.cursors[model::Log::intake] == 7);  // 6 gives none
    CHECK(s.book.ledger.streams.at("s").settled() == 4);
    CHECK(s.lane.mid_record());
    CHECK(s.lane.cursor_when_committed() == 8);
    CHECK(s.take(1) == Texts{"8.1"});
    CHECK_FALSE(s.lane.mid_record());
    CHECK(s.lane.cursor_when_committed() == 9);
}

}  // namespace
}  // namespace tributary::kafka
