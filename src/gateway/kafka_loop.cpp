// SPDX-License-Identifier: Apache-2.0
#include "gateway/kafka_loop.hpp"

namespace tributary::gateway {

base::Result<std::unique_ptr<KafkaLoop>> KafkaLoop::create(const config::Settings& settings,
                                                           const std::string& incarnation, BlockSource source,
                                                           Writer& writer,
                                                           const std::function<uint64_t()>& engine_position,
                                                           metrics::Registry& metrics, const base::Clock& clock) {
    std::unique_ptr<KafkaLoop> loop(new KafkaLoop(settings, std::move(source), writer));
    auto feeds = KafkaFeeds::create(loop->settings_, incarnation, loop->source_, writer, engine_position, metrics);
    if (!feeds) return feeds.error();
    loop->feeds_ = std::move(*feeds);
    loop->backlog_ = loop->feeds_->backlog();
    auto replicator =
        kafka::Replicator::create(loop->settings_, loop->feeds_->list(), *loop, metrics, clock, incarnation);
    if (!replicator) return replicator.error();
    loop->replicator_ = std::move(*replicator);
    return loop;
}

void KafkaLoop::publish_status(std::string json, int64_t time_ms) {
    feeds_->status().set(std::move(json), time_ms);
    replicator_->wake();
}

// The status is not in the store, so it has neither cursor nor account there.
void KafkaLoop::advanced(model::Log log, uint64_t cursor, model::Ledger&& delta) {
    if (log == model::Log::status) return;
    if (settings_.kafka.mirror) {
        (void)feeds_->gone(log, cursor);  // the first cluster is told
        writer_.mirror_progress(log, cursor);
        return;
    }
    writer_.kafka_progress(log, cursor, std::move(delta), feeds_->gone(log, cursor), feeds_->catch_up(log));
    backlog_ = feeds_->backlog();
}

void KafkaLoop::refused(model::RefusedRecord&& record) {
    // Of a mirror the log and the count are all there is.
    if (record.source != model::Log::status && !settings_.kafka.mirror) writer_.refused(record);
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
