// SPDX-License-Identifier: Apache-2.0
// The transactions of one gateway (delivery = "exactly-once"): records and the place up to which each log is done
// become visible together, or not at all. Our place is metadata of one offset of <prefix>.progress, committed for the
// group that is named like the transactional id; nobody ever joins that group. Owned and driven by the replicator's
// thread; each call blocks for at most timeout_ms. Source: KIP-98, KIP-447. What it does not do: send records.
#pragma once

#include <optional>
#include <string>

#include "kafka/client.hpp"
#include "record/progress.hpp"

namespace tributary::kafka {

struct Outcome {
    enum class Kind : uint8_t {
        done,
        again,   // not yet; call it again
        failed,  // this producer cannot go on: a new one reads from Kafka what came of it
        fenced   // somebody has taken over our transactional id, or the coordinator gave us up
    };
    Kind kind = Kind::done;
    std::string why;
    bool operator==(Kind other) const { return kind == other; }
};

bool fencing(rd_kafka_resp_err_t error);
std::string transactional_id(const config::Settings& settings);
std::string progress_topic(const config::KafkaSettings& settings);

class Transactions {
  public:
    Transactions(const config::Settings& settings, std::string brokers)
        : settings_(settings),
          brokers_(std::move(brokers)),
          id_(transactional_id(settings)),
          topic_(progress_topic(settings.kafka)) {}

    const std::string& topic() const { return topic_; }
    void forget_producer() { initialised_ = ready_ = open_ = false, records_ = 0; }

    // A new producer: what its forerunner left open is ended, and what is committed is read. Then ready().
    Outcome begin_life(rd_kafka_t* producer, int timeout_ms);
    bool ready() const { return ready_; }
    // Only looks: fences nobody.
    Outcome read(int timeout_ms);
    const record::Progress& stored() const { return stored_; }  // of the newest read() or commit()

    Outcome begin(rd_kafka_t* producer, int64_t now_ns);
    bool open() const { return open_; }
    int64_t opened_ns() const { return opened_ns_; }
    void sent() { records_++; }
    size_t records() const { return records_; }
    // Nothing of it is in flight any more.
    Outcome commit(rd_kafka_t* producer, const record::Progress& progress, int timeout_ms);

  private:
    const config::Settings& settings_;
    const std::string brokers_, id_, topic_;
    Owned<rd_kafka_t> reader_;  // while read() goes on
    bool initialised_ = false, ready_ = false, open_ = false, offsets_sent_ = false;
    int64_t opened_ns_ = 0;
    size_t records_ = 0;
    record::Progress stored_;
};

}  // namespace tributary::kafka
