// SPDX-License-Identifier: Apache-2.0
// What stands in the intake log: messages as received, and control records among them. Everything that can change an
// output of the engine is one of these. The bytes are written down in docs/formats/intake-record.md.
// IntakeBlockWriter fills the open block (Paho's thread, under the owner's lock); IntakeBlockReader walks a block.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <variant>
#include <vector>

#include "base/bytes.hpp"

namespace tributary::model {

struct Message {
    std::string_view topic;
    std::string_view payload;
    uint16_t message_id = 0;  // MQTT packet identifier, 0 for QoS 0
    uint8_t qos = 0;
    bool retain = false;
    bool dup = false;
    uint32_t session = 0;  // the broker's session this came in; counts up when the broker had none for us
};

struct SessionRecord {
    uint32_t session = 0;
    bool connected = false;
    bool session_present = false;
};

// `repaired` never stands in the log: unsynced when it was written, and since then the clock was set, so that whoever
// reads it now knows the true time (gateway/clock_history.hpp).
enum class ClockState : uint8_t { synced = 0, holdover = 1, unsynced = 2, repaired = 3 };
// A step back of the clock up to this is taken as standing still: a leap second, and what reading two clocks one after
// the other is off. Beyond it a new time epoch begins.
inline constexpr int64_t kSmallStepNs = 1'100'000'000;

struct ClockRecord {
    ClockState state = ClockState::unsynced;
    int64_t anchor_ns = 0;      // arrival = boot time + anchor
    uint32_t epoch = 0;         // counts up when the anchor went backwards
    uint64_t boot = 0;          // number of the machine's boot; 0 = not known
    int64_t wall_ns = 0;        // the system's wall time minus boot time, whatever the anchor is
    int64_t hold_until_ns = 0;  // unsynced: arrival until which processing waits for synchronisation; 0 = not at all
    bool repaired = false;      // not in the log: it stands in or ends a repaired stretch, so its epoch begins nothing
};

struct ConfigRecord {
    std::string_view version;  // of the engine
    std::string_view text;     // config::engine_text(): gateway id and all streams, as TOML
};

struct MuteRecord {
    std::string_view series;  // MQTT topic filter over series names
    int64_t until_ns = 0;     // arrival time; at or before the record's own = unmute
};

struct SkipRecord {
    uint64_t seq = 0;  // of the intake record that is not to be processed
};

struct TickRecord {};  // time went on and nothing else came

struct IntakeRecord {
    uint64_t seq = 0;
    int64_t arrival_ns = 0;  // microsecond resolution
    std::variant<Message, SessionRecord, ClockRecord, ConfigRecord, MuteRecord, SkipRecord, TickRecord> body;

    const Message* message() const { return std::get_if<Message>(&body); }
};

class IntakeBlockWriter {
  public:
    IntakeBlockWriter() { clear(); }

    void add(int64_t arrival_ns, const Message& message);
    void add(int64_t arrival_ns, const SessionRecord& record);
    void add(int64_t arrival_ns, const ClockRecord& record);
    void add(int64_t arrival_ns, const ConfigRecord& record);
    void add(int64_t arrival_ns, const MuteRecord& record);
    void add(int64_t arrival_ns, const SkipRecord& record);
    void add(int64_t arrival_ns, const TickRecord& record);
    void hole(uint32_t records);  // so many stood here and are gone

    uint32_t count() const { return count_; }
    size_t bytes() const { return bytes_.size(); }
    int64_t first_time_ns() const { return first_time_ns_; }
    int64_t last_time_ns() const { return last_time_ns_; }  // the greatest so far
    const std::string& data() const { return bytes_; }
    std::string take();  // the bytes; the writer is clear afterwards
    void clear();

  private:
    void begin(int64_t arrival_ns, uint8_t kind);
    void end();

    struct Hash {
        using is_transparent = void;
        size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
    };
    std::string bytes_, record_;
    struct Entry {
        uint32_t generation, index;  // index from 1, valid while generation is the block's
    };
    std::unordered_map<std::string, Entry, Hash, std::equal_to<>> topics_;
    uint32_t count_ = 0;         // with holes
    uint32_t record_count_ = 0;  // without
    uint32_t topic_count_ = 0, generation_ = 0;
    int64_t first_time_ns_ = 0, last_time_ns_ = 0, previous_us_ = 0;
    uint16_t previous_id_ = 0;
};

// Views point into the block's bytes, which the caller keeps.
class IntakeBlockReader {
  public:
    IntakeBlockReader(std::string_view block, uint64_t first_seq);

    bool next(IntakeRecord& record);  // false at the end or at a fault; passes over holes
    bool ok() const { return ok_; }   // false: the block does not follow the format
    // A number for the topic of the message next() gave, dense within this block: for caching look-ups.
    uint32_t topic_index() const { return topic_index_; }

  private:
    bool parse(std::string_view bytes, IntakeRecord& record);
    bool pass_hole(std::string_view bytes);

    base::ByteReader reader_;
    std::vector<std::string_view> topics_;
    uint64_t next_seq_;
    int64_t previous_us_ = 0;
    uint16_t previous_id_ = 0;
    uint32_t topic_index_ = 0;
    bool ok_ = true;
};

}  // namespace tributary::model
