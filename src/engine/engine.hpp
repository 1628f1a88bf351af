// SPDX-License-Identifier: Apache-2.0
// The engine: a function of the intake log and nothing else. It decodes messages (codec), builds windows (stream),
// finds anomalies (detect), thins readings out (downsample) and says which fate each message has. One thread; no I/O,
// no clock, no mutex. Its only time is the arrival time in the records. The same records give the same outputs, bit for
// bit, on every machine.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "config/load.hpp"
#include "model/intake.hpp"
#include "model/ledger.hpp"
#include "model/output.hpp"
#include "stream/window_stage.hpp"

namespace tributary::engine {

// Part of every checkpoint; counts up when state or outputs change.
inline constexpr std::string_view kEngineVersion = "4";

// Takes outputs in order. The caller assigns them to their logs by model::log_of().
class Sink {
  public:
    virtual ~Sink() = default;
    virtual void emit(model::Output&& output) = 0;
    // What a detector said to one reading; opened = an event opened with it, alarm = one is open. For judging detectors
    // (replay --scores).
    virtual void score(std::string_view /*series*/, int64_t /*event_ns*/, double /*score*/, bool /*opened*/,
                       bool /*alarm*/) {}
};

struct Stats {  // since construction; for status
    uint64_t messages = 0, readings = 0, windows = 0, events = 0, late = 0, dead = 0;
    uint64_t stamp_replaced = 0, suppressed_events = 0;
    uint64_t series_refused = 0, series_forgotten = 0;  // readings of one series too many; places given away
    uint64_t members_refused = 0;                       // readings of one member of a group too many
    uint64_t reduced = 0;                               // readings kept by downsamplers
    uint64_t contexts = 0;                              // parts of raw context that were asked for
    uint64_t cut_windows = 0;                           // windows of downsamplers reduced in parts for want of room
    size_t series = 0, open_events = 0, mutes = 0;
    size_t detector_bytes = 0, detected_series = 0;  // what detectors keep, of how many series
    size_t group_bytes = 0, groups = 0;              // the same of groups of series
    stream::WindowStats bounds;                      // of windows and of what waits for its order
};

class Engine {
  public:
    virtual ~Engine() = default;

    // In order of seq. Config records reconfigure: streams whose text is unchanged keep their state, others are flushed
    // (windows and events closed) and begin anew. Ledger deltas are added to `ledger`.
    // Appended counts of the logs are not the engine's: who commits the outputs counts them.
    virtual void process(const model::IntakeRecord& record, Sink& sink, model::Ledger& ledger) = 0;
    // The message at seq, not processed yet, is poison: process() will put it in the dead log undecoded. A `skip`
    // record stands behind the message it names, so recovery reads ahead and says so here; process() takes it as time
    // only.
    virtual void skip(uint64_t seq) = 0;
    // End of input: closes all windows and events (replay; not at a clean stop of the gateway).
    virtual void flush(Sink& sink, model::Ledger& ledger) = 0;
    // Arrival time at which an idle series closes its window if nothing else comes; kNever = none. A block or a
    // `tick` record at or after it makes process() do so.
    virtual int64_t next_deadline_ns() const = 0;

    virtual std::string checkpoint() const = 0;
    virtual base::Result<> restore(std::string_view state) = 0;  // of the same kEngineVersion; else an error
    virtual Stats stats() const = 0;
    // The smallest seq of an intake record that a context range of later outputs may ask for; UINT64_MAX = none. Walks
    // all series: now and then only.
    virtual uint64_t context_floor() const = 0;
    // Every window that ends at or before it is out; kNever while none is open. Walks all series: now and then only.
    virtual int64_t watermark_ns() const = 0;
};

// With no configuration yet: the first record has to be a `config` record.
std::unique_ptr<Engine> make_engine();

// What `check` asks beyond the text: detector types and options, formats. Empty = fine.
std::vector<config::Diagnostic> validate(const config::Settings& settings);

// The pure part, shared with kafka_loop through the gateway: which streams a message belongs to and its readings there.
struct Projected {
    const config::StreamSettings* stream = nullptr;
    std::string_view series;  // valid until the next call
    model::Reading reading;   // series id unset
    uint32_t n = 0;           // index within the message
};

class Projection {
  public:
    virtual ~Projection() = default;
    // Streams (indices into settings.streams) a topic belongs to.
    virtual const std::vector<uint32_t>& streams_of(std::string_view topic) = 0;
    // Readings of the message in that stream; false: it cannot be decoded there (the engine puts it in the dead log).
    virtual bool readings(const model::Message& message, int64_t arrival_ns, uint32_t stream,
                          std::vector<Projected>& out) = 0;
    // Whether messages of the topic may have readings of that series in that stream.
    virtual bool gives(std::string_view topic, uint32_t stream, std::string_view series) = 0;
    // The clock state in force from here on (`clock` records; synced at first): it decides about stamps and marks.
    virtual void set_clock(model::ClockState state) = 0;
};
std::unique_ptr<Projection> make_projection(std::shared_ptr<const config::Settings> settings);

}  // namespace tributary::engine
