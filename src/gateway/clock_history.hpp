// SPDX-License-Identifier: Apache-2.0
// What the clock records in the intake log amount to: which state is in force where, whether processing has to wait,
// and by how much arrival stamps of an unsynchronised stretch are wrong once the true time is known. A pure function of
// the log: the writer feeds it record by record and keeps its text in meta.clocks, so that who starts in the middle of
// the log knows what came before. Engine loop and feeds ask a copy. No thread, no clock. The rules: docs/clocks.md.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "model/intake.hpp"

namespace tributary::gateway {

class ClockHistory {
  public:
    explicit ClockHistory(const std::string& text = "");
    std::string text() const;

    // In the order of the log. arrival: of the clock record itself. True: the text changed.
    bool add(uint64_t seq, int64_t arrival_ns, const model::ClockRecord& record);
    bool time(int64_t newest_ns);  // arrival of the newest record so far

    // The state in force for the record at seq; before the first record synced, as the engine assumes.
    model::ClockState at(uint64_t seq) const;
    // Makes of a record of the log the one to be processed: arrival corrected, clock records with what is known now.
    // True: its arrival is a repaired one.
    bool apply(model::IntakeRecord& record) const;

    static constexpr uint64_t kNowhere = UINT64_MAX;
    uint64_t held_from() const {
        return chain_.empty() ? kNowhere : chain_.front().from;
    }                                                                           // processing stops before it
    int64_t hold_until_ns() const { return last_ ? last_->hold_until_ns : 0; }  // while it is held
    size_t held_boots() const;

    const std::optional<model::ClockRecord>& last() const { return last_; }
    std::optional<int64_t> newest_ns() const { return newest_ns_; }
    // The newest synchronised arrival ever, nothing = never. A later synchronised one below it took its place:
    // from which time it was reset then.
    std::optional<int64_t> floor_ns() const;
    std::optional<int64_t> reset_from_ns() const { return reset_from_ns_; }
    // Where a clock that knows nothing better goes on from start_ns, so that it runs into no stretch of time that was
    // used before. lead_ns: so far ahead a stretch is still in the way.
    int64_t free_from(int64_t start_ns, int64_t lead_ns) const;

  private:
    struct Change {
        uint64_t seq;
        model::ClockState state;
    };
    // Arrival stamps of [from, until) are off by shift. exact: of the boot that was synchronised; else an estimate, and
    // they stay marked unsynced.
    struct Repair {
        uint64_t from, until;
        int64_t shift_ns;
        bool exact;
    };
    // Unsynchronised and held back: one anchor of one boot.
    struct Segment {
        uint64_t from, boot;
        int64_t anchor_ns, first_ns, last_ns;
    };
    struct Span {
        int64_t start_ns, end_ns;
    };

    void on_unsynced(uint64_t seq, int64_t arrival_ns, const model::ClockRecord& record);
    void resolve(uint64_t seq, int64_t arrival_ns, const model::ClockRecord& record);
    void pass();
    void used(int64_t start_ns, int64_t end_ns);
    const Repair* repair_of(uint64_t seq) const;

    std::vector<Change> changes_;
    std::vector<Repair> repairs_;
    std::vector<Segment> chain_;
    std::vector<Span> spans_;  // arrival time used up beyond the floor, without the present stretch
    std::optional<model::ClockRecord> last_;
    int64_t stretch_ns_ = 0;  // the present stretch (boot and anchor of last_) begins here
    std::optional<int64_t> newest_ns_, floor_ns_, reset_from_ns_;
};

}  // namespace tributary::gateway
