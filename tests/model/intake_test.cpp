// SPDX-License-Identifier: Apache-2.0
#include "model/intake.hpp"

#include <doctest/doctest.h>

#include "base/clock.hpp"

using namespace tributary::model;
using tributary::base::kNsPerUs;

namespace {

std::string sample_block() {
    IntakeBlockWriter writer;
    writer.add(5'000'000 * kNsPerUs, ConfigRecord{"1", "[gateway]\nid = \"x\"\n"});
    writer.add(5'000'001 * kNsPerUs, SessionRecord{3, true, false});
    writer.add(5'000'002 * kNsPerUs, Message{"a/b", "1.5", 7, 1, true, false, 3});
    writer.add(4'000'000 * kNsPerUs, Message{"a/c", std::string_view("\0\xff", 2), 0, 0, false, false, 3});
    writer.add(5'000'003 * kNsPerUs, Message{"a/b", "", 65535, 1, false, true, 3});
    writer.add(6'000'000 * kNsPerUs, ClockRecord{ClockState::holdover, -12345, 2});
    writer.add(6'000'000 * kNsPerUs, MuteRecord{"line1/#", 99});
    writer.add(6'000'000 * kNsPerUs, SkipRecord{42});
    writer.add(6'000'000 * kNsPerUs, TickRecord{});
    CHECK(writer.count() == 9);
    CHECK(writer.first_time_ns() == 4'000'000 * kNsPerUs);
    CHECK(writer.last_time_ns() == 6'000'000 * kNsPerUs);
    return writer.take();
}

}  // namespace

TEST_CASE("an intake block gives back what was put in, with seq and topic index") {
    const auto block = sample_block();
    IntakeBlockReader reader(block, 100);
    IntakeRecord record;
    REQUIRE(reader.next(record));
    CHECK(std::get<ConfigRecord>(record.body).text == "[gateway]\nid = \"x\"\n");
    CHECK(record.seq == 100);
    REQUIRE(reader.next(record));
    CHECK(std::get<SessionRecord>(record.body).connected);
    REQUIRE(reader.next(record));
    CHECK(record.message()->topic == "a/b");
    CHECK(record.message()->retain);
    CHECK(record.message()->message_id == 7);
    CHECK(reader.topic_index() == 0);
    REQUIRE(reader.next(record));
    CHECK(record.message()->payload == std::string_view("\0\xff", 2));
    CHECK(record.arrival_ns == 4'000'000 * kNsPerUs);
    CHECK(reader.topic_index() == 1);
    REQUIRE(reader.next(record));
    CHECK(record.message()->dup);
    CHECK(record.message()->message_id == 65535);
    CHECK(reader.topic_index() == 0);
    REQUIRE(reader.next(record));
    CHECK(std::get<ClockRecord>(record.body).anchor_ns == -12345);
    REQUIRE(reader.next(record));
    CHECK(std::get<MuteRecord>(record.body).series == "line1/#");
    REQUIRE(reader.next(record));
    CHECK(std::get<SkipRecord>(record.body).seq == 42);
    REQUIRE(reader.next(record));
    CHECK(record.seq == 108);
    CHECK(!reader.next(record));
    CHECK(reader.ok());
}

TEST_CASE("a writer used again starts a fresh topic dictionary") {
    IntakeBlockWriter writer;
    for (int round = 0; round < 3; round++) {
        writer.add(1000, Message{"t", "x", 1, 1, false, false, 1});
        writer.add(1000, Message{"t", "y", 2, 1, false, false, 1});
        const auto block = writer.take();
        IntakeBlockReader reader(block, 1);
        IntakeRecord record;
        REQUIRE(reader.next(record));
        CHECK(record.message()->topic == "t");
        REQUIRE(reader.next(record));
        CHECK(record.message()->topic == "t");
        CHECK(record.message()->payload == "y");
    }
}

TEST_CASE("no cut and no changed byte of a block makes the reader read past its end") {
    const auto block = sample_block();
    for (size_t cut = 0; cut < block.size(); cut++) {
        IntakeBlockReader reader(std::string_view(block).substr(0, cut), 1);
        IntakeRecord record;
        for (int i = 0; i < 20 && reader.next(record); i++) {
        }
    }
    for (size_t at = 0; at < block.size(); at++)
        for (const int flip : {0x01, 0x80, 0xff}) {
            auto changed = block;
            changed[at] = static_cast<char>(changed[at] ^ flip);
            IntakeBlockReader reader(changed, 1);
            IntakeRecord record;
            for (int i = 0; i < 20 && reader.next(record); i++) {
            }
        }
}
