// SPDX-License-Identifier: Apache-2.0
#include "gateway/event_loop.hpp"

#include <chrono>

namespace tributary::gateway {
namespace {

constexpr size_t kAtOnce = 64;
constexpr int64_t kTimeout = 10 * base::kNsPerSecond;
constexpr auto kRetry = std::chrono::seconds(2);
constexpr auto kLook = std::chrono::seconds(60);  // without being woken

}  // namespace

EventLoop::EventLoop(const config::Settings& settings, BlockSource source, Writer& writer, metrics::Registry& metrics)
    : settings_(settings),
      source_(std::move(source)),
      writer_(writer),
      metrics_(metrics),
      publisher_(mqtt::EventPublisher::create(settings.mqtt)) {}

base::Result<std::unique_ptr<EventLoop>> EventLoop::create(const config::Settings& settings, BlockSource source,
                                                           Writer& writer, metrics::Registry& metrics) {
    std::unique_ptr<EventLoop> loop(new EventLoop(settings, std::move(source), writer, metrics));
    auto cursors = loop->source_.reader().cursors();
    if (!cursors) return cursors.error();
    const auto known = cursors->find(kEventsCursor);
    loop->cursor_ = known != cursors->end() ? known->second : writer.next_seq(model::Log::events);
    if (known == cursors->end()) writer.events_progress(loop->cursor_);  // what was before is nobody's business
    loop->feed_ = std::make_unique<OutputFeed>(model::Log::events, loop->cursor_, loop->source_,
                                               record::Routing(settings.gateway.id, settings.kafka.prefix));
    return loop;
}

EventLoop::~EventLoop() { stop(); }

void EventLoop::start() {
    thread_ = std::thread([this] { run(); });
}

void EventLoop::wake() {
    const std::lock_guard lock(mutex_);
    woken_ = true;
    changed_.notify_all();
}

void EventLoop::stop() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
        changed_.notify_all();
    }
    if (thread_.joinable()) thread_.join();
    publisher_->stop();
}

void EventLoop::run() {
    while (true) {
        const bool well = publish_some();
        std::unique_lock lock(mutex_);
        // After trouble a while passes, whatever is new.
        changed_.wait_for(lock, well ? kLook : kRetry, [&] { return stopping_ || (well && woken_); });
        if (stopping_) return;
        woken_ = false;
    }
}

// All there is; false: trouble, try again later.
bool EventLoop::publish_some() {
    while (true) {
        std::vector<mqtt::Publication> publications;
        uint64_t end = cursor_;
        for (kafka::Item item; publications.size() < kAtOnce && feed_->next(item); end = item.seq + 1)
            if (!item.nothing)
                publications.push_back({settings_.mqtt.events_topic + "/" + mqtt::topic_part(item.record->key),
                                        std::string(item.record->value)});
        if (end == cursor_)  // nothing to say; be there for the next one
            return publisher_->connected() || publisher_->publish({}, kTimeout).ok();
        if (const auto done = publisher_->publish(publications, kTimeout); !done) {
            metrics_.degraded("mqtt-events", done.error().code, done.error().message);
            feed_->seek(cursor_);
            return false;
        }
        metrics_.healthy("mqtt-events");
        published_ += publications.size();
        cursor_ = end;
        writer_.events_progress(end);
        const std::lock_guard lock(mutex_);
        if (stopping_) return true;
    }
}

}  // namespace tributary::gateway
