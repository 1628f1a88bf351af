// SPDX-License-Identifier: Apache-2.0
// The bytes of docs/formats/intake-record.md and output-record.md, kept for ever: what once was written stays readable,
// and what is written now is what the documents say. A change of format adds files here and changes none.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/files.hpp"
#include "model/intake.hpp"
#include "model/output.hpp"

using namespace tributary;
using namespace tributary::model;

namespace {

// "#" begins a comment; blanks do not count.
std::string golden(const std::string& name) {
    const auto text = base::read_file(std::string(TRIBUTARY_SOURCE_DIR) + "/tests/model/golden/" + name);
    REQUIRE(text.ok());
    std::string bytes, digits;
    bool comment = false;
    for (const char c : *text) {
        if (c == '#') comment = true;
        if (c == '\n') comment = false;
        if (comment || !std::isxdigit(static_cast<unsigned char>(c))) continue;
        digits += c;
        if (digits.size() < 2) continue;
        bytes += static_cast<char>(std::stoi(digits, nullptr, 16));
        digits.clear();
    }
    CHECK(digits.empty());
    return bytes;
}

std::string hex(std::string_view bytes) {
    static constexpr char kDigits[] = "0123456789abcdef";
    std::string out;
    for (const char c : bytes) {
        out += kDigits[static_cast<unsigned char>(c) >> 4];
        out += kDigits[static_cast<unsigned char>(c) & 15];
    }
    return out;
}

constexpr int64_t kStart = 1'700'000'000'000 * base::kNsPerMs;

std::string intake_block() {
    IntakeBlockWriter writer;
    writer.add(kStart, ConfigRecord{"0.1.0", "[gateway]\nid = \"line1\"\n"});
    writer.add(kStart, ClockRecord{ClockState::synced, kStart - 60 * base::kNsPerSecond, 1, 0xfedcba9876543210, -kStart,
                                   kStart + 120 * base::kNsPerSecond});
    writer.add(kStart + 1'000, SessionRecord{7, true, true});
    writer.add(kStart + 250'000, Message{"a/b", "21.5", 1, 1, false, false, 7});
    writer.add(kStart + 251'000, Message{"a/c", "{}", 300, 2, true, false, 7});
    writer.add(kStart + 251'000, Message{"a/b", "", 1, 1, false, true, 7});
    writer.add(kStart - 2'000, MuteRecord{"a/#", kStart + base::kNsPerSecond});
    writer.add(kStart + 2'000, SkipRecord{128});
    writer.add(kStart + base::kNsPerSecond, TickRecord{});
    return writer.take();
}

std::vector<Output> outputs() {
    const Origin origin{"2/3/temperature", "temperature", "C", {{"site", "ulm"}}};
    const int64_t second = base::kNsPerSecond;
    Window window;
    window.origin = origin, window.window = "10s";
    window.start_ns = kStart, window.end_ns = kStart + 10 * second;
    window.count = 3, window.sum = 6, window.min = 1, window.max = 3, window.mean = 2;
    window.stddev = 0.816496580927726, window.first = 1, window.last = 3;
    window.revision = 1, window.mark = TimeMark::arrival;
    window.numbers = 3;
    return {
        window,
        Event{origin, "0123456789abcdef", "ewma", "high", EventState::closed, kStart, kStart + second, 0.75, 99.5, 20.0,
              Severity::critical, TimeMark::device, ""},
        Event{origin, "0123456789abcdef", "ewma", "high", EventState::open, kStart, std::nullopt, 0.75, 99.5,
              std::nullopt, Severity::info, TimeMark::unsynced, ""},
        LateReading{origin, kStart - second, ValueKind::text, 0, "9007199254740993", "10s", kStart, 300,
                    TimeMark::repaired},
        DeadLetter{"temperature", "a/b", "json", "no value at 3", kStart, 301, std::string("\0{", 2), 2,
                   std::string(64, 'e')},
        RefusedRecord{Log::windows, 12, 1, "tributary.windows", "2/3/temperature", "MSG_SIZE_TOO_LARGE", "too large",
                      kStart, 1'000'000},
    };
}

std::vector<Output> reduced_outputs() {
    const Origin origin{"2/3/temperature", "temperature", "C", {{"site", "ulm"}}};
    return {
        Reduced{origin, kStart, ValueKind::number, 21.5, "", Quality::good, TimeMark::device, "swinging-door", 0.25},
        Reduced{origin, kStart + base::kNsPerSecond, ValueKind::text, 0, "open", Quality::bad, TimeMark::arrival, "m4",
                std::nullopt}};
}

std::vector<Output> context_outputs() {
    const Origin origin{"2/3/temperature", "temperature", "C", {{"site", "ulm"}}};
    return {ContextRange{origin, {"0123456789abcdef"}, kStart, kStart + base::kNsPerSecond, 77, 1'000},
            ContextRange{origin, {"0123456789abcdef", "00000000000000ff"}, -1, kStart, 300, 300}};
}

std::vector<Output> thinned_outputs() {
    Thinned thinned;
    auto& w = thinned.window;
    w.origin = {"2/3/temperature", "temperature", "C", {{"site", "ulm"}}};
    w.window = "thinned-1min", w.start_ns = kStart, w.end_ns = kStart + 60 * base::kNsPerSecond;
    w.count = 60, w.numbers = 59, w.sum = 1180, w.min = 18.5, w.max = 21.5, w.mean = 20, w.stddev = 0.5;
    w.first = 19, w.last = 21, w.mark = TimeMark::arrival;
    thinned.first_ns = kStart + 1, thinned.last_ns = kStart + 59 * base::kNsPerSecond, thinned.messages = 58;
    return {thinned, Gap{Log::intake, "0123456789abcdef", 1'001, 13'000, 11'950, GapReason::thinned, kStart,
                         kStart + 60 * base::kNsPerSecond, kStart + 3600 * base::kNsPerSecond}};
}

void check_outputs(std::string_view bytes, const std::vector<Output>& expected) {
    OutputBlockWriter writer;
    for (const auto& output : expected) writer.add(output);
    CHECK(hex(writer.data()) == hex(bytes));
    uint32_t seen = 0;
    CHECK(for_each_output(bytes, [&](uint32_t index, std::string_view record) {
        const auto output = decode_output(record);
        REQUIRE(output.ok());
        REQUIRE(index < expected.size());
        CHECK(*output == expected[index]);
        seen++;
    }));
    CHECK(seen == expected.size());
}

}  // namespace

TEST_CASE("golden: the intake block, as it is written now and as it was first") {
    bool now = true;
    SUBCASE("now") {}
    SUBCASE("before clock records named the boot") { now = false; }
    const auto bytes = golden(now ? "intake_block_1_boot.hex" : "intake_block_1.hex");
    if (now) CHECK(hex(intake_block()) == hex(bytes));
    IntakeBlockReader reader(bytes, 1'000);
    IntakeRecord record;
    std::vector<IntakeRecord> records;
    while (reader.next(record)) records.push_back(record);
    CHECK(reader.ok());
    REQUIRE(records.size() == 9);
    CHECK(std::get<ConfigRecord>(records[0].body).version == "0.1.0");
    CHECK(std::get<ClockRecord>(records[1].body).anchor_ns == kStart - 60 * base::kNsPerSecond);
    CHECK(std::get<ClockRecord>(records[1].body).epoch == 1);
    CHECK(std::get<ClockRecord>(records[1].body).boot == (now ? 0xfedcba9876543210 : 0));
    CHECK(std::get<ClockRecord>(records[1].body).wall_ns == (now ? -kStart : 0));
    CHECK(std::get<ClockRecord>(records[1].body).hold_until_ns == (now ? kStart + 120 * base::kNsPerSecond : 0));
    CHECK(std::get<SessionRecord>(records[2].body).session == 7);
    CHECK(records[3].seq == 1'003);
    CHECK(records[3].arrival_ns == kStart + 250'000);
    CHECK(records[3].message()->payload == "21.5");
    CHECK(records[4].message()->message_id == 300);
    CHECK(records[4].message()->retain);
    CHECK(records[5].message()->topic == "a/b");
    CHECK(records[5].message()->dup);
    CHECK(std::get<MuteRecord>(records[6].body).until_ns == kStart + base::kNsPerSecond);
    CHECK(records[6].arrival_ns == kStart - 2'000);
    CHECK(std::get<SkipRecord>(records[7].body).seq == 128);
    CHECK(std::holds_alternative<TickRecord>(records[8].body));
}

TEST_CASE("golden: the intake block with holes") {
    const auto bytes = golden("intake_block_2.hex");
    IntakeBlockWriter writer;
    Message message;
    message.topic = "2/3/temperature", message.payload = "21.5", message.message_id = 300, message.qos = 1;
    message.session = 7;
    writer.hole(3);
    writer.add(kStart, message);
    writer.hole(0);
    writer.add(kStart + base::kNsPerSecond, message);
    writer.hole(995);
    CHECK(writer.count() == 1'000);
    CHECK(writer.first_time_ns() == kStart);
    CHECK(writer.last_time_ns() == kStart + base::kNsPerSecond);
    CHECK(hex(writer.data()) == hex(bytes));
    IntakeBlockReader reader(bytes, 1'000);
    IntakeRecord record;
    REQUIRE(reader.next(record));
    CHECK(record.seq == 1'003);
    CHECK(record.arrival_ns == kStart);
    REQUIRE(reader.next(record));
    CHECK(record.seq == 1'004);
    CHECK(record.arrival_ns == kStart + base::kNsPerSecond);
    CHECK(record.message()->payload == "21.5");
    CHECK(record.message()->topic == message.topic);
    CHECK(!reader.next(record));
    CHECK(reader.ok());
}

TEST_CASE("golden: the output block as it is written now") {
    OutputBlockWriter writer;
    for (const auto& output : outputs()) writer.add(output);
    CHECK(hex(writer.data()) == hex(golden("output_block_2.hex")));
}

TEST_CASE("golden: output blocks of every version are read") {
    for (const char* name : {"output_block_1.hex", "output_block_2.hex"}) {
        const auto bytes = golden(name);
        const auto expected = outputs();
        uint32_t seen = 0;
        CHECK(for_each_output(bytes, [&](uint32_t index, std::string_view record) {
            const auto output = decode_output(record);
            REQUIRE(output.ok());
            REQUIRE(index < expected.size());
            CHECK(*output == expected[index]);
            seen++;
        }));
        CHECK(seen == expected.size());
    }
    check_outputs(golden("output_block_1_reduced.hex"), reduced_outputs());
    check_outputs(golden("output_block_1_context.hex"), context_outputs());
    check_outputs(golden("output_block_1_thinned.hex"), thinned_outputs());
}
