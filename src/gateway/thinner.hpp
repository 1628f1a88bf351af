// SPDX-License-Identifier: Apache-2.0
// Plans one step of the ladder: reads the oldest blocks it may touch and says what comes in their place, as one
// transaction. Messages go through the same projection as on the way to Kafka. Each priority by itself: what lies
// between blocks of one stays as it is. Owned by the writer, its thread; reads by a connection of its own. What it does
// not do: decide which step (ladder), commit, keep kafka away (claims).
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "gateway/claims.hpp"
#include "gateway/context_keep.hpp"
#include "gateway/ladder.hpp"
#include "gateway/summaries.hpp"

namespace tributary::gateway {

struct ThinLimits {
    std::vector<Stretch> done;    // intake that is at Kafka
    std::vector<Stretch> free;    // intake that is not, and not on its way; oldest first
    uint64_t intake_to = 1;       // processed, behind a checkpoint; with what later events may ask for, and the tail
    uint64_t intake_to_now = 1;   // without these two
    uint64_t intake_to_over = 1;  // with the tail alone: what is over quota is not kept for later events
    uint64_t thinned_from = 1;    // records of the thinned log below are on their way
    uint64_t thinned_to = 1;      // the end of the log
    uint64_t context_cursor = 1;  // of kafka
    int64_t now_ns = 0;           // arrival
};

struct ThinPlan {
    store::Cut cut;
    std::vector<std::pair<model::Log, std::pair<std::string, uint32_t>>> appends;  // bodies and their records
    uint8_t block_class = 0;                                                       // of those in the thinned log
    int64_t from_ns = 0, to_ns = 0;                                                // times of those
    model::Ledger ledger;
    uint64_t thinned = 0, evicted = 0;  // records of the log that is cut
};

class Thinner {
  public:
    explicit Thinner(BlockSource source) : source_(std::move(source)), walk_(source_, 1), keep_(source_) {}

    // Nothing: this step finds nothing to do (now).
    std::optional<ThinPlan> plan(const Try& what, const ThinLimits& limits);
    // Of which priorities there are messages that have not been thinned, or summaries that Kafka has not.
    PrioritiesUsed used(const ThinLimits& limits);

  private:
    struct Run {  // of blocks side by side: one row comes in their place
        uint64_t from = 0, to = 0;
        int64_t first_ns = INT64_MAX, last_ns = INT64_MIN;
    };
    struct Range {  // of blocks of one class and one incarnation
        uint8_t block_class = 0;
        uint64_t from = 0, to = 0;
        size_t bytes = 0, blocks = 0;
        uint64_t records = 0;
        int64_t first_ns = INT64_MAX, last_ns = INT64_MIN;
        std::string incarnation;
        bool ended = false;  // nothing more will come to it, whatever comes to the log
        std::vector<Run> runs;
        model::Priority priority = model::Priority::normal;  // the highest in there
        void add(const store::Block& block);
    };
    enum class Mode { release, summarise, evict };

    // closed: no more messages will ever come before the limit.
    std::optional<ThinPlan> plan_intake(uint64_t from, uint64_t limit, bool few, Mode mode, bool closed = false);
    std::optional<ThinPlan> plan_coarser(uint8_t grade, const ThinLimits& limits, bool old);
    std::optional<ThinPlan> plan_drop(uint8_t grade, const ThinLimits& limits, bool good_part_only);
    template <class Each>
    uint64_t take_out(const Range& range, ThinPlan& plan, Each each);
    std::optional<ThinPlan> plan_drop_kept(const Stretch& stretch, uint64_t limit);
    Range range(model::Log log, uint8_t block_class, uint64_t from, uint64_t limit, size_t most_bytes);
    void bridge(Range& range, uint64_t to);
    std::optional<store::Block> block(model::Log log, uint8_t block_class, uint64_t& from);
    uint8_t of_class(uint8_t grade) const { return model::block_class(priority_, grade); }
    bool walk_through(const Range& range, Mode mode, Summaries& summaries, ThinPlan& plan);
    enum class Settled { nothing, summarised, evicted };
    Settled settle(const model::Message& message, Mode mode, Summaries& summaries, model::Ledger& ledger);
    void put(const Summaries& summaries, ThinPlan& plan) const;
    void gap(const Range& range, model::Log log, uint64_t count, bool thinned, ThinPlan& plan) const;

    BlockSource source_;
    IntakeWalk walk_;
    ContextKeep keep_;
    struct OfPriority {
        size_t step_bytes = 2 << 20;     // of uncompressed messages, at once
        uint64_t kept_from = 1;          // intake below it keeps nothing that could be dropped
        bool may_keep = true;            // and behind it something may
        uint64_t hopeless_below = 1;     // intake that a summary would not make smaller
        uint64_t again_at = 1;           // the same at the end of the log, before it has got so far
        std::array<uint64_t, 4> next{};  // by grade: where its blocks in the thinned log begin
    };
    OfPriority& mine() { return of_priority_[static_cast<size_t>(priority_)]; }

    std::array<OfPriority, model::kPriorities> of_priority_;
    model::Priority priority_ = model::Priority::normal;  // of the step that is planned
    // By class: below it there is none. Of those whose blocks come at the end of the log only: messages as they came,
    // and summaries.
    std::array<uint64_t, model::kBlockClasses> none_below_intake_{}, none_below_thinned_{};
    std::vector<engine::Projected> projected_;
    int64_t now_ns_ = 0;
};

}  // namespace tributary::gateway
