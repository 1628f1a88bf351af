// SPDX-License-Identifier: Apache-2.0
// Puts the readings of each series into order of event time, as far as the lateness allows: a reading waits until the
// series' greatest event time is `lateness` past it. For what depends on order: time-weighted figures, counters,
// thinning out. One pool for all series, bounded; nothing is allocated per reading in the steady state. Owned by the
// engine (one thread); asks no clock; trivially saved. What it does not do: know when a series is idle (the caller
// releases it then).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "model/reading.hpp"

namespace tributary::stream {

// A reading without its text: what texts mean here is the caller's number in `value`.
struct Held {
    int64_t event_ns = 0;
    double value = 0;
    model::ValueKind kind = model::ValueKind::number;
    model::Quality quality = model::Quality::good;
    model::TimeMark mark = model::TimeMark::device;
};

class ReorderBuffer {
  public:
    // most: readings of all series together that may wait; with one more the oldest of its series goes on early.
    ReorderBuffer(int64_t lateness_ns, size_t most) : lateness_ns_(lateness_ns), most_(most) {}

    // What may go on now is appended to `out` in order of (event time, arrival). False: the reading is older than one
    // that went on already; it is not taken.
    bool add(model::SeriesId series, const Held& reading, std::vector<Held>& out);
    // What waits of the series up to a time, that included.
    void release(model::SeriesId series, std::vector<Held>& out, int64_t until_ns = INT64_MAX);
    void forget(model::SeriesId series);  // nothing must wait; its number gets a new life
    void restart();                       // forgets all

    size_t series() const { return slots_.size(); }
    size_t held() const { return held_; }
    uint64_t forced() const { return forced_; }  // went on early for want of room, since construction

    void save(std::string& out) const;
    bool load(base::ByteReader& in);  // false: the bytes are not ours; unusable then

  private:
    static constexpr uint32_t kNil = UINT32_MAX;
    struct Slot {
        int64_t newest_ns = INT64_MIN, released_ns = INT64_MIN;
        uint32_t head = kNil, tail = kNil;
    };
    struct Node {
        Held reading;
        uint32_t previous = kNil, next = kNil;
    };

    void hold(Slot& slot, const Held& reading);
    void pass_on(Slot& slot, std::vector<Held>& out);  // the head

    const int64_t lateness_ns_;
    const size_t most_;
    std::vector<Slot> slots_;
    std::vector<Node> nodes_;
    uint32_t free_ = kNil;
    size_t held_ = 0;
    uint64_t forced_ = 0;
};

}  // namespace tributary::stream
