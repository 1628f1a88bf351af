// SPDX-License-Identifier: Apache-2.0
// Raw context of one stream: which readings of a series go to Kafka at full rate because of its events. Each event
// wants [start - before, end + after], at most kMostNs of it; what overlaps or touches is one range. A range is asked
// for in parts (Part): at once what is there when the event opens, then what came in each further minute. Parts of a
// series never share a reading. Owned by StreamState (engine's thread); asks no clock; can be saved. What it does not
// do: read the intake log, know names, decide which event counts.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "base/clock.hpp"
#include "base/deadline_heap.hpp"
#include "config/settings.hpp"
#include "model/output.hpp"
#include "model/reading.hpp"

namespace tributary::engine {

class ContextRanges {
  public:
    static constexpr int64_t kMostNs = 10 * 60 * base::kNsPerSecond;  // of one event
    static constexpr size_t kMostIds = 16;                            // named in one part
    static constexpr uint64_t kNoSeq = UINT64_MAX;

    struct Part {
        model::SeriesId series = 0;
        model::ContextRange range;  // without origin
    };

    // lateness_ns: a range waits so long (event time) for readings that come out of order.
    ContextRanges(const config::ContextSettings& settings, int64_t lateness_ns);

    // Of one reading, in this order: reading(), opened() and closed() as its detectors say, settle().
    void reading(model::SeriesId series, int64_t event_ns, uint64_t seq, int64_t now_ns);
    // slot: of the detector within the series; it has at most one open event.
    void opened(model::SeriesId series, size_t slot, std::string_view event_id, int64_t start_ns, int64_t now_ns,
                std::vector<Part>& out);
    void closed(model::SeriesId series, size_t slot, int64_t end_ns);
    void settle(model::SeriesId series, std::vector<Part>& out);

    void close_idle(int64_t now_ns, std::vector<Part>& out);
    void finish(model::SeriesId series, std::vector<Part>& out);  // its events are closed; what is there is all
    void forget(model::SeriesId series);                          // finished; its number or its times begin anew
    void arrival_back(int64_t by_ns);

    int64_t bound_ns() const { return heap_.bound_ns(); }  // at most the next
    int64_t next_deadline_ns() const;                      // exactly the next
    // The smallest seq that a later part may ask for; kNoSeq = none. Of a series that fell silent nothing is kept for
    // longer than reach_ns(). Walks all series.
    uint64_t floor_seq(int64_t now_ns) const;
    int64_t reach_ns() const { return reach_ns_; }

    void save(std::string& out) const;
    bool load(base::ByteReader& in);

  private:
    static constexpr size_t kBuckets = 16;
    static constexpr int64_t kEveryNs = 60 * base::kNsPerSecond;  // a part at least so often (arrival)
    static constexpr int64_t kGraceNs = 60 * base::kNsPerSecond;  // a silent series' range ends so much later

    struct Wanted {
        std::string event_id;
        size_t slot = 0;
        int64_t to_ns = 0;  // open: the most it may have
        bool open = false;
    };
    struct Series {
        // First seq by event time, bucket = event time / bucket_ns_, the newest kBuckets of them; 0 = none.
        std::array<uint64_t, kBuckets> first_seqs{};
        int64_t newest_ns = INT64_MIN;  // event time
        int64_t arrival_ns = 0;         // of the newest reading
        uint64_t last_seq = 0;
        int64_t done_ns = INT64_MIN;  // event time; everything before was asked for or is not wanted any more
        // The range under way.
        bool active = false, fresh = false;  // fresh: its first part is to be asked for at once
        int64_t from_ns = 0;
        int64_t to_ns = INT64_MIN;  // at least; events may want more
        uint64_t unsent_seq = 0;    // first reading behind the last part; 0 = none
        int64_t unsent_ns = 0;      // its arrival
        int64_t last_ns = 0;        // arrival at which it ends whatever the event times say
        std::vector<Wanted> events;
        int64_t queued_ns = base::kNever;  // see DeadlineHeap
    };

    int64_t bucket_of(int64_t event_ns) const;
    void note(Series& s, int64_t event_ns, uint64_t seq) const;
    uint64_t first_seq(const Series& s, int64_t from_ns) const;
    static int64_t end_ns(const Series& s);
    void ask(model::SeriesId series, std::vector<Part>& out);
    void ask(model::SeriesId series, int64_t from_ns, int64_t to_ns, uint64_t from_seq, std::vector<Part>& out);
    int64_t over_ns(const Series& s) const;
    int64_t deadline_of(size_t series) const;
    int64_t& queued_of(size_t series) const { return series_[series].queued_ns; }
    void queue(model::SeriesId series) { heap_.queue(series, deadline_of(series), series_[series].queued_ns); }

    const int64_t before_ns_, after_ns_, lateness_ns_, reach_ns_, bucket_ns_;
    mutable std::vector<Series> series_;  // mutable for queued_ns, which changes no output
    mutable base::DeadlineHeap heap_;     // mutable: correcting an early deadline changes no output
};

}  // namespace tributary::engine
