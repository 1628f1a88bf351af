// SPDX-License-Identifier: Apache-2.0
// The downsampler of one stream with the state of its series. Series are dense numbers of the caller. Owned by the
// engine (one thread); asks no clock; can be saved. Numbers go through the method; booleans and texts are kept at every
// change of theirs (and every max_time). A run ends where kind, quality or time mark change: what waits is put out and
// the next reading is kept, so nobody draws a line from one to the other.
// What it does not do: order (readings come sorted; older ones are refused), names, output records.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "base/clock.hpp"
#include "base/deadline_heap.hpp"
#include "downsample/downsampler.hpp"
#include "model/reading.hpp"

namespace tributary::downsample {

// One kept reading. text is a view into the reading that was given last.
struct Reduced {
    int64_t event_ns = 0;  // whole ms
    model::Value value;
    model::Quality quality = model::Quality::good;
    model::TimeMark mark = model::TimeMark::device;
    double deviation = -1;  // see Kept
};

class Stage {
  public:
    explicit Stage(const config::DownsampleSettings& settings);  // checked

    const Common& common() const { return common_; }

    // One reading; what is kept is appended. False: older than one before it, not taken. now_ns (arrival) goes back
    // only with arrival_back().
    bool add(model::SeriesId series, const model::Reading& reading, int64_t now_ns, std::vector<Reduced>& kept);
    void flush(model::SeriesId series, std::vector<Reduced>& kept);  // what waits of one series

    // Something of the series waits, before the stage or in it: at the latest max_time from now it is due.
    void wait(model::SeriesId series, int64_t now_ns);
    // A series that is due at now_ns; the caller releases and flushes it. In order of (deadline, series).
    std::optional<model::SeriesId> next_due(int64_t now_ns);
    int64_t bound_ns() const { return heap_.bound_ns(); }  // at most the next
    int64_t next_deadline_ns() const;                      // exactly the next

    size_t series() const { return slots_.size(); }
    int64_t newest_ns(model::SeriesId series) const;  // of what went through; INT64_MIN: nothing did
    uint64_t cut_windows() const { return cut_; }     // reduced in parts for want of room, since construction
    void forget(model::SeriesId series);              // nothing must wait; its number gets a new life
    void restart();                                   // forgets everything
    void arrival_back(int64_t by_ns);  // now_ns will be so much less from here on: deadlines move with it

    void save(std::string& out) const;
    bool load(base::ByteReader& in);  // false: the bytes are not ours; unusable then

  private:
    struct Slot {
        int64_t newest_ms = INT64_MIN;
        int64_t deadline_ns = base::kNever;  // kNever: nothing waits
        int64_t kept_ms = 0;                 // booleans and texts: of the kept one
        int64_t queued_ns = base::kNever;    // see DeadlineHeap
        bool seen = false;
        model::ValueKind kind = model::ValueKind::number;
        model::Quality quality = model::Quality::good;
        model::TimeMark mark = model::TimeMark::device;
    };

    Series work_of(model::SeriesId series);
    void grow(model::SeriesId series);
    bool same_run(const Slot& slot, const model::Reading& reading) const;
    bool changed(model::SeriesId series, const model::Value& value);
    void put_out(const Slot& slot, std::vector<Reduced>& kept);
    int64_t& queued_of(size_t series) const { return slots_[series].queued_ns; }

    Common common_;
    int64_t max_ms_ = 0;
    std::unique_ptr<Downsampler> method_;
    size_t stride_ = 0;                        // state bytes per series, a multiple of 8
    std::vector<std::byte> bytes_;             // series * stride_
    std::vector<std::vector<Point>> windows_;  // by series; only with window_points()
    std::vector<std::string> texts_;           // by series, the kept value of booleans and texts
    mutable std::vector<Slot> slots_;          // mutable for queued_ns, which changes no output
    mutable base::DeadlineHeap heap_;          // mutable: correcting an early deadline changes no output
    std::vector<Kept> kept_;                   // reused
    uint64_t cut_ = 0;
};

}  // namespace tributary::downsample
