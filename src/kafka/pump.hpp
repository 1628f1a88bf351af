// SPDX-License-Identifier: Apache-2.0
// Pump: the Replicator itself. It ties the lanes (what is on its way), one producer life after the other, the stamp
// rule and the topic check together. Its members stand in four files: pump.cpp (a step, the producer's lives),
// pump_events.cpp (what librdkafka says), pump_send.cpp (brokers, topics, sending), pump_transact.cpp (exactly-once).
// One thread; wake() and status() any.
#pragma once

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <mutex>

#include "base/log.hpp"
#include "kafka/lane.hpp"
#include "kafka/mock_cluster.hpp"
#include "kafka/pace.hpp"
#include "kafka/producer.hpp"
#include "kafka/stamp_rule.hpp"
#include "kafka/topics.hpp"
#include "kafka/transactions.hpp"
#include "kafka/trouble.hpp"
#include "record/routing.hpp"

namespace tributary::kafka {

inline constexpr size_t kWindow = 10'000;       // records in flight
inline constexpr size_t kReservePerLane = 500;  // a later lane leaves room for the ones before it
inline constexpr int kItemsPerStep = 2'000;
inline constexpr int64_t kGatherReportsNs =
    150 * base::kNsPerMs;  // nothing to send: reports can wait that long for company
inline constexpr int64_t kSilenceNs = 15 * base::kNsPerSecond;  // in flight and no report: are the brokers still there?
inline constexpr int64_t kHoldNs = 10 * base::kNsPerSecond;     // before a topic that would not do is tried again
inline constexpr int64_t kDrainNs = 5 * base::kNsPerSecond;     // for what is on the wire when a producer ends
inline constexpr int64_t kTransactionNs = base::kNsPerSecond;   // a transaction is open for about so long
inline constexpr int kTransactMs = 300;                         // one call that waits for the coordinator
inline constexpr int64_t kSuspicionNs = 5 * base::kNsPerSecond;  // for another gateway of our name to show itself
inline constexpr int64_t kRotateNs = 30 * base::kNsPerSecond;    // for what is in flight when certificates change
inline constexpr int64_t kFirstCheckMs = 200, kLongestCheckMs = 2'000;

inline int to_ms(int64_t ns) {
    return static_cast<int>(std::clamp<int64_t>((ns + base::kNsPerMs - 1) / base::kNsPerMs, 0, 1'000'000));
}

// At most so many lines a minute: a broker that flaps must not fill the journal.
class LogLimit {
  public:
    bool allow(int64_t now_ns) {
        if (now_ns - minute_ns_ > 60 * base::kNsPerSecond) {
            if (skipped_ > 0) base::log::info("kafka: {} more messages of the Kafka client were left out", skipped_);
            minute_ns_ = now_ns, lines_ = 0, skipped_ = 0;
        }
        if (lines_ < 20) return lines_++, true;
        return skipped_++, false;
    }

  private:
    int64_t minute_ns_ = 0;
    uint64_t lines_ = 0, skipped_ = 0;
};

struct Counters {
    explicit Counters(metrics::Registry& r)
        : delivered(r.counter("tributary_kafka_delivered_total", "Records that Kafka has taken")),
          refused(r.counter("tributary_kafka_refused_total", "Records that Kafka will never take")),
          resent(r.counter("tributary_kafka_resent_total", "Records handed to the producer a second time")),
          clamped(r.counter("tributary_kafka_clamped_total", "Records whose timestamp was brought back to our clock")),
          producers(r.counter("tributary_kafka_producers_total", "Producers made since start; 1 is a quiet life")),
          sent_bytes(r.counter("tributary_kafka_sent_bytes_total", "Bytes sent to the brokers, before TLS")),
          received_bytes(r.counter("tributary_kafka_received_bytes_total", "Bytes received from them, before TLS")),
          in_flight(r.gauge("tributary_kafka_in_flight_records", "Records waiting for Kafka's answer")),
          connected(r.gauge("tributary_kafka_connected", "1 while at least one broker is up")),
          throttle(r.gauge("tributary_kafka_throttle_milliseconds", "The longest a broker held us back lately")) {}
    metrics::Counter &delivered, &refused, &resent, &clamped, &producers, &sent_bytes, &received_bytes;
    metrics::Gauge &in_flight, &connected, &throttle;
};

class Pump final : public Replicator {
  public:
    Pump(const config::Settings& settings, const std::vector<Feed*>& feeds, Progress& progress,
         metrics::Registry& metrics, const base::Clock& clock, std::string run, std::unique_ptr<MockCluster> mock)
        : settings_(settings),
          progress_(progress),
          metrics_(metrics),
          counters_(metrics),
          clock_(clock),
          run_(std::move(run)),
          mock_(std::move(mock)),
          brokers_(mock_ ? mock_->brokers() : settings.kafka.brokers),
          pace_(settings.kafka.backfill_share) {
        for (Feed* feed : feeds) {
            auto topics = record::Routing::topics(settings, feed->log());
            if (feed->backfill())
                for (auto& topic : topics) topic += kBackfill;
            lanes_.emplace_back(*feed, std::move(topics));
        }
        if (mock_) shown_.mock_brokers = brokers_;
        if (settings.kafka.exactly_once()) exact_.emplace(settings, brokers_);
    }

