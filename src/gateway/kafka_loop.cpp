// SPDX-License-Identifier: Apache-2.0
#include "gateway/kafka_loop.hpp"

#include <algorithm>

namespace tributary::gateway {

base::Result<std::unique_ptr<KafkaLoop>> KafkaLoop::create(const config::Settings& settings,
                                                           const std::string& incarnation, BlockSource source,
                                                           Writer& writer, std::function<uint64_t()> engine_position,
                                                           metrics::Registry& metrics, const base::Clock& clock) {
    std::unique_ptr<KafkaLoop> loop(new KafkaLoop(settings, std::move(source), writer));
    auto cursors = loop->source_.reader().cursors();
    if (!cursors) return cursors.error();
    const auto cursor = [&](model::Log log) { return std::max<uint64_t>((*cursors)[kafka_cursor(log)], 1); };
    const auto output = [&](model::Log log) {
        auto feed =
            std::make_unique<OutputFeed>(log, cursor(log), loop->source_, settings.gateway.id, settings.kafka.prefix,
                                         log == model::Log::thinned ? &writer.claims() : nullptr);
        feed->note_damage(loop->damage_);
        loop->feeds_.push_back(std::move(feed));
    };
    // Events first: they are few, and somebody waits for them; then what explains them.
    output(model::Log::events);
    auto context = std::make_unique<ContextFeed>(cursor(model::Log::context), loop->source_, settings.gateway.id,
                                                 settings.kafka.prefix, metrics);
    loop->context_feed_ = context.get();
    context->note_damage(loop->damage_);
    loop->feeds_.push_back(std::move(context));
    for (const auto log : {model::Log::windows, model::Log::reduced, model::Log::late, model::Log::dead,
                           model::Log::gaps, model::Log::thinned})
        output(log);
    auto status = std::make_unique<StatusFeed>(settings.gateway.id, settings.kafka.prefix, incarnation);
    loop->status_feed_ = status.get();
    loop->feeds_.push_back(std::move(status));
    auto intake = std::make_unique<IntakeFeed>(cursor(model::Log::intake), loop->source_, settings.gateway.id,
                                               settings.kafka.prefix, std::move(engine_position), &writer.claims());
    intake->note_damage(loop->damage_);
    loop->feeds_.push_back(std::move(intake));
    std::vector<kafka::Feed*> feeds;
    for (const auto& feed : loop->feeds_) feeds.push_back(feed.get());
    auto replicator = kafka::Replicator::create(loop->settings_, std::move(feeds), *loop, metrics, clock);
    if (!replicator) return replicator.error();
    loop->replicator_ = std::move(*replicator);
    return loop;
}

void KafkaLoop::publish_status(std::string json, int64_t time_ms) {
    status_feed_->set(std::move(json), time_ms);
    replicator_->wake();
}

// The status is not in the store, so it has neither cursor nor account there.
void KafkaLoop::advanced(model::Log log, uint64_t cursor, model::Ledger&& delta) {
    if (log != model::Log::status) writer_.kafka_progress(log, cursor, std::move(delta), damage_.take(log, cursor));
}

void KafkaLoop::refused(model::RefusedRecord&& record) {
    if (record.source != model::Log::status) writer_.refused(record);
}

KafkaLoop::~KafkaLoop() { finish(0); }

void KafkaLoop::start() {
    thread_ = std::thread([this] {
        while (!stopping_) {
            replicator_->step(base::kNsPerSecond);
            progress_++;
        }
    });
}

bool KafkaLoop::finish(int64_t flush_ns) {
    stopping_ = true;
    if (!thread_.joinable()) return true;
    replicator_->wake();
    thread_.join();
    return replicator_->flush(flush_ns);
}

}  // namespace tributary::gateway
