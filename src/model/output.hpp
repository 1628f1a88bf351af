// SPDX-License-Identifier: Apache-2.0
// What the engine puts out, one record each in the windows, events, late, dead, reduced and context logs, what kafka
// was refused (refused log), and what the writer makes of data it has no room for (thinned and gaps logs).
// Self-contained: it can be turned into a Kafka record without the configuration that made it; only a ContextRange is
// an order for readings of the intake log. Bytes: docs/formats/output-record.md.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/result.hpp"
#include "model/log.hpp"
#include "model/reading.hpp"

namespace tributary::model {

using Labels = std::vector<std::pair<std::string, std::string>>;  // in the order of the configuration

struct Origin {
    std::string series;
    std::string stream;
    std::string unit;  // empty = none
    Labels labels;

    bool operator==(const Origin&) const = default;
};

// A figure that was asked for besides the usual ones: a number, or a text (a mode).
struct Figure {
    std::string name;
    ValueKind kind = ValueKind::number;
    double number = 0;
    std::string text;

    bool operator==(const Figure&) const = default;
};

struct StateTime {
    std::string state;
    int64_t ns = 0;  // spent in it

    bool operator==(const StateTime&) const = default;
};

struct Window {
    Origin origin;
    std::string window;                // its configured name, or the size as written ("10s")
    int64_t start_ns = 0, end_ns = 0;  // start inclusive, end exclusive
    uint64_t count = 0;
    double sum = 0, min = 0, max = 0, mean = 0, stddev = 0;  // stddev of the population, 0 for one value
    double first = 0, last = 0;                              // by (event time, arrival)
    uint32_t revision = 0;
    TimeMark mark = TimeMark::device;  // the least trustworthy of its readings
    uint64_t numbers = 0;              // readings with a number; without any, sum to last mean nothing
    std::vector<Figure> figures;       // in the order of the configuration
    std::vector<StateTime> states;     // longest first

    bool operator==(const Window&) const = default;
};

enum class EventState : uint8_t { open = 0, update = 1, closed = 2 };
enum class Severity : uint8_t { info = 0, warning = 1, critical = 2 };

struct Event {
    Origin origin;
    std::string event_id;  // first 16 hex digits of SHA-256 over gateway, series, detector, start
    std::string detector;  // its configured name, or the type
    std::string kind;      // what it saw: "high", "low", "deviation", ...
    EventState state = EventState::open;
    int64_t start_ns = 0;
    std::optional<int64_t> end_ns;
    double score = 0;  // 0..1, alarm at 0.5
    double value = 0;
    std::optional<double> expected;
    Severity severity = Severity::warning;
    TimeMark mark = TimeMark::device;
    std::string acknowledged_by;  // put out because somebody has seen it; "" = for another reason

    bool operator==(const Event&) const = default;
};

struct LateReading {
    Origin origin;
    int64_t event_ns = 0;
    ValueKind kind = ValueKind::number;
    double number = 0;
    std::string text;
    std::string window;         // which window it missed, or the downsampler that was past it
    int64_t window_end_ns = 0;  // of that window; of a downsampler: how far it was
    uint64_t seq = 0;           // of the intake message
    TimeMark mark = TimeMark::device;

    bool operator==(const LateReading&) const = default;
};

struct DeadLetter {
    std::string stream;  // empty: no stream asked for the topic
    std::string topic;
    std::string reason;  // stable word: "no-stream", "utf8", "json", "missing-field", "wrong-type", "not-finite", ...
    std::string detail;  // for people
    int64_t arrival_ns = 0;
    uint64_t seq = 0;
    std::string payload;  // the first 64 KiB
    uint64_t size = 0;    // of the whole payload
    std::string sha256;   // of the whole payload, hex

    bool operator==(const DeadLetter&) const = default;
};

// What Kafka will never take: kept here, counted, shown by `tributary dead`.
struct RefusedRecord {
    Log source = Log::intake;
    uint64_t seq = 0;
    uint32_t n = 0;
    std::string topic, key;  // of the Kafka record
    std::string code;        // librdkafka's name of the error: "MSG_SIZE_TOO_LARGE"
    std::string detail;
    int64_t time_ns = 0;  // wall time
    uint64_t size = 0;    // of the value

