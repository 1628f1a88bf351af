// SPDX-License-Identifier: Apache-2.0
// What kafka pulls: one Feed per log. IntakeFeed walks the intake log behind the engine and turns messages into
// readings or raw records with the same pure projection the engine uses, under the configuration recorded in the log.
// OutputFeed walks a log of the engine's outputs. (context_feed: both at once.) Where a log does not go in order
// (catch_up) each of its lanes has a feed of its own. Kafka's thread only.
#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <memory>

#include "gateway/intake_walk.hpp"
#include "kafka/replicator.hpp"
#include "record/routing.hpp"

namespace tributary::gateway {

// Which part of its log a feed walks; without catch_up all of it.
struct Part {
    Claims* claims = nullptr;     // on what it reads; null: nobody changes the log
    CatchUp* catch_up = nullptr;  // shared by the log's two feeds
    bool backfill = false;        // to <topic>.backfill; with catch_up: what the live feed has left
    uint64_t least = kLogEnd;     // the live feed: as many records waiting are left when the link returns

    Claims::Lane lane() const { return backfill && catch_up != nullptr ? Claims::Lane::backfill : Claims::Lane::live; }
    // From seq on; beyond what the other feed has.
    Stretch stretch(uint64_t seq) const;
    uint64_t done(uint64_t cursor) const;
    void linked(model::Log log, uint64_t position, uint64_t end) const;
    void address(record::KafkaRecord& record) const;
};

class OutputFeed final : public kafka::Feed {
  public:
    OutputFeed(model::Log log, uint64_t cursor, BlockSource& source, record::Routing routing, Part part = {})
        : source_(source),
          part_(part),
          walk_(log, source, cursor, part.claims, part.lane()),
          cursor_(cursor),
          routing_(std::move(routing)) {}

    model::Log log() const override { return walk_.log(); }
    uint64_t cursor() const override { return cursor_; }
    void seek(uint64_t seq) override;
    bool next(kafka::Item& item) override;
    std::string incarnation(uint64_t seq) override { return walk_.incarnation(seq); }
    void linked() override;
    uint64_t done(uint64_t cursor) override { return part_.done(cursor); }
    bool backfill() const override { return part_.backfill; }
    void note_damage(Damage& damage) { walk_.note_damage(damage); }

  private:
    BlockSource& source_;
    const Part part_;
    uint64_t furthest_ = 0;  // it may have to go back, and what it gave out stays its own
    OutputWalk walk_;
    const uint64_t cursor_;
    const record::Routing routing_;
    record::KafkaRecord record_;
};

class IntakeFeed final : public kafka::Feed {
  public:
    // limit: intake below it is processed by the engine.
    IntakeFeed(uint64_t cursor, BlockSource& source, record::Routing routing, std::function<uint64_t()> limit,
               Part part = {})
        : part_of_log_(part),
          walk_(source, cursor, part.claims, part.lane()),
          cursor_(cursor),
          reported_(cursor - 1),
          routing_(std::move(routing)),
          limit_(std::move(limit)) {}

    model::Log log() const override { return model::Log::intake; }
    uint64_t cursor() const override { return cursor_; }
    void seek(uint64_t seq) override;
    bool next(kafka::Item& item) override;
    std::string incarnation(uint64_t seq) override { return walk_.incarnation(seq); }
    void linked() override { part_of_log_.linked(log(), std::max(furthest_, walk_.position()), limit_()); }
    uint64_t done(uint64_t cursor) override { return part_of_log_.done(cursor); }
    bool backfill() const override { return part_of_log_.backfill; }
    void note_damage(Damage& damage) { walk_.note_damage(damage); }

  private:
    struct Sent {  // one Kafka record of the present message
        bool raw = false;
        uint32_t stream = 0;  // of raw: the first that wants it
        engine::Projected projected;
    };

    void follow_configuration();
    bool begin_message(const model::IntakeRecord& record);
    void fill(kafka::Item& item);

    const Part part_of_log_;
    uint64_t furthest_ = 0;  // as OutputFeed's
    IntakeWalk walk_;
    const uint64_t cursor_;
    uint64_t reported_;  // the newest seq that was in an Item
    const record::Routing routing_;
    const std::function<uint64_t()> limit_;

    uint64_t generation_ = 0;          // of the configuration that what follows is of
    bool anything_ = false;            // some stream forwards readings or raw messages
    std::vector<Sent> parts_;          // of the present message
    std::vector<std::string> series_;  // their names, kept
    size_t part_ = 0;
    std::vector<engine::Projected> projected_;
    std::map<std::vector<uint32_t>, std::unique_ptr<kafka::Accounts>> accounts_;
    std::vector<std::unique_ptr<kafka::Accounts>>
        old_accounts_;  // of earlier configurations: Items in flight point there
    const kafka::Accounts* account_ = nullptr;
    std::vector<uint32_t> forwarding_;
    record::KafkaRecord record_;
};

}  // namespace tributary::gateway
