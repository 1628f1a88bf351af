// SPDX-License-Identifier: Apache-2.0
// One log on its way to Kafka: what was pulled from its Feed and is not settled yet, in order, and the cursor over the
// gap-free prefix of what is. After trouble it rewinds: the feed is asked again from the cursor on, and only what was
// not delivered goes out again. Owned by the replicator's thread. It knows nothing of librdkafka.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "kafka/replicator.hpp"

namespace tributary::kafka {

class Lane {
  public:
    // taken: Kafka has it in a transaction that is not committed.
    enum class State : uint8_t { waiting, flying, taken, delivered, refused };
    struct Slot {
        uint64_t seq = 0;
        uint32_t n = 0;
        State state = State::waiting;
        bool last = true;
        bool nothing = false, complete = false;
        bool sent_before = false;
        bool stamp_refused = false;
        int64_t stamp_ms = 0;  // as sent
        const Accounts* accounts = nullptr;
        std::shared_ptr<const void> keep;  // the value's bytes while they are in flight
    };

    // topics: where its records can go, as far as the configuration tells.
    Lane(Feed& feed, std::vector<std::string> topics);

    const std::vector<std::string>& topics() const { return topics_; }
    bool sends_to(std::string_view topic) const {
        return std::find(topics_.begin(), topics_.end(), topic) != topics_.end();
    }
    // One of an earlier configuration, found in a record.
    void add_topic(std::string_view topic) {
        if (!sends_to(topic)) topics_.emplace_back(topic);
    }
    model::Log log() const { return feed_.log(); }
    bool backfill() const { return feed_.backfill(); }
    void linked() { feed_.linked(); }

    // The next record to send, or null: nothing now. Takes at most `budget` items from the feed. The same one again
    // until sent() or refuse() was called.
    const Item* fetch(int& budget);
    bool busy() const { return item_.busy; }     // fetch() gave null, but not for want of records
    Slot& pending() { return at(send_); }        // of the item fetch() gave
    uint64_t position() const { return send_; }  // of the item fetch() gave; travels with the record
    void sent();
    void refuse_pending();

    Slot& slot(uint64_t position_low_bits);
    void land(Slot& slot, State state);  // a flying slot is delivered, refused or waiting again
    size_t flying() const { return flying_; }

    // Nothing flies: starts again at the cursor.
    void rewind();
    // A producer is gone with what was in flight.
    void abandon();

    // Transactions. Records below seq are committed already: they are settled, and not sent.
    void skip_below(uint64_t seq) { skip_below_ = std::max(skip_below_, seq); }
    uint64_t cursor() const { return cursor_; }
    std::string incarnation(uint64_t seq) const { return feed_.incarnation(seq); }
    bool mid_record() const { return send_ > head_ && !at(send_ - 1).last; }  // more records of that message to come
    uint64_t cursor_when_committed() const;
    size_t commit();  // what was taken is delivered: so many

    // Singly: records of one key are not in flight together, up to what was pulled when the trouble began.
    void begin_singly() { singly_until_ = tail_; }
    bool singly_done() const { return send_ >= singly_until_ && flying_ == 0; }
    bool may_send_singly(std::string_view key);

    // Moves the cursor and reports when it did. Returns what was delivered and refused since the last call.
    void report(Progress& progress);

    int64_t held_until_ns = 0;  // boot time: its topic is not usable before
    bool rewind_wanted = false;
    bool usable() const { return held_until_ns == 0 && !rewind_wanted; }

    static constexpr unsigned kPositionBits = 27;

  private:
    Slot& at(uint64_t position) { return ring_[position & (ring_.size() - 1)]; }
    const Slot& at(uint64_t position) const { return ring_[position & (ring_.size() - 1)]; }
    void push();
    void settle();
    void pass(const Slot& last);
    void count(const Slot& last);

    struct Tally {
        uint64_t forwarded = 0, rejected = 0;
    };

    Feed& feed_;
    std::vector<std::string> topics_;
    std::vector<Slot> ring_;                   // a power of two
    uint64_t head_ = 0, send_ = 0, tail_ = 0;  // head: oldest unsettled; send: next to send
    uint64_t singly_until_ = 0, skip_below_ = 0;
    std::unordered_set<std::string> keys_;  // in flight while sending singly
    size_t flying_ = 0;
    Item item_;
    bool has_item_ = false;
    uint64_t cursor_;
    bool moved_ = false;
    // Of a source record that gives many: its first records, settled before the last one is known.
    uint64_t part_seq_ = 0;
    uint32_t part_n_ = 0;        // those below it
    bool part_refused_ = false;  // one of them was
    model::LogAccount account_;
    std::unordered_map<const Accounts*, Tally> tallies_;
};

}  // namespace tributary::kafka
