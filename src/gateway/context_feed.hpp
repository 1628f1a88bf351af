// SPDX-License-Identifier: Apache-2.0
// The feed of the log `context`: for each range the engine asked for it reads the intake log and gives the readings
// that belong to it, marked with their events. One source record = one range; it ends with an Item that is `nothing`
// and `complete`. Readings are made one by one, however many there are. Where intake is gone already, what is there is
// sent and the range is counted as incomplete. Kafka's thread only.
#pragma once

#include <atomic>

#include "gateway/context_pick.hpp"
#include "gateway/intake_walk.hpp"
#include "kafka/replicator.hpp"
#include "record/routing.hpp"

namespace tributary::gateway {

class ContextFeed final : public kafka::Feed {
  public:
    ContextFeed(uint64_t cursor, BlockSource& source, record::Routing routing, metrics::Registry& metrics);

    model::Log log() const override { return model::Log::context; }
    uint64_t cursor() const override { return cursor_; }
    void seek(uint64_t seq) override;
    bool next(kafka::Item& item) override;
    std::string incarnation(uint64_t seq) override { return ranges_.incarnation(seq); }
    void note_damage(Damage& damage) { ranges_.note_damage(damage); }

    uint64_t incomplete() const { return incomplete_.load(); }  // ranges, since the start; any thread

  private:
    bool open(kafka::Item& item);
    enum class Look { found, end, later, busy };
    Look look();
    bool wanted();
    bool gone();
    void miss();
    void fill(kafka::Item& item);
    void end(kafka::Item& item);

    OutputWalk ranges_;
    IntakeWalk intake_;
    BlockSource& source_;
    const uint64_t cursor_;
    const record::Routing routing_;
    metrics::Counter& counter_;
    std::atomic<uint64_t> incomplete_{0};

    bool open_ = false;
    model::ContextRange range_;
    uint32_t n_ = 0;                  // of the next reading within the range
    uint64_t missed_below_ = 0;       // ranges below it were looked at, and counted where they were incomplete
    std::optional<uint32_t> stream_;  // index under the configuration `generation_`
    uint64_t generation_ = 0;
    BlockPointer block_;          // whose topics these are:
    std::vector<int8_t> topics_;  // by index: -1 not known, else whether they may have readings of the series
    ContextPick pick_;
    const std::vector<ContextReading>* picked_ = nullptr;
    size_t at_ = 0;  // in picked_
    record::KafkaRecord record_;
};

}  // namespace tributary::gateway