    bool operator==(const RefusedRecord&) const = default;
};

// A reading that the downsampler kept.
struct Reduced {
    Origin origin;
    int64_t event_ns = 0;
    ValueKind kind = ValueKind::number;
    double number = 0;
    std::string text;
    Quality quality = Quality::good;
    TimeMark mark = TimeMark::device;
    std::string method;  // "swinging-door", ...
    // The bound in force for what was dropped between the kept reading before and this one; none: no bound, or nothing
    // is dropped but repeats (booleans, texts).
    std::optional<double> deviation;

    bool operator==(const Reduced&) const = default;
};

// Readings of one series that go to Kafka at full rate because of events: those with an event time in [from, to) among
// the messages [from_seq, to_seq] of the intake log. Ranges of one stream and series never share a reading.
struct ContextRange {
    Origin origin;
    std::vector<std::string> event_ids;  // whose context it is, in the order in which they opened; at least one
    int64_t from_ns = 0, to_ns = 0;
    uint64_t from_seq = 0, to_seq = 0;

    bool operator==(const ContextRange&) const = default;
};

// Stands for readings there was no room for. Several of one series, window and start add up: they share no reading.
struct Thinned {
    Window window;                      // neither figures nor states, revision 0
    int64_t first_ns = 0, last_ns = 0;  // event times of the first and the last number
    uint64_t messages = 0;              // whose fate it is: those whose first reading is in it

    bool operator==(const Thinned&) const = default;
};

enum class GapReason : uint8_t {
    evicted = 0,  // nothing stands for them
    thinned = 1,  // records of the thinned log do
    damaged = 2,  // the store was; what they were is not known, so among them may be such that nobody was owed
};

// So many records of a log are gone, all among [from_seq, to_seq].
struct Gap {
    Log log = Log::intake;
    std::string incarnation;  // of those records' ids; empty: not known (damaged)
    uint64_t from_seq = 0, to_seq = 0, count = 0;
    GapReason reason = GapReason::evicted;
    int64_t start_ns = 0, end_ns = 0;  // least and greatest time of those records; intake: arrival
    int64_t time_ns = 0;               // arrival time when it happened

    bool operator==(const Gap&) const = default;
};

using Output = std::variant<Window, Event, LateReading, DeadLetter, RefusedRecord, Reduced, ContextRange, Thinned, Gap>;

constexpr size_t kDeadPayloadBytes = 64 * 1024;

Log log_of(const Output& output);
void encode_output(const Output& output, std::string& out);  // appended, without length
base::Result<Output> decode_output(std::string_view bytes);

// A block of an output log: format byte, then length-prefixed records.
class OutputBlockWriter {
  public:
    OutputBlockWriter() { clear(); }
    void add(const Output& output);
    uint32_t count() const { return count_; }
    const std::string& data() const { return bytes_; }
    std::string take();
    void clear();

  private:
    std::string bytes_, record_;
    uint32_t count_ = 0;
};

// Calls each(index, record bytes) in order; false = the block does not follow the format.
template <class Each>
bool for_each_output(std::string_view block, Each each);

std::string_view event_state_name(EventState state);  // "open", "update", "closed"
std::string_view severity_name(Severity severity);    // "info", "warning", "critical"
std::string_view time_mark_name(TimeMark mark);       // "", "arrival", "repaired", "unsynced"
std::string_view quality_name(Quality quality);       // "good", "uncertain", "bad"
std::string_view gap_reason_name(GapReason reason);   // "evicted", "thinned", "damaged"

bool next_output(std::string_view& rest, std::string_view& record);  // helper of for_each_output
bool begin_outputs(std::string_view& block);

template <class Each>
bool for_each_output(std::string_view block, Each each) {
    if (!begin_outputs(block)) return false;
    std::string_view record;
    for (uint32_t index = 0; !block.empty(); index++) {
        if (!next_output(block, record)) return false;
        each(index, record);
    }
    return true;
}

}  // namespace tributary::model
