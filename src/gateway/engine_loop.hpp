// SPDX-License-Identifier: Apache-2.0
// The engine's thread: takes committed intake blocks in order (from memory, from the store when it lags), runs the
// engine, hands outputs, cursor and ledger to the writer. At start: newest checkpoint, then, in its own thread, intake
// again with outputs suppressed up to the `engine` cursor; nobody waits for that. It never waits for Kafka, but for a
// clock that is not synchronised yet, as long as its record in the log says; arrival stamps are then repaired before
// the engine sees them (clock_history).
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

#include "engine/engine.hpp"
#include "gateway/block_cache.hpp"
#include "gateway/poison.hpp"
#include "gateway/writer.hpp"

namespace tributary::gateway {

class EngineLoop {
  public:
    // poison: null = nobody asks which message ended the process.
    EngineLoop(BlockSource source, Writer& writer, OpenBlock& open, const ArrivalClock& arrival,
               const base::Clock& clock, metrics::Registry& metrics, Poison* poison = nullptr,
               std::unique_ptr<engine::Engine> engine = engine::make_engine());
    ~EngineLoop();

    base::Result<> recover();                     // before start(): the newest checkpoint
    void start(std::function<void()> processed);  // called after each block
    void wake();                                  // intake was committed
    bool finish(int64_t timeout_ns);              // processes all that is committed, hands in a checkpoint, stops
    void stop();

    uint64_t position() const { return position_.load(); }  // intake below it is processed and handed to the writer
    engine::Stats stats() const;
    int64_t watermark_ns() const {
        return watermark_ns_.load();
    }                                                       // refreshed every few seconds; kNever = no open window
    uint64_t repaired() const { return repaired_.load(); }  // messages whose arrival was, since the start
    uint64_t progress() const { return progress_.load(); }
    bool idle() const { return idle_.load(); }

  private:
    class Collector;

    void run();
    bool process_next();
    bool rebuild();
    uint64_t process(const store::Block& block, uint64_t from, bool suppressed, uint64_t until);
    void pass_gap(uint64_t from, const store::Block& behind, Collector& collector, model::Ledger& ledger);
    int64_t next_tick_ns() const;
    void tick_if_due();
    void refresh_watermark();
    uint64_t refresh_context_floor();
    void report_bounds();
    void give_room();
    void checkpoint_if_worth(bool at_stop);

    BlockSource source_;
    Writer& writer_;
    OpenBlock& open_;
    const ArrivalClock& arrival_;
    const base::Clock& clock_;
    metrics::Registry& metrics_;
    Poison* const poison_;
    std::unique_ptr<engine::Engine> engine_;
    std::function<void()> processed_;

    std::atomic<uint64_t> position_{1}, progress_{0}, repaired_{0};
    std::atomic<bool> idle_{true};
    std::atomic<int64_t> watermark_ns_{base::kNever};
    int64_t watermark_at_ns_ = 0, floor_at_ns_ = 0;
    uint64_t context_floor_ = UINT64_MAX;
    uint64_t over_bounds_ = 0;                  // what bounds have cost, when it was last looked at
    int64_t over_bounds_at_ns_ = base::kNever;  // boot time of the last growth; kNever: well
    uint64_t rebuild_from_ = 1;                 // of intake, up to position_: at start
    uint64_t since_checkpoint_ = 0, bytes_since_checkpoint_ = 0;
    int64_t checkpoint_at_ns_ = 0;
    size_t checkpoint_bytes_ = 0;
    int64_t ticked_for_ns_ = 0;

    mutable std::mutex mutex_;
    std::condition_variable changed_;
    engine::Stats stats_;
    bool woken_ = false, finishing_ = false, stopping_ = false, finished_ = false;
    std::thread thread_;
};

}  // namespace tributary::gateway
