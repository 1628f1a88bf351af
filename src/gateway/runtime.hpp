// SPDX-License-Identifier: Apache-2.0
// Everything that runs around one open store, in the order it is started: open block, writer, engine, kafka, mqtt.
// Made and destroyed by control's thread; stop() is the orderly end (SIGTERM).
#pragma once

#include <memory>

#include "gateway/clock_watch.hpp"
#include "gateway/engine_loop.hpp"
#include "gateway/event_loop.hpp"
#include "gateway/kafka_loop.hpp"
#include "gateway/status.hpp"
#include "gateway/tls_watch.hpp"
#include "gateway/wear.hpp"
#include "gateway/writer.hpp"
#include "mqtt/session.hpp"
#include "mqtt/status_publisher.hpp"

namespace tributary::gateway {

class Runtime {
  public:
    // Opens the store and starts every thread. An error leaves nothing running; the caller tries again.
    static base::Result<std::unique_ptr<Runtime>> start(const config::Settings& settings, const std::string& version,
                                                        metrics::Registry& metrics, const base::Clock& clock);
    ~Runtime();

    void second();  // about once a second: reconnects, clock, rates
    // SIGHUP with settings that differ in streams only.
    void reconfigure(const config::Settings& settings);
    void mute(const std::string& series, int64_t duration_ns);
    std::string dead(std::string_view request);  // as DeadDesk::answer()
    void stop();                                 // stop intake, commit, acknowledge, checkpoint, flush at most 5 s

    // Everything made progress or had nothing to do since the last call: the watchdog's question.
    bool alive();
    bool lost() const { return writer_->lost(); }  // the store had to be set aside: begin anew
    model::Ledger ledger() const { return writer_->ledger(); }
    void fill(StatusSnapshot& snapshot) const;

  private:
    Runtime(const config::Settings& settings, const std::string& version, metrics::Registry& metrics,
            const base::Clock& clock);
    base::Result<> open();
    base::Result<> find_poison();
    base::Result<> open_mqtt();
    base::Result<> give_configuration();
    base::Result<> open_events();
    base::Result<BlockSource> source(metrics::Registry& metrics);
    void record_configuration();
    int64_t oldest_unsent_ns() const;
    void watch_clock();
    void clock_health();
    void report();
    void watch_wear();
    void remember_days();
    void watch_tls();
    base::Result<std::unique_ptr<KafkaLoop>> open_kafka(const config::Settings& settings, metrics::Registry& metrics);
    base::Result<> open_mirror();
    void wake_kafka();
    void watch_mirror();
    uint64_t mirror_waiting() const;

    config::Settings settings_;
    const std::string version_;
    metrics::Registry& metrics_;
    const base::Clock& clock_;
    ArrivalClock arrival_;
    ClockWatch clock_watch_;
    BlockCache cache_;
    std::unique_ptr<OpenBlock> open_block_;
    std::unique_ptr<store::Store> store_;
    std::unique_ptr<Poison> poison_;
    std::unique_ptr<Writer> writer_;
    std::unique_ptr<EngineLoop> engine_;
    std::unique_ptr<KafkaLoop> kafka_;
    metrics::Registry mirror_metrics_;   // its names are those of the first cluster; watch_mirror() shows what counts
    std::unique_ptr<KafkaLoop> mirror_;  // the second cluster; null: there is none
    std::unique_ptr<EventLoop> events_;  // null: events do not go back to the broker
    std::unique_ptr<mqtt::Session> session_;
    std::unique_ptr<mqtt::StatusPublisher> publisher_;
    std::unique_ptr<store::Reader> reader_;  // control's own
    std::optional<Wear> wear_;
    std::optional<Wear> uplink_;  // Kafka's bytes day by day, counted the same way: own = sent, device = both ways
    std::optional<TlsWatch> mqtt_tls_, kafka_tls_, mirror_tls_;  // where TLS is used
    int64_t wear_kept_at_ns_ = 0;
    std::string config_hash_;
    int64_t reported_at_ns_ = 0;
    std::string reported_health_;
    bool stopped_ = false;

    struct Sample {
        uint64_t received = 0, delivered = 0;
    };
    std::deque<Sample> samples_;  // one a second, the newest ten
    struct {
        uint64_t writer = 0, engine = 0, kafka = 0, mirror = 0;
    } seen_;
};

}  // namespace tributary::gateway
