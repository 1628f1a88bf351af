// SPDX-License-Identifier: Apache-2.0
// What kafka pulls: one Feed per log. IntakeFeed walks the intake log behind the engine and turns messages into
// readings or raw records with the same pure projection the engine uses, under the configuration recorded in the log.
// OutputFeed walks a log of the engine's outputs. Kafka's thread only.
#pragma once

#include <functional>
#include <memory>

#include "engine/engine.hpp"
#include "gateway/block_cache.hpp"
#include "gateway/clock_history.hpp"
#include "kafka/replicator.hpp"

namespace tributary::gateway {

class OutputFeed final : public kafka::Feed {
  public:
    OutputFeed(model::Log log, uint64_t cursor, BlockSource& source, std::string gateway, std::string prefix)
        : log_(log),
          cursor_(cursor),
          next_(cursor),
          source_(source),
          gateway_(std::move(gateway)),
          prefix_(std::move(prefix)) {}

    model::Log log() const override { return log_; }
    uint64_t cursor() const override { return cursor_; }
    void seek(uint64_t seq) override { next_ = seq, block_ = nullptr; }
    bool next(kafka::Item& item) override;

  private:
    bool load();

    const model::Log log_;
    const uint64_t cursor_;
    uint64_t next_;
    BlockSource& source_;
    const std::string gateway_, prefix_;
    BlockPointer block_;
    std::vector<std::string_view> records_;  // of block_
    record::KafkaRecord record_;
};

class IntakeFeed final : public kafka::Feed {
  public:
    // limit: intake below it is processed by the engine.
    IntakeFeed(uint64_t cursor, BlockSource& source, std::string gateway, std::string prefix,
               std::function<uint64_t()> limit)
        : cursor_(cursor),
          next_(cursor),
          source_(source),
          gateway_(std::move(gateway)),
          prefix_(std::move(prefix)),
          limit_(std::move(limit)) {}

    model::Log log() const override { return model::Log::intake; }
    uint64_t cursor() const override { return cursor_; }
    void seek(uint64_t seq) override;
    bool next(kafka::Item& item) override;

  private:
    struct Part {  // one Kafka record of the present message
        bool raw = false;
        engine::Projected projected;
    };

    bool load(uint64_t limit);
    bool load_clocks();
    void configure(std::string_view text);
    bool begin_message(const model::IntakeRecord& record);
    void fill(kafka::Item& item);
    record::Source source_of_block() const;

    const uint64_t cursor_;
    uint64_t next_;  // seq of the next record to look at
    BlockSource& source_;
    const std::string gateway_, prefix_;
    const std::function<uint64_t()> limit_;

    std::shared_ptr<const config::Settings> settings_;
    std::unique_ptr<engine::Projection> projection_;
    ClockHistory clocks_;
    model::ClockState clock_ = model::ClockState::synced;  // in force at next_
    bool anything_ = false;                                // some stream forwards readings or raw messages
    BlockPointer block_;
    std::unique_ptr<model::IntakeBlockReader> reader_;
    model::IntakeRecord current_;
    std::vector<Part> parts_;          // of the present message
    std::vector<std::string> series_;  // their names, kept
    size_t part_ = 0;
    std::vector<engine::Projected> projected_;
    std::map<std::vector<uint32_t>, std::unique_ptr<kafka::Accounts>> accounts_;
    std::vector<std::unique_ptr<kafka::Accounts>>
        old_accounts_;  // of earlier configurations: Items in flight point there
    const kafka::Accounts* account_ = nullptr;
    std::vector<uint32_t> forwarding_;
    uint64_t passed_ = 0;  // newest record that gave nothing and was not reported yet; 0 = none
    record::KafkaRecord record_;
};

}  // namespace tributary::gateway
