// SPDX-License-Identifier: Apache-2.0
// Windows in event time for the series of one stream, for each of its window settings (design section 6): tumbling,
// hopping, session, count. Series are dense numbers of the caller. A window closes when the series' watermark (greatest
// event time - lateness) passes its end, or when the series was idle in arrival time; a count window when it is full.
// Within `revise` behind that a late reading changes the closed window, which is put out again. Owned by the engine
// (one thread); asks no clock; flat state that can be saved; no allocation per reading in the steady state. What it
// does not do: names of series, output records. Source of the words: T. Akidau et al., "The Dataflow Model" (VLDB
// 2015); results as Apache Flink's (docs/flink.md).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "base/clock.hpp"
#include "base/deadline_heap.hpp"
#include "config/settings.hpp"
#include "stream/aggregate.hpp"
#include "stream/figures.hpp"
#include "stream/grid.hpp"
#include "stream/reorder.hpp"

namespace tributary::stream {

// A window to put out. `record` has everything but origin and name.
struct Closed {
    model::SeriesId series = 0;
    uint32_t window = 0;  // index into the settings
    model::Window record;
};

struct Late {
    uint32_t window = 0;
    int64_t end_ns = 0;  // of the (last) window it missed
};

// What the bounds cost, and what stands; since construction.
struct WindowStats {
    size_t kept = 0, open = 0;  // windows in memory; of them not put out yet
    size_t reordering = 0;      // readings that wait for their order
    uint64_t forced = 0;        // windows that closed early for want of room
    uint64_t hurried = 0;       // readings that did not wait for their order for want of room
    uint64_t out_of_order = 0;  // readings too late for the figures that depend on order
    uint64_t revisions = 0;     // windows put out again
    uint64_t coarse = 0;        // windows whose quantiles have a larger error than 1 %

    void add(const WindowStats& other);
};

class WindowStage {
  public:
    // Of settings that validate() found right: Figures::make() has no error.
    explicit WindowStage(const config::StreamSettings& settings);

    bool empty() const { return rules_.empty(); }  // no window is configured
    bool takes(model::ValueKind kind) const { return kind != model::ValueKind::text ? !empty() : takes_texts_; }

    // One reading that takes() wants. Windows its time closes are appended to `closed` in order of their start, those
    // it missed to `late`; returns how many settings took it. now_ns (arrival) goes back only
    // with arrival_back().
    uint32_t add(model::SeriesId series, const model::Reading& reading, int64_t now_ns, std::vector<Closed>& closed,
                 std::vector<Late>& late);

    // Closes the windows of series idle at now_ns and puts out gathered revisions, in order of (deadline, series,
    // window setting).
    void close_idle(int64_t now_ns, std::vector<Closed>& closed);
    int64_t bound_ns() const { return heap_.bound_ns(); }  // at most the next
    int64_t next_deadline_ns() const;                      // exactly the next

    void flush(std::vector<Closed>& closed);  // all open windows, in order of (series, window setting, start)
    void forget(model::SeriesId series, std::vector<Closed>& closed);  // flushes it; its number gets a new life
    void restart();                                                    // forgets everything
    void arrival_back(int64_t by_ns);  // now_ns will be so much less from here on: deadlines move with it
    // Every window that ends at or before it is out; kNever while no window is open.
    int64_t complete_until_ns() const;
    WindowStats stats() const;

    void save(std::string& out) const;
    bool load(base::ByteReader& in);  // false: the bytes are not ours; the stage is unusable then

  private:
    enum class Shape : uint8_t { tumbling, hopping, session, count };
    static constexpr uint32_t kNil = UINT32_MAX;

    struct Rule {
        Rule(const config::WindowSettings& window, int max_reorder);

        Shape shape;
        int64_t size_ns, gap_ns, lateness_ns, revise_ns, idle_ns;
        uint64_t count;    // of a count window
        uint32_t at_once;  // windows a reading is in
        Grid grid;         // of starts
        Figures figures;
        ReorderBuffer reorder;         // only with ordered figures
        std::vector<Before> before;    // by series; likewise
        std::vector<std::byte> bytes;  // of the figures, by Node::figures
        uint32_t free = kNil;
    };
    // Of one series and window setting. Its windows form a list in order of their start; the ones that are out already
    // and can be revised come first.
    struct Slot {
        int64_t closed_until_ns = INT64_MIN;  // windows that end here or before are out
        int64_t last_arrival_ns = 0;
        int64_t dirty_since_ns = base::kNever;  // arrival; some window is out, and changed since
        int64_t queued_ns = base::kNever;
        uint32_t head = kNil, tail = kNil;
        uint32_t open = kNil;  // the first that is not out
    };
    struct Node {
        int64_t start_ns = 0, end_ns = 0;
        Aggregate aggregate;
        uint32_t next = kNil;
        uint32_t figures = kNil;
        uint32_t revision = 0;  // of the next time it is put out
        bool dirty = false;     // out, and changed since
    };

    Rule& rule_of(size_t slot) { return rules_[slot % rules_.size()]; }
    const Rule& rule_of(size_t slot) const { return rules_[slot % rules_.size()]; }
    bool is_out(const Slot& slot, const Node& node) const { return node.end_ns <= slot.closed_until_ns; }

    // By shape: whether the reading was taken, else the end of the window it missed.
    bool add_to_grid(size_t slot, const Held& reading, int64_t now_ns, int64_t& missed_ns);
    bool add_to_session(size_t slot, const Held& reading, int64_t& missed_ns);
    void add_to_count(size_t slot, const Held& reading);
    void put_in(size_t slot, uint32_t node, const Held& reading);
    void put_in_order(size_t slot, model::SeriesId series, const Held& reading);
    void fold(size_t slot, model::SeriesId series);  // what released_ holds
    void advance(size_t slot, int64_t until_ns, std::vector<Closed>& closed);
    void close_all(size_t slot, std::vector<Closed>& closed);
    void make_room(size_t slot, std::vector<Closed>& closed);
    void put_out(size_t slot, uint32_t node, std::vector<Closed>& closed);
    void put_out_first(size_t slot, std::vector<Closed>& closed);  // of the open ones
    void put_out_revisions(size_t slot, std::vector<Closed>& closed);
    Held held(const model::Reading& reading);

    uint32_t window_at(size_t slot, int64_t start_ns, int64_t end_ns);
    uint32_t allocate(size_t slot, int64_t start_ns, int64_t end_ns, uint32_t next);
    void drop_first(size_t slot);
    void release(size_t slot, uint32_t node);

    static int64_t revisions_due_ns(const Slot& slot);
    int64_t deadline_of(size_t slot) const;
    int64_t& queued_of(size_t slot) const { return slots_[slot].queued_ns; }
    bool load_slot(size_t slot, base::ByteReader& in);

    std::vector<Rule> rules_;
    size_t most_;  // nodes
    bool takes_texts_ = false;
    model::SeriesTable texts_;         // values that are texts, by number
    mutable std::vector<Slot> slots_;  // series * rules + rule; mutable for queued_ns, which changes no output
    mutable base::DeadlineHeap heap_;  // mutable: correcting an early deadline changes no output
    std::vector<Node> nodes_;
    uint32_t free_ = kNil;
    size_t used_ = 0, open_ = 0;
    std::vector<Held> released_;  // reused
    WindowStats counts_;
};

}  // namespace tributary::stream