    void step(int64_t timeout_ns) override;
    void wake() override;
    bool flush(int64_t timeout_ns) override;
    void rotate() override {
        rotate_ = true;
        wake();
    }
    Status status() const override {
        const std::lock_guard lock(mutex_);
        return shown_;
    }

  private:
    bool start_producer();
    void end_producer();
    void restart(Sending next, const std::string& why);
    void begin_rotation();
    void rotate_now();
    void hold(Lane& lane, const std::string& code, const std::string& text);

    bool drain(int timeout_ms);
    void on_event(rd_kafka_event_t* event);
    void on_report(const rd_kafka_message_t& message);
    void on_error(rd_kafka_event_t* event);
    void on_log(rd_kafka_event_t* event);
    void on_topics_made(rd_kafka_event_t* event);
    void on_statistics(std::string_view json);
    void refuse(Lane& lane, const Lane::Slot& slot, std::string_view topic, std::string_view key,
                rd_kafka_resp_err_t error, size_t size);

    bool transact();
    bool begin_life();
    bool close_transaction();
    void adopt();
    void fenced(const std::string& why);
    bool outcome(const Outcome& outcome);
    bool closing() const;

    bool check_due(int64_t now_ns) const;
    void check(int64_t timeout_ns);
    bool pull();
    bool pull(size_t index, int& budget, size_t most);
    bool pull_backfill(int& budget);
    bool send(Lane& lane, size_t index, const Item& item);
    void say_stuck(const std::string& code, const std::string& why);
    void wait(int64_t timeout_ns);
    void advance();
    void publish();
    size_t in_flight() const {
        size_t sum = 0;
        for (const auto& lane : lanes_) sum += lane.flying();
        return sum;
    }
    void down(const std::string& why) { connected_ = false, error_ = why; }

    const config::Settings& settings_;
    Progress& progress_;
    metrics::Registry& metrics_;
    Counters counters_;
    const base::Clock& clock_;
    const std::string run_;  // the store's incarnation
    std::unique_ptr<MockCluster> mock_;
    const std::string brokers_;
    std::vector<Lane> lanes_;  // before producer_: it still reads their bytes while it ends
    std::unique_ptr<Producer> producer_;
    StampRule stamps_;
    Pace pace_;  // of the backfill lanes together
    LogLimit log_limit_;
    std::atomic<bool> rotate_{false};
    int64_t rotate_until_ns_ = 0;  // 0: no rotation is under way
    int64_t next_batch_ns_ = 0;    // over a metered link, else 0
    struct {
        uint64_t sent = 0, received = 0;  // bytes, of this producer
    } life_;

    std::optional<Transactions> exact_;  // delivery = "exactly-once"
    bool ending_ = false;                // flush(): the open transaction is closed now
    bool progress_missing_ = false;      // its topic
    int64_t progress_retry_ns_ = 0;
    int64_t begins_at_ns_ = 0;                 // since when a producer's life does not begin; 0: it has
    bool suspicious_ = false, ended_ = false;  // we were fenced: by whom? and: another gateway sends in our name
    record::Progress known_;                   // the newest that we read or committed

    Sending sending_ = Sending::batched;
    std::optional<Sending> restart_as_;  // the producer is to end; no more is sent with it
    int64_t drain_until_ns_ = 0, start_at_ns_ = 0, backoff_ns_ = 0;
    bool connected_ = false, creating_ = false, healthy_ = false;
    bool silent_ = false;  // nothing is answered: to be looked into
    bool stuck_ = false;   // ... and the brokers are there
    bool throttled_ = false;
    bool told_advice_ = false;
    bool advised_ = false;  // error_ says what to do: what is vaguer does not take its place
    bool more_ = false;     // something waits only for room
    int64_t check_ms_ = kFirstCheckMs, last_report_ns_ = 0;
    int failed_checks_ = 0;
    std::string error_;

    mutable std::mutex mutex_;  // shown_, woken_, and producer_ against wake()
    std::condition_variable woken_up_;
    bool woken_ = false;
    Status shown_, now_;
};

}  // namespace tributary::kafka
