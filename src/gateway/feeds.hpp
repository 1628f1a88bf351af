// SPDX-License-Identifier: Apache-2.0
// What kafka pulls: one Feed per log. IntakeFeed walks the intake log behind the engine and turns messages into
// readings or raw records with the same pure projection the engine uses, under the configuration recorded in the log.
// OutputFeed walks a log of the engine's outputs. (context_feed: both at once.) Kafka's thread only.
#pragma once

#include <functional>
#include <map>
#include <memory>

#include "gateway/intake_walk.hpp"
#include "kafka/replicator.hpp"

namespace tributary::gateway {

class OutputFeed final : public kafka::Feed {
  public:
    OutputFeed(model::Log log, uint64_t cursor, BlockSource& source, std::string gateway, std::string prefix,
               Claims* claims = nullptr)
        : walk_(log, source, cursor, claims),
          cursor_(cursor),
          gateway_(std::move(gateway)),
          prefix_(std::move(prefix)) {}

    model::Log log() const override { return walk_.log(); }
    uint64_t cursor() const override { return cursor_; }
    void seek(uint64_t seq) override { walk_.seek(seq); }
    bool next(kafka::Item& item) override;
    void note_damage(Damage& damage) { walk_.note_damage(damage); }

  private:
    OutputWalk walk_;
    const uint64_t cursor_;
    const std::string gateway_, prefix_;
    record::KafkaRecord record_;
};

class IntakeFeed final : public kafka::Feed {
  public:
    // limit: intake below it is processed by the engine.
    IntakeFeed(uint64_t cursor, BlockSource& source, std::string gateway, std::string prefix,
               std::function<uint64_t()> limit, Claims* claims = nullptr)
        : walk_(source, cursor, claims),
          cursor_(cursor),
          reported_(cursor - 1),
          gateway_(std::move(gateway)),
          prefix_(std::move(prefix)),
          limit_(std::move(limit)) {}

    model::Log log() const override { return model::Log::intake; }
    uint64_t cursor() const override { return cursor_; }
    void seek(uint64_t seq) override;
    bool next(kafka::Item& item) override;
    void note_damage(Damage& damage) { walk_.note_damage(damage); }

  private:
    struct Part {  // one Kafka record of the present message
        bool raw = false;
        engine::Projected projected;
    };

    void follow_configuration();
    bool begin_message(const model::IntakeRecord& record);
    void fill(kafka::Item& item);
    record::Source source_of_block() const;

    IntakeWalk walk_;
    const uint64_t cursor_;
    uint64_t reported_;  // the newest seq that was in an Item
    const std::string gateway_, prefix_;
    const std::function<uint64_t()> limit_;

    uint64_t generation_ = 0;          // of the configuration that what follows is of
    bool anything_ = false;            // some stream forwards readings or raw messages
    std::vector<Part> parts_;          // of the present message
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
