// SPDX-License-Identifier: Apache-2.0
// Walks of the logs for the feeds. IntakeWalk goes through the intake log as the engine did: under the configuration
// and the clock that were in force at each record, arrival repaired. OutputWalk goes through a log of outputs. Kafka's
// thread only. What they do not do: make Kafka records.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/engine.hpp"
#include "gateway/block_cache.hpp"
#include "gateway/claims.hpp"
#include "gateway/clock_history.hpp"
#include "gateway/damage.hpp"

namespace tributary::gateway {

// Of the block that holds the record; "" = none does.
std::string incarnation_at(BlockSource& source, model::Log log, uint64_t seq);

class IntakeWalk {
  public:
    // claims: what it reads is not thinned any more.
    IntakeWalk(BlockSource& source, uint64_t seq, Claims* claims = nullptr, Claims::Lane lane = Claims::Lane::live)
        : source_(source), claims_(claims), lane_(lane), next_(seq) {}

    void seek(uint64_t seq);
    // To the next record below limit; false: there is none, or it cannot be read now. Where records are gone it goes on
    // behind them.
    bool next(uint64_t limit);
    uint64_t position() const { return next_; }  // everything below it was given, or is gone

    void note_damage(Damage& damage) { damage_ = &damage; }  // what is gone on the way

    // Since the last seek(): a block was missing on the way. A hole that thinning left in one is none.
    bool missed() const { return missed_; }

    // Of the record that next() came to.
    const model::IntakeRecord& stored() const { return stored_; }  // as it stands in the log, nothing repaired
    const model::IntakeRecord& record() const { return record_; }
    uint32_t topic_index() const { return reader_->topic_index(); }  // within block()
    const BlockPointer& block() const { return block_; }
    std::string incarnation(uint64_t seq) { return incarnation_at(source_, model::Log::intake, seq); }
    bool poison() const { return source_.poison(record_.seq); }  // not to be looked into
    model::ClockState clock() const { return clock_; }
    const config::Settings& settings() const { return *settings_; }
    engine::Projection& projection() { return *projection_; }
    uint64_t generation() const { return generation_; }  // counts up with the configuration

  private:
    bool load();
    bool load_clocks();
    bool load_configuration();
    void configure(uint64_t seq, std::string_view text);

    BlockSource& source_;
    Claims* const claims_;
    const Claims::Lane lane_;
    Damage* damage_ = nullptr;
    uint64_t next_;
    bool missed_ = false;
    std::shared_ptr<const config::Settings> settings_ = std::make_shared<const config::Settings>();
    std::unique_ptr<engine::Projection> projection_;
    uint64_t configured_at_ = 0, generation_ = 0;  // seq of the configuration record
    bool placed_ = false;                          // configuration and clock are those at next_
    ClockHistory clocks_;
    model::ClockState clock_ = model::ClockState::synced;
    BlockPointer block_;
    std::unique_ptr<model::IntakeBlockReader> reader_;
    model::IntakeRecord record_, stored_;
};

class OutputWalk {
  public:
    OutputWalk(model::Log log, BlockSource& source, uint64_t seq, Claims* claims = nullptr,
               Claims::Lane lane = Claims::Lane::live)
        : log_(log), source_(source), claims_(claims), lane_(lane), next_(seq) {}

    model::Log log() const { return log_; }
    void seek(uint64_t seq) { next_ = seq, block_ = nullptr; }
    bool next();                                             // false: nothing more now
    void note_damage(Damage& damage) { damage_ = &damage; }  // what is gone on the way

    uint64_t seq() const { return next_ - 1; }  // of the record that next() came to
    uint64_t position() const { return next_; }
    std::string incarnation(uint64_t seq) { return incarnation_at(source_, log_, seq); }
    base::Result<model::Output> output();  // an error: it is gone
    const BlockPointer& block() const { return block_; }

  private:
    bool load();

    const model::Log log_;
    BlockSource& source_;
    Claims* const claims_;
    const Claims::Lane lane_;
    Damage* damage_ = nullptr;
    uint64_t next_;
    BlockPointer block_;
    std::vector<std::string_view> records_;  // of block_
};

}  // namespace tributary::gateway
