// SPDX-License-Identifier: Apache-2.0
// Kafka's thread: drives the Replicator, which pulls the feeds and reports progress; progress goes to the writer.
// Made, started and finished by Runtime (control's thread).
// What it does not do: touch the store's write side, or decide what a record looks like (feeds, record).
#pragma once

#include <atomic>
#include <memory>
#include <thread>

#include "gateway/kafka_feeds.hpp"
#include "gateway/writer.hpp"
#include "kafka/replicator.hpp"

namespace tributary::gateway {

class KafkaLoop final : public kafka::Progress {
  public:
    static base::Result<std::unique_ptr<KafkaLoop>> create(const config::Settings& settings,
                                                           const std::string& incarnation, BlockSource source,
                                                           Writer& writer,
                                                           const std::function<uint64_t()>& engine_position,
                                                           metrics::Registry& metrics, const base::Clock& clock);
    ~KafkaLoop() override;

    void start();
    void wake() { replicator_->wake(); }
    void rotate() { replicator_->rotate(); }
    bool finish(int64_t flush_ns);  // delivers what it can, at most so long, and stops
    kafka::Status status() const { return replicator_->status(); }
    uint64_t context_incomplete() const { return feeds_->context_incomplete(); }
    void publish_status(std::string json, int64_t time_ms);  // any thread
    uint64_t progress() const { return progress_.load(); }
    uint64_t backlog() const { return backlog_.load(); }  // records left to the backfill lanes

    void advanced(model::Log log, uint64_t cursor, model::Ledger&& delta) override;
    void refused(model::RefusedRecord&& record) override;

  private:
    KafkaLoop(const config::Settings& settings, BlockSource source, Writer& writer)
        : settings_(settings), source_(std::move(source)), writer_(writer) {}

    const config::Settings settings_;  // the replicator refers to it; a reload changes another copy
    BlockSource source_;
    Writer& writer_;
    std::unique_ptr<KafkaFeeds> feeds_;
    std::unique_ptr<kafka::Replicator> replicator_;
    std::atomic<bool> stopping_{false};
    std::atomic<uint64_t> progress_{0}, backlog_{0};
    std::thread thread_;
};

}  // namespace tributary::gateway
