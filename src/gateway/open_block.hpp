// SPDX-License-Identifier: Apache-2.0
// The open block: where Paho's thread and the writer meet. Messages and control records are appended in the order they
// come, straight in the block's final form; the writer takes whole blocks. Where streams have priorities a block has a
// part for each class that came, one behind the other in the log: within a class the order is the one of arrival, and a
// control record, which is for all of them, stands in the first part or begins a new block. Bounded in bytes: what is
// here and not yet committed counts, and when it is full the sender waits (mqtt::Session then drops the connection).
#pragma once

#include <array>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "gateway/classes.hpp"
#include "model/intake.hpp"
#include "mqtt/session.hpp"

namespace tributary::gateway {

// Arrival time: boot clock + anchor, so a step of the wall clock never moves it. The anchor changes by a clock record
// only. Who asks it for the wall clock gets arrival time: on a box that starts in 1970 that is nearer to the truth.
class ArrivalClock final : public base::Clock {
  public:
    explicit ArrivalClock(const base::Clock& clock) : clock_(clock), anchor_ns_(clock.wall_ns() - clock.boot_ns()) {}
    int64_t now_ns() const { return clock_.boot_ns() + anchor_ns_.load(std::memory_order_relaxed); }
    int64_t anchor_ns() const { return anchor_ns_.load(std::memory_order_relaxed); }
    int64_t wall_ns() const override { return now_ns(); }
    int64_t boot_ns() const override { return clock_.boot_ns(); }
    bool synchronised() const override { return clock_.synchronised(); }
    uint64_t boot() const override { return clock_.boot(); }
    void set_anchor_ns(int64_t anchor_ns) { anchor_ns_.store(anchor_ns, std::memory_order_relaxed); }

  private:
    const base::Clock& clock_;
    std::atomic<int64_t> anchor_ns_;
};

struct ClockInBlock {
    uint32_t index = 0;  // in the block
    int64_t arrival_ns = 0;
    std::optional<int64_t> before_ns;  // arrival of the record before it in the block
    model::ClockRecord record;
};

// What becomes one row of the log.
struct BlockPart {
    model::Priority priority = model::Priority::normal;
    uint32_t count = 0;
    int64_t first_time_ns = 0, last_time_ns = 0;
    std::string body;
};

// Committed as a whole, or not at all.
struct ClosedBlock {
    std::vector<BlockPart> parts;                           // in the order in which they stand in the log
    uint32_t count = 0;                                     // of all parts
    int64_t newest_ns = 0;                                  // arrival of the last record
    std::vector<mqtt::Ticket> tickets;                      // to acknowledge after the commit, in order
    std::vector<std::pair<uint32_t, std::string>> configs;  // (index in the block, text) of config records
    std::vector<ClockInBlock> clocks;
    uint64_t duplicates = 0;  // redeliveries filtered while it was open
    size_t cost_bytes = 0;    // what it takes of the queue's bound
    uint32_t session = 0;     // newest session number seen
    // Bytes of the streams with a quota by index in classes->with_quota(), each for all priorities; empty: there are
    // none.
    std::vector<uint64_t> counted;
    std::shared_ptr<const Classes> classes;
};

struct OpenBlockLimits {
    uint32_t messages = 1000;
    size_t bytes = 256 << 10;
    size_t queue_bytes = 8 << 20;
    int64_t gather_ns = 0;
    // 3.1.1: the broker stops after so many unacknowledged messages, so the block closes when as many are in it and
    // nothing came for stall_ns. 0 = does not apply.
    uint32_t stall_messages = 0;
    int64_t stall_ns = 2 * base::kNsPerMs;
};

class OpenBlock final : public mqtt::Sink {
  public:
    OpenBlock(const OpenBlockLimits& limits, const base::Clock& clock, ArrivalClock& arrival)
        : limits_(limits), gather_ns_(limits.gather_ns), clock_(clock), arrival_(arrival) {}

    // mqtt::Sink: Paho's thread.
    bool message(const model::Message& message, const mqtt::Ticket* ticket) override;
    void acknowledge_only(const mqtt::Ticket& ticket) override;
    bool wait_for_room(int64_t timeout_ns) override;
    void session(const model::SessionRecord& record) override;

    // Control records: any thread. `at_once` closes the block instead of gathering. A clock record moves the anchor:
    // what stands before it in the log is stamped by the old one, what stands behind it by the new one.
    template <class Record>
    void control(const Record& record, bool at_once);
    // Which message stands in which part, from the next block on. Any thread; null: all in one.
    void set_classes(std::shared_ptr<Classes> classes);
    // At start: arrival of the newest record in the log. Stamps stand still at it while the clock is a little behind.
    void resume(int64_t newest_ns) { stamped_ns_ = newest_ns; }

    // Writer: waits for a closed block, or for an open one whose time has come, or until `until_ns` (boot time) or
    // wake().
    std::optional<ClosedBlock> take(int64_t until_ns);
    std::optional<ClosedBlock> take_now();  // what is there, at the end
    void committed(size_t bytes);           // frees room
    void wake();
    void set_gather_ns(int64_t gather_ns) { gather_ns_.store(gather_ns, std::memory_order_relaxed); }
    int64_t gather_ns() const { return gather_ns_.load(std::memory_order_relaxed); }

    size_t bytes_in_use() const;

  private:
    void opened();  // lock held: first record of a block
    void close();   // lock held
    int64_t stamp();
    bool due() const;
    bool has_content() const { return used_ > 0 || !tickets_.empty() || duplicates_ > 0; }
    model::IntakeBlockWriter& part(model::Priority priority);
    model::IntakeBlockWriter& for_control();

    const OpenBlockLimits limits_;
    std::atomic<int64_t> gather_ns_;
    const base::Clock& clock_;
    ArrivalClock& arrival_;

    mutable std::mutex mutex_;
    std::condition_variable to_writer_, to_sender_;
    std::array<model::IntakeBlockWriter, model::kPriorities> writers_;  // one for each class
    std::array<model::Priority, model::kPriorities> order_{};           // of those in use: used_
    size_t used_ = 0;
    uint32_t records_ = 0;
    size_t bytes_ = 0;  // of them all
    std::shared_ptr<Classes> classes_;
    std::vector<uint64_t> counted_;
    std::vector<mqtt::Ticket> tickets_;
    std::vector<std::pair<uint32_t, std::string>> configs_;
    std::vector<ClockInBlock> clocks_;
    std::deque<ClosedBlock> closed_;
    size_t in_use_bytes_ = 0, open_cost_bytes_ = 0;
    int64_t opened_ns_ = 0, last_message_ns_ = 0;
    int64_t stamped_ns_ = INT64_MIN;  // of the newest record
    uint64_t duplicates_ = 0;
    uint32_t session_ = 0;
    bool woken_ = false;
};

extern template void OpenBlock::control(const model::ClockRecord&, bool);
extern template void OpenBlock::control(const model::ConfigRecord&, bool);
extern template void OpenBlock::control(const model::MuteRecord&, bool);
extern template void OpenBlock::control(const model::SkipRecord&, bool);
extern template void OpenBlock::control(const model::TickRecord&, bool);

}  // namespace tributary::gateway
