// SPDX-License-Identifier: Apache-2.0
// Events back to the floor: walks the events log by the cursor `mqtt:events` and publishes each event to the local
// broker, so that a PLC or an HMI can act without the centre. At least once, in order; the cursor moves when the broker
// has acknowledged. Its own thread; made, started and stopped by Runtime. It begins with what comes after it was
// switched on first. What it does not do: decide about events, or hold anything else up.
#pragma once

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "gateway/feeds.hpp"
#include "gateway/writer.hpp"
#include "mqtt/event_publisher.hpp"

namespace tributary::gateway {

class EventLoop {
  public:
    static base::Result<std::unique_ptr<EventLoop>> create(const config::Settings& settings, BlockSource source,
                                                           Writer& writer, metrics::Registry& metrics);
    ~EventLoop();

    void start();
    void wake();  // outputs were committed
    void stop();

    uint64_t published() const { return published_.load(); }  // since the start
    uint64_t cursor() const { return cursor_.load(); }        // events below it are at the broker
    bool connected() const { return publisher_->connected(); }

  private:
    EventLoop(const config::Settings& settings, BlockSource source, Writer& writer, metrics::Registry& metrics);
    void run();
    bool publish_some();

    const config::Settings settings_;
    BlockSource source_;
    Writer& writer_;
    metrics::Registry& metrics_;
    std::unique_ptr<OutputFeed> feed_;
    std::unique_ptr<mqtt::EventPublisher> publisher_;
    std::atomic<uint64_t> published_{0}, cursor_{1};
    std::mutex mutex_;
    std::condition_variable changed_;
    bool woken_ = false, stopping_ = false;
    std::thread thread_;
};

}  // namespace tributary::gateway
