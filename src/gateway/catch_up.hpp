// SPDX-License-Identifier: Apache-2.0
// What of one log goes to Kafka out of order (catch_up = "live-first"): when the link returns, the live lane leaves
// what has piled up to the backfill lane and goes on at the end. The log's cursor is then the place up to which both
// are done, so nothing is deleted that one of them still needs. Kafka's thread; the writer reads the text it has
// stored. What it does not do: read logs, send, decide when.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

namespace tributary::gateway {

inline constexpr uint64_t kLogEnd = std::numeric_limits<uint64_t>::max();

struct Stretch {  // of seqs, without `to`
    uint64_t from = 0, to = 0;
    bool operator==(const Stretch&) const = default;
};

class CatchUp {
  public:
    static constexpr size_t kMostLeft = 64;  // a link that flaps for ever: then the live lane goes in order

    // text: as text() gave it, "" = nothing. One that does not belong to the log's cursor is of another time (an older
    // version has sent meanwhile) and forgotten: records may come twice, none is passed over.
    explicit CatchUp(uint64_t cursor, std::string_view text = {});

    // The live lane leaves [from, to) to the backfill lane; from: where it goes on, live(). False: too much is left
    // already.
    bool leave(uint64_t from, uint64_t to);
    const std::vector<Stretch>& left() const { return left_; }
    uint64_t owed() const;  // records left that the backfill lane has not passed

    // Where a lane that stands at seq goes on, and up to where; from kLogEnd: nothing is left for it.
    Stretch live(uint64_t seq) const;
    Stretch backfill(uint64_t seq) const;

    // Everything of the lane below is done.
    void live_done(uint64_t cursor);
    void backfill_done(uint64_t cursor);
    uint64_t live_cursor() const { return live_; }
    uint64_t backfill_cursor() const { return backfill_; }

    uint64_t cursor() const;             // of the log: nothing below it is owed by either
    std::vector<Stretch> ahead() const;  // what is done above cursor()
    std::string text() const;            // "" = it goes in order (docs/formats/store.md)
    static std::string key(std::string_view log_name) { return "catch-up:" + std::string(log_name); }  // in meta

  private:
    void forget_done();

    uint64_t live_, backfill_;
    std::vector<Stretch> left_;  // ascending, apart; whole until both lanes are past it
};

}  // namespace tributary::gateway
