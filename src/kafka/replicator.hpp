// SPDX-License-Identifier: Apache-2.0
// The back door: pulls logs by cursor through Feeds and delivers them to Kafka with an idempotent producer, acks=all,
// or in transactions (delivery = "exactly-once") together with the cursors, which are then read from Kafka.
// Owned and driven by kafka_loop's thread alone (librdkafka's own threads never call back into it: delivery reports
// come through its event queue). Pulls only while brokers are up and fewer than `window` records are in flight; moves a
// log's cursor over the gap-free prefix of what is delivered or refused. A fatal producer error is normal life: a new
// producer resumes from the cursors. It never reads the store and never writes it: Feed and Progress are the gateway's.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "config/settings.hpp"
#include "metrics/metrics.hpp"
#include "model/ledger.hpp"
#include "model/output.hpp"
#include "record/record.hpp"

namespace tributary::kafka {

// The streams whose account a source record settles; the pointee lives as long as its feed.
using Accounts = std::vector<std::string>;

// One step through a log. A source record (seq) gives 0..n Kafka records, consecutive Items with the same seq.
struct Item {
    uint64_t seq = 0;
    uint32_t n = 0;
    bool last = true;       // no more Kafka records from this seq
    bool nothing = false;   // no (more) Kafka record from this seq: the cursor just passes it
    bool complete = false;  // with nothing: all that was owed for it is done, it counts in its log
    bool busy = false;      // with false from next(): not done looking, ask again soon
    const record::KafkaRecord* record = nullptr;  // valid until the next call
    std::string_view value;                       // when it points into `keep`, it is sent without a copy
    std::shared_ptr<const void> keep;             // keeps value alive; null = value must be copied
    const Accounts* accounts = nullptr;           // intake only: settled as `forwarded` (or `rejected` when refused)
};

inline constexpr std::string_view kBackfill = ".backfill";  // behind a topic's name

// What is known of a log beyond its cursor, when one cluster has taken the place of another (docs/migration.md).
struct Known {
    uint64_t has = 0;      // records below it this cluster has: settled without being sent
    uint64_t counted = 0;  // those below it are in the ledger already
};

class Feed {
  public:
    virtual ~Feed() = default;
    Known known;
    virtual model::Log log() const = 0;
    virtual uint64_t cursor() const = 0;  // durable position at start
    virtual void seek(uint64_t seq) = 0;  // next() continues with this source record
    // The next item, or false: nothing (more) to send now. A false is not final.
    virtual bool next(Item& item) = 0;
    // Incarnation of the stored record at seq, "" = there is none.
    virtual std::string incarnation(uint64_t) { return {}; }
    // Brokers are up, for the first time or again.
    virtual void linked() {}
    // The log's cursor when this feed is done below `cursor`: less, where another feed of the same log is behind.
    virtual uint64_t done(uint64_t cursor) { return cursor; }
    // Its records go to <topic>.backfill, a batch at a time (backfill_share).
    virtual bool backfill() const { return false; }
};

class Progress {
  public:
    virtual ~Progress() = default;
    // Everything of this log below `cursor` is done; ledger = what that settles (delta).
    virtual void advanced(model::Log log, uint64_t cursor, model::Ledger&& delta) = 0;
    // A permanent error of one record; reported before the cursor passes it.
    virtual void refused(model::RefusedRecord&& record) = 0;
};

struct Status {              // copied out for status; times are wall ns
    bool connected = false;  // at least one broker is up
    std::string error;       // the last error in plain words; "" = none
    uint64_t delivered = 0, refused = 0, resent = 0, clamped = 0, producers = 0;  // producers: made since start
    size_t in_flight = 0;
    uint64_t sent_bytes = 0, received_bytes = 0;  // to and from the brokers since start, before TLS
    int64_t throttle_ms = 0;                      // the longest a broker held us back lately
    std::string mock_brokers;                     // brokers = "mock": where the embedded cluster listens
};

class Replicator {
  public:
    // feeds: in order of priority (events first, intake last). run: the store's incarnation, for transactions. Does not
    // connect; step() does.
    static base::Result<std::unique_ptr<Replicator>> create(const config::Settings& settings, std::vector<Feed*> feeds,
                                                            Progress& progress, metrics::Registry& metrics,
                                                            const base::Clock& clock, const std::string& run = {});
    virtual ~Replicator() = default;

    // Pulls, produces, takes delivery reports; returns after at most timeout_ns, earlier when something was done.
    // wake() from any thread ends the wait.
    virtual void step(int64_t timeout_ns) = 0;
    virtual void wake() = 0;
    // Waits until everything in flight is delivered, at most timeout_ns. True = nothing is left in flight.
    virtual bool flush(int64_t timeout_ns) = 0;
    // Other certificates are in place: a producer with them takes over when this one has nothing on its way. Any
    // thread.
    virtual void rotate() = 0;
    virtual Status status() const = 0;  // any thread
};

// What whoever looks after the brokers can do about an error, by its name in librdkafka ("MSG_SIZE_TOO_LARGE"); "" =
// nothing but wait, or it is not known.
std::string advice(std::string_view error_name, const std::string& topic);

// `check --online`: are the brokers reachable, are we let in, are the topics there or can they be made?
struct Finding {
    bool ok = true;
    std::string text;
    bool warning = false;  // ok, but hardly meant
};
// outage_ns: so late records can come; the topics' own settings are looked at with that in mind.
std::vector<Finding> probe(const config::Settings& settings, int64_t timeout_ns, int64_t outage_ns);

}  // namespace tributary::kafka
