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
