// SPDX-License-Identifier: Apache-2.0
// The writer thread: closes a block, commits it together with what engine and kafka handed in, and only then releases
// the PUBACKs. It owns the write connection. When a commit fails nothing is acknowledged and nothing is forgotten: the
// store is opened again, the name of its newest transaction tells whether ours is there, and if not it is tried again.
#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

#include "gateway/block_cache.hpp"
#include "gateway/clock_history.hpp"
#include "gateway/clusters.hpp"
#include "gateway/context_needs.hpp"
#include "gateway/letters.hpp"
#include "gateway/open_block.hpp"
#include "gateway/quotas.hpp"
#include "gateway/thinner.hpp"
#include "metrics/metrics.hpp"
#include "model/output.hpp"
#include "mqtt/session.hpp"
#include "store/store.hpp"

namespace tributary::gateway {

struct WriterSettings {
    int64_t gather_ns = 0;
    int64_t history_ns = 0;
    int64_t max_size_bytes = 0;
    bool publishes_events = false;  // events stay until the local broker has them
    bool adaptive_gather = false;   // gather_ns is the most
    WhenFull when_full = WhenFull::thin;
    std::string mirror{};  // name of the second cluster: while there is room what it has not got stays; "" = none
};

// Names of further cursors (clusters.hpp, docs/formats/store.md).
inline constexpr const char* kEngineCursor = "engine";
inline constexpr const char* kEventsCursor = "mqtt:events";

// Outputs of the engine since the last hand-in, per log: a block body and the number of records in it.
struct EngineOutputs {
    std::map<model::Log, std::pair<std::string, uint32_t>> blocks;
    uint64_t cursor = 0;  // intake below it is done
    int64_t time_ns = 0;  // arrival time of the newest record
    model::Ledger ledger;
    std::vector<uint64_t> context_from;   // of the records in the context log, in order: from_seq
    uint64_t context_floor = UINT64_MAX;  // context records to come ask for no intake below it
};

class Writer {
  public:
    Writer(const WriterSettings& settings, store::Store& store, std::unique_ptr<store::Reader> reader, OpenBlock& open,
           BlockCache& cache, metrics::Registry& metrics, const base::Clock& clock, ArrivalClock& arrival);
    ~Writer();

    void start(mqtt::Session* session, std::function<void()> intake_committed, std::function<void()> outputs_committed);
    // Priorities and quotas of the streams. Any thread; before start() for the first message on.
    void set_streams(const config::Settings& settings);
    // Commits everything that is there and returns, at most timeout_ns later; true = done.
    bool drain(int64_t timeout_ns);
    void stop();
    // The store had to be set aside and a fresh one is there: nothing is written any more, who made us begins anew.
    bool lost() const { return lost_.load(); }

    // Engine thread; waits while too much is handed in and not committed, until never_wait().
    void never_wait();
    void engine_outputs(EngineOutputs&& outputs);
    void checkpoint(store::Checkpoint&& checkpoint);
    void set_poison(std::vector<uint64_t> seqs) { poison_ = std::move(seqs); }  // before start(), ascending
    void context_floor(uint64_t seq);  // before start(): as EngineOutputs::context_floor
    // Kafka thread. gone: what damage took below the cursor, and nobody was told yet. catch_up: CatchUp::text() of the
    // log, where it goes out of order.
    void kafka_progress(model::Log log, uint64_t cursor, model::Ledger&& delta, std::vector<model::Gap>&& gone = {},
                        std::optional<std::string> catch_up = std::nullopt);
    void refused(const model::RefusedRecord& record);
    void mirror_progress(model::Log log, uint64_t cursor);  // the mirror's thread
    void events_progress(uint64_t cursor);                  // any thread: events below it are at the local broker
    // Any thread: a small fact for the next transaction.
    void remember(const std::string& key, const std::string& value);
    // Any thread: these letters are done with; they are deleted as soon as nobody is owed them. Durable with the next
    // transaction, which comes at once. An error when they would be too many separate ones.
    base::Result<> put_away(model::Log log, const std::vector<SeqRange>& ranges);

    Claims& claims() { return claims_; }  // kafka's thread, too
    // The engine is asked for a checkpoint, and how far back raw context may still ask: what came since can neither be
    // thinned nor deleted. Any thread.
    bool wants_room() const { return wants_room_.load(); }
    LadderStats ladder() const;
    std::vector<Quotas::Status> quotas() const;

    // For status: what is committed and what is handed in already.
    model::Ledger ledger() const;
    store::Cursors cursors() const;
    store::Usage usage() const;
    uint64_t progress() const {
        return progress_.load();
    }  // counts loops that did what there was to do: the watchdog's question
    uint64_t next_seq(model::Log log) const;
    uint64_t ahead(model::Log log, uint64_t cursor) const { return claims_.ahead(log, cursor); }  // as Claims::ahead
    // What the clock records of all that is committed amount to. Any thread.
    std::shared_ptr<const ClockHistory> clocks() const;

