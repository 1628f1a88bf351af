// SPDX-License-Identifier: Apache-2.0
// Tumbling windows in event time for the series of one stream, for each of its window settings (design section 6).
// Series are dense numbers of the caller. A window closes when the series' watermark passes its end, or when the
// series was idle in arrival time. Owned by the engine (one thread); asks no clock; state is flat and can be saved.
// What it does not do: names, output records, revisions.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "base/clock.hpp"
#include "config/settings.hpp"
#include "stream/aggregate.hpp"

namespace tributary::stream {

struct Closed {
    model::SeriesId series = 0;
    uint32_t window = 0;  // index into the settings
    Aggregate aggregate;
};

struct Late {
    uint32_t window = 0;
    int64_t end_ns = 0;  // of the window it missed
};

class WindowStage {
  public:
    explicit WindowStage(const std::vector<config::WindowSettings>& settings);

    bool empty() const { return rules_.empty(); }  // no window is configured
    int64_t size_ns(uint32_t window) const { return rules_[window].size_ns; }

    // One reading. Windows its time closes are appended to `closed` in order of their start, those it missed to `late`;
    // returns how many windows took it. now_ns (arrival) never goes back between two calls of restart().
    uint32_t add(model::SeriesId series, int64_t event_ns, double value, model::TimeMark mark, int64_t now_ns,
                 std::vector<Closed>& closed, std::vector<Late>& late);

    // Closes the windows of series idle at now_ns, in order of (deadline, series, window setting).
    void close_idle(int64_t now_ns, std::vector<Closed>& closed);
    int64_t bound_ns() const { return heap_.empty() ? base::kNever : heap_.front().deadline_ns; }  // at most the next
    int64_t next_deadline_ns() const;                                                              // exactly the next

    void flush(std::vector<Closed>& closed);  // all open windows, in order of (series, window setting, start)
    void restart();                           // forgets everything: a new time epoch
    // Every window that ends at or before it is out; kNever while no window is open.
    int64_t complete_until_ns() const;
    size_t open() const { return nodes_.size() - free_count_; }

    void save(std::string& out) const;
    bool load(base::ByteReader& in);  // false: the bytes are not ours; the stage is unusable then

  private:
    struct Rule {
        int64_t size_ns, lateness_ns, idle_ns;
    };
    // Of one series and window setting. Open windows form a list in order of their start.
    struct Slot {
        int64_t closed_until_ns = INT64_MIN;  // windows that end here or before take nothing any more
        int64_t last_arrival_ns = 0;
        uint32_t head = kNil, tail = kNil;
        bool queued = false;  // has an entry in heap_
    };
    struct Node {
        Aggregate aggregate;
        uint32_t next = kNil;
    };
    // Exactly one per slot with open windows, at most one per slot. The deadline may be earlier than the true one
    // (later readings do not move it): it is corrected when it comes to the top.
    struct Deadline {
        int64_t deadline_ns;
        uint32_t slot;
    };
    static constexpr uint32_t kNil = UINT32_MAX;

    const Rule& rule_of(size_t slot) const { return rules_[slot % rules_.size()]; }
    int64_t deadline_of(size_t slot) const { return slots_[slot].last_arrival_ns + rule_of(slot).idle_ns; }
    void close_first(size_t slot, std::vector<Closed>& closed);
    Aggregate& window_at(Slot& slot, int64_t start_ns);
    uint32_t allocate(int64_t start_ns, uint32_t next);
    void queue(size_t slot) const;
    Deadline unqueue() const;

    std::vector<Rule> rules_;
    mutable std::vector<Slot> slots_;     // series * rules + rule; mutable for `queued`, which changes no output
    mutable std::vector<Deadline> heap_;  // mutable: correcting an early deadline changes no output
    std::vector<Node> nodes_;
    uint32_t free_ = kNil;
    size_t free_count_ = 0;
};

}  // namespace tributary::stream