  private:
    struct Pending {
        std::map<model::Log, std::pair<std::string, uint32_t>> blocks;
        store::Cursors cursors;
        model::Ledger ledger;                                 // of the engine: goes with its outputs
        model::Ledger kafka_ledger;                           // goes with kafka's cursors
        std::map<std::string, std::string> meta, kafka_meta;  // kafka's belongs to its cursors
        std::optional<store::Checkpoint> checkpoint;
        std::optional<uint64_t> context_floor;  // in force when these outputs are in the store
        int64_t time_ns = 0;
        int64_t due_ns = base::kNever;  // boot time by which it is to be committed, with an intake block or alone
        size_t bytes = 0;
        bool empty() const {
            return blocks.empty() && cursors.empty() && ledger.empty() && kafka_ledger.empty() && meta.empty() &&
                   kafka_meta.empty() && !checkpoint;
        }
        void add(Pending&& later);
    };
    struct Transaction;

    void run();
    void one_round(int64_t until_ns);
    void add_intake(Transaction& transaction);
    void assemble(Transaction& transaction);
    bool follow_clocks(const ClosedBlock& block, uint64_t first_seq);
    void name(Transaction& transaction);
    bool commit(Transaction& transaction);
    void follow_disk(int64_t commit_ns);
    bool attempt(Transaction& transaction);
    bool is_there(Transaction& transaction);
    bool reopen();
    bool make_room(Transaction& transaction);
    bool trim(bool at_any_price = false);
    bool outputs_alone(Transaction& transaction);
    static bool has_output(const Transaction& transaction, model::Log log);
    // writer_room.cpp: what to do when room is short.
    bool relieve(bool at_any_price = false);
    bool open_thinner();
    bool take(const Try& what, const ThinLimits& limits);
    ThinLimits thin_limits();
    void count(Step step, const ThinPlan& plan);
    // writer_quota.cpp
    void follow_streams();
    void count_quotas(const ClosedBlock& block, uint64_t from);
    void judge_quotas(const Transaction& transaction);
    void divide_streams();
    void report_level(int64_t used_bytes, int64_t cap_bytes);
    uint64_t cursor(const std::string& name) const;
    int64_t cap_of(const store::Usage& usage) const;
    void published(Transaction& transaction, const std::vector<store::Appended>& appended);
    void plan_trim(store::Batch& batch, bool at_any_price = false);
    void mirror_misses(uint64_t records);
    void merge_locked(Pending&& part, int64_t due_ns);
    void hand_over_locked(Transaction& transaction);
    void show_locked(const Transaction& transaction);
    void follow_catch_up(const std::map<std::string, std::string>& meta);
    model::Ledger ledger_locked() const;
    store::Cursors cursors_locked() const;
    uint64_t next_locked(model::Log log) const;
    // writer_letters.cpp: how long letters stay.
    struct LettersKept {
        int64_t from_ns = INT64_MAX;  // older ones go
        uint64_t from_seq = 0;        // and those before it
        uint64_t purged = 0;          // those below it go at once
    };
    LettersKept letters_kept(model::Log log, bool roomy, int64_t cap);
    // writer_damage.cpp: the books, when damage took records.
    void announce_locked(Pending& part, std::vector<model::Gap>&& gone);
    void settle_damaged_locked();

    const WriterSettings settings_;
    store::Store& store_;
    std::unique_ptr<store::Reader> reader_;  // for the trim's look at old blocks
    std::unique_ptr<Thinner> thinner_;       // made when room is short for the first time
    Claims claims_;
    std::atomic<bool> wants_room_{false};
    std::vector<uint64_t> poison_;
    LadderStats ladder_;
    bool disk_trouble_ = false;
    int waited_ = 0;              // for the engine, before anything is dropped, or a higher priority is touched
    bool engine_behind_ = false;  // with what a step could take as soon as there is a checkpoint
    Quotas quotas_;
    std::shared_ptr<const config::Settings> streams_;  // in force
    OpenBlock& open_;
    BlockCache& cache_;
    metrics::Registry& metrics_;
    const base::Clock& clock_;
    ArrivalClock& arrival_;
    mqtt::Session* session_ = nullptr;
    std::function<void()> intake_committed_, outputs_committed_;

    mutable std::mutex mutex_;
    std::condition_variable changed_;
    Pending pending_;
    model::Ledger ledger_;
    store::Cursors cursors_;
    model::Ledger committing_ledger_;  // of the transaction under way, so that status does not miss it
    store::Cursors committing_cursors_;
    store::Usage usage_;
    std::set<model::Log> damaged_;  // logs of which records are gone that are still pending in the ledger
    std::shared_ptr<const config::Settings> new_streams_;  // to be in force
    std::vector<Quotas::Status> quota_status_;
    ContextNeeds context_;
    PutAway put_away_;
    std::map<model::Log, std::pair<uint64_t, uint64_t>> letters_from_;  // measured when the log ended there, and what
    bool stopping_ = false, draining_ = false, never_wait_ = false;
    uint64_t drain_ = 0, drained_ = 0;  // drains asked for, and the newest that is done
    std::atomic<uint64_t> progress_{0};
    std::atomic<bool> lost_{false};
    uint64_t checkpoint_seq_ = 0, transactions_ = 0;
    ClockHistory clocks_;  // with the transaction under way
    std::shared_ptr<const ClockHistory> committed_clocks_ = std::make_shared<ClockHistory>();
    size_t blocks_since_trim_ = 0;
    int64_t commit_ns_ = 0;                          // what one takes, smoothed
    uint64_t committed_context_floor_ = UINT64_MAX;  // EngineOutputs::context_floor of what is in the store
    std::string report_at_start_;
    std::thread thread_;
};

}  // namespace tributary::gateway
