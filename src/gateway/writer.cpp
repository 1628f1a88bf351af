// SPDX-License-Identifier: Apache-2.0
#include "gateway/writer.hpp"

#include <algorithm>
#include <chrono>

#include "base/log.hpp"
#include "gateway/damage.hpp"
#include "gateway/writer_transaction.hpp"

namespace tributary::gateway {
namespace {

constexpr size_t kPendingBytes = 8 << 20;
constexpr int kStepsARound = 4;  // of the ladder, between two commits of messages
constexpr size_t kBlocksATransaction = 8;
constexpr size_t kBlocksBetweenTrims = 32;           // half of what one trim deletes at most: it keeps up
constexpr int kTrimsAPurge = 20;                     // the rest goes with the time: nobody's acknowledgement waits long
constexpr const char* kTransaction = "transaction";  // names the newest one, so that a commit in doubt can be found

// Of the last record of the intake log, by whatever clock.
std::optional<int64_t> newest_arrival(store::Reader& reader) {
    const auto blocks = reader.newest(model::Log::intake, 1);
    if (!blocks || blocks->empty()) return std::nullopt;
    std::optional<int64_t> newest;
    model::IntakeBlockReader records(blocks->back().body, blocks->back().first_seq);
    for (model::IntakeRecord record; records.next(record);) newest = record.arrival_ns;
    return newest;
}

}  // namespace

Writer::Writer(const WriterSettings& settings, store::Store& store, std::unique_ptr<store::Reader> reader,
               OpenBlock& open, BlockCache& cache, metrics::Registry& metrics, const base::Clock& clock,
               ArrivalClock& arrival)
    : settings_(settings),
      store_(store),
      reader_(std::move(reader)),
      open_(open),
      cache_(cache),
      metrics_(metrics),
      clock_(clock),
      arrival_(arrival) {
    if (auto ledger = reader_->ledger()) ledger_ = std::move(*ledger);
    if (auto cursors = reader_->cursors()) cursors_ = std::move(*cursors);
    if (auto checkpoint = reader_->checkpoint(); checkpoint && *checkpoint) checkpoint_seq_ = (**checkpoint).seq;
    for (const auto log : model::kLogs) {
        cache_.set_end(log, store_.next_seq(log));
        claims_.set(log, cursor(kafka_cursor(log)));
    }
    if (auto meta = reader_->meta()) {
        clocks_ = ClockHistory((*meta)["clocks"]);
        follow_catch_up(*meta);
        damaged_ = damaged_logs((*meta)[kDamagedLogs]);
        quotas_.restore((*meta)[kQuotas]);
        put_away_ = PutAway::of(*meta);
    }
    if (const auto newest = newest_arrival(*reader_)) clocks_.time(*newest);
    committed_clocks_ = std::make_shared<ClockHistory>(clocks_);
    context_.load(*reader_, cursors_, store_.next_seq(model::Log::context));
    usage_ = store_.usage();
    report_at_start_ = store_.report();
}

Writer::~Writer() { stop(); }

void Writer::start(mqtt::Session* session, std::function<void()> intake_committed,
                   std::function<void()> outputs_committed) {
    session_ = session;
    intake_committed_ = std::move(intake_committed);
    outputs_committed_ = std::move(outputs_committed);
    thread_ = std::thread([this] { run(); });
}

void Writer::stop() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
        changed_.notify_all();
    }
    open_.wake();
    if (thread_.joinable()) thread_.join();
}

bool Writer::drain(int64_t timeout_ns) {
    std::unique_lock lock(mutex_);
    draining_ = true;
    const uint64_t mine = ++drain_;
    open_.wake();
    changed_.wait_for(lock, std::chrono::nanoseconds(timeout_ns), [&] { return drained_ >= mine || stopping_; });
    draining_ = false;
    return drained_ >= mine;
}

void Writer::never_wait() {
    const std::lock_guard lock(mutex_);
    never_wait_ = true;
    changed_.notify_all();
}

// --- handed in by other threads ---

// What was handed in later; due_ns is not touched.
void Writer::Pending::add(Pending&& later) {
    for (auto& [log, block] : later.blocks) {
        auto& [body, records] = blocks[log];
        if (body.empty())
            body = std::move(block.first);
        else
            body.append(block.first, 1);  // behind the format byte
        records += block.second;
    }
    for (auto& [name, seq] : later.cursors) cursors[name] = seq;
    ledger.add(later.ledger);
    kafka_ledger.add(later.kafka_ledger);
    for (auto& [key, value] : later.meta) meta[key] = std::move(value);
    for (auto& [key, value] : later.kafka_meta) kafka_meta[key] = std::move(value);
    if (later.checkpoint) checkpoint = std::move(later.checkpoint);
    if (later.context_floor) context_floor = later.context_floor;
    time_ns = std::max(time_ns, later.time_ns);
    bytes += later.bytes;
}

void Writer::merge_locked(Pending&& part, int64_t due_ns) {
    for (auto& [log, block] : part.blocks) part.ledger.logs[log].appended += block.second;
    pending_.add(std::move(part));
    if (due_ns < pending_.due_ns) {
        pending_.due_ns = due_ns;
        open_.wake();
    }
}

void Writer::engine_outputs(EngineOutputs&& outputs) {
    Pending part;
    part.cursors[kEngineCursor] = outputs.cursor;
    part.ledger = std::move(outputs.ledger);
    part.time_ns = outputs.time_ns;
    for (const auto& [log, block] : outputs.blocks) part.bytes += block.first.size();
    part.blocks = std::move(outputs.blocks);
    context_.asked(outputs.context_from, outputs.context_floor);
    part.context_floor = outputs.context_floor;
    const int64_t delay = part.blocks.empty() ? kCursorDelay : settings_.gather_ns;
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return stopping_ || never_wait_ || pending_.bytes < kPendingBytes; });
    merge_locked(std::move(part), clock_.boot_ns() + delay);
}

void Writer::context_floor(uint64_t seq) {
    context_.floor(seq);
    const std::lock_guard lock(mutex_);
    committed_context_floor_ = seq;
}

void Writer::checkpoint(store::Checkpoint&& checkpoint) {
    Pending part;
    part.checkpoint = std::move(checkpoint);
    const std::lock_guard lock(mutex_);
    merge_locked(std::move(part), clock_.boot_ns() + kCursorDelay);
}

void Writer::kafka_progress(model::Log log, uint64_t cursor, model::Ledger&& delta, std::vector<model::Gap>&& gone,
                            std::optional<std::string> catch_up) {
    Pending part;
    if (catch_up) part.kafka_meta[CatchUp::key(model::log_name(log))] = std::move(*catch_up);
    part.cursors[kafka_cursor(log)] = cursor;
    part.kafka_ledger = std::move(delta);
    const std::lock_guard lock(mutex_);
    announce_locked(part, std::move(gone));
    merge_locked(std::move(part), clock_.boot_ns() + kCursorDelay);
}

void Writer::events_progress(uint64_t cursor) {
    Pending part;
    part.cursors[kEventsCursor] = cursor;
    const std::lock_guard lock(mutex_);
    merge_locked(std::move(part), clock_.boot_ns() + kCursorDelay);
}

void Writer::remember(const std::string& key, const std::string& value) {
    Pending part;
    part.meta[key] = value;
    const std::lock_guard lock(mutex_);
    merge_locked(std::move(part), clock_.boot_ns() + kCursorDelay);
}

model::Ledger Writer::ledger_locked() const {
    auto total = ledger_;
    total.add(committing_ledger_);
    total.add(pending_.ledger);
    total.add(pending_.kafka_ledger);
    return total;
}
store::Cursors Writer::cursors_locked() const {
    auto newest = cursors_;
    for (const auto* later : {&committing_cursors_, &pending_.cursors})
        for (const auto& [name, seq] : *later) newest[name] = seq;
    return newest;
}
uint64_t Writer::next_locked(model::Log log) const {
    uint64_t seq = cache_.end(log);
    for (const auto* ledger : {&committing_ledger_, &pending_.ledger})
        if (const auto found = ledger->logs.find(log); found != ledger->logs.end()) seq += found->second.appended;
    return seq;
}
model::Ledger Writer::ledger() const {
    const std::lock_guard lock(mutex_);
    return ledger_locked();
}
store::Cursors Writer::cursors() const {
    const std::lock_guard lock(mutex_);
    return cursors_locked();
}
uint64_t Writer::next_seq(model::Log log) const {
    const std::lock_guard lock(mutex_);
    return next_locked(log);
}
std::shared_ptr<const ClockHistory> Writer::clocks() const {
    const std::lock_guard lock(mutex_);
    return committed_clocks_;
}
store::Usage Writer::usage() const {
    const std::lock_guard lock(mutex_);
    return usage_;
}

// --- the thread ---

void Writer::run() {
    while (true) {
        int64_t until = base::kNever;
        {
            const std::lock_guard lock(mutex_);
            if (stopping_) return;
            until = draining_ ? 0 : pending_.due_ns;
        }
        const bool acks_left = session_ != nullptr && !session_->release({});
        if (acks_left) until = std::min(until, clock_.boot_ns() + 2 * base::kNsPerMs);
        if (disk_trouble_) until = std::min(until, clock_.boot_ns() + base::kNsPerSecond);
        one_round(until);
        progress_++;
    }
}

void Writer::one_round(int64_t until_ns) {
    follow_streams();
    Transaction transaction;
    const size_t most = disk_trouble_ ? 1 : kBlocksATransaction;  // small ones find room
    if (auto block = open_.take(until_ns)) {
        transaction.intake.push_back(std::move(*block));
        while (transaction.intake.size() < most) {
            auto more = open_.take(0);  // only what is closed or due already
            if (!more) break;
            transaction.intake.push_back(std::move(*more));
        }
    }
    bool due = !transaction.intake.empty(), draining = false;
    uint64_t drain = 0;  // which one this round is for: what comes later was not looked at
    {
        const std::lock_guard lock(mutex_);
        settle_damaged_locked();
        draining = draining_;
        drain = drain_;
        due = due || draining || clock_.boot_ns() >= pending_.due_ns;
        if (due) hand_over_locked(transaction);
    }
    if (draining)
        while (transaction.intake.size() < most) {
            auto rest = open_.take_now();
            if (!rest) break;
            transaction.intake.push_back(std::move(*rest));
        }
    if (transaction.intake.empty() && transaction.handed_in.empty()) {
        if (disk_trouble_) relieve();  // also while nothing comes
        if (draining) {
            const std::lock_guard lock(mutex_);
            drained_ = drain;
            changed_.notify_all();
        }
        return;
    }
    add_intake(transaction);
    assemble(transaction);
    blocks_since_trim_ += std::max<size_t>(transaction.batch.appends.size(), 1);
    if (!commit(transaction)) return;
    const bool purged = transaction.batch.meta.contains(kPutAway);
    if (purged || blocks_since_trim_ >= kBlocksBetweenTrims) trim();
    for (int i = 0; purged && i < kTrimsAPurge && trim(); i++) continue;
    for (int i = 0; i < kStepsARound && relieve(); i++) continue;
}

// Lock held. Behind what the transaction has already.
void Writer::hand_over_locked(Transaction& transaction) {
    transaction.handed_in.add(std::exchange(pending_, Pending()));
    show_locked(transaction);
}

// Lock held. For status: what is under way.
void Writer::show_locked(const Transaction& transaction) {
    committing_ledger_ = transaction.handed_in.ledger;
    committing_ledger_.add(transaction.handed_in.kafka_ledger);
    committing_cursors_ = transaction.handed_in.cursors;
}

void Writer::add_intake(Transaction& t) {
    auto& batch = t.batch;
    uint32_t session = 0;
    uint64_t seq = store_.next_seq(model::Log::intake);
    for (auto& block : t.intake) {
        if (block.duplicates > 0) {
            // Filtered before a stream is known: they stand under the empty name.
            t.intake_ledger.received("", block.duplicates);
            t.intake_ledger.settle("", model::Fate::duplicate, block.duplicates);
        }
        session = std::max(session, block.session);
        if (block.count == 0) continue;
        if (follow_clocks(block, seq)) batch.meta["clocks"] = clocks_.text();
        for (auto& [index, text] : block.configs) batch.configs.emplace_back(seq + index, std::move(text));
        seq += block.count;
    }
    if (session_ != nullptr)
        if (const auto filters = session_->newly_subscribed(); !filters.empty()) {
            std::string joined;
            for (const auto& filter : filters) joined += filter + "\n";
            batch.meta["subscriptions"] = joined;
        }
    if (session > 0) batch.meta["session"] = std::to_string(session);
    if (quotas_.changed()) batch.meta[kQuotas] = quotas_.text();
}

// The batch, of the intake blocks and what was handed in and is still to be done.
void Writer::assemble(Transaction& t) {
    auto& batch = t.batch;
    batch.appends.clear();
    for (const auto& block : t.intake)
        for (const auto& part : block.parts)
            batch.appends.push_back({model::Log::intake, part.count, part.first_time_ns, part.last_time_ns,
                                     model::block_class(part.priority, 0), part.body});
    for (auto& [log, block] : t.handed_in.blocks)
        t.outputs.push_back({log, std::move(block.first), block.second, t.handed_in.time_ns, t.handed_in.time_ns, 0});
    t.handed_in.blocks.clear();
    for (const auto& out : t.outputs)
        batch.appends.push_back({out.log, out.count, out.first_ns, out.last_ns, out.block_class, out.body});
    batch.cursors = t.handed_in.cursors;
    batch.ledger = t.intake_ledger;
    batch.ledger.add(t.handed_in.ledger);
    batch.ledger.add(t.handed_in.kafka_ledger);
    for (const auto& [key, value] : t.handed_in.meta) batch.meta[key] = value;
    for (const auto& [key, value] : t.handed_in.kafka_meta) batch.meta[key] = value;
    name(t);
}

// True: what is known about clocks changed, and belongs into the transaction.
bool Writer::follow_clocks(const ClosedBlock& block, uint64_t first_seq) {
    bool changed = false;
    for (const auto& clock : block.clocks) {
        if (clock.before_ns) changed |= clocks_.time(*clock.before_ns);
        changed |= clocks_.add(first_seq + clock.index, clock.arrival_ns, clock.record);
    }
    return clocks_.time(block.newest_ns) || changed;
}

void Writer::name(Transaction& t) {
    t.batch.meta[kTransaction] = base::format("{}/{}", store_.incarnation(), ++transactions_);
    for (const auto log : model::kLogs) t.first_seqs[log] = store_.next_seq(log);
}

// True: it is durable. False: we are to stop; nothing of it was acknowledged and the broker delivers it again.
bool Writer::commit(Transaction& t) {
    while (!attempt(t)) {
        if (t.optional && !t.in_doubt) return false;
        progress_++;  // waiting for a disk that does not work is not hanging
        std::unique_lock lock(mutex_);
        const auto pause = std::chrono::milliseconds(t.full ? 200 : 1000);
        if (changed_.wait_for(lock, pause, [&] { return stopping_; })) return false;
    }
    return true;
}

bool Writer::attempt(Transaction& t) {
    if (t.in_doubt) return is_there(t);
    if (std::exchange(t.full, false) && !make_room(t)) return false;
    const int64_t began_ns = clock_.boot_ns();
    auto committed = store_.commit(t.batch);
    if (committed) {
        if (settings_.adaptive_gather) follow_disk(clock_.boot_ns() - began_ns);
        metrics_.healthy("store");
        published(t, *committed);
        return true;
    }
    metrics_.degraded("store", committed.error().code, committed.error().message);
    t.full = committed.error().code == store::kFull && !t.batch.appends.empty() && !t.optional;
    t.in_doubt = true;
    return is_there(t);
}

// A commit may take a twentieth of the time: where it is quick there is no need to let messages wait.
void Writer::follow_disk(int64_t commit_ns) {
    constexpr int64_t kShare = 20, kLeast = 50 * base::kNsPerMs, kSmooth = 8;
    commit_ns_ = commit_ns_ == 0 ? commit_ns : commit_ns_ + (commit_ns - commit_ns_) / kSmooth;
    open_.set_gather_ns(std::min(settings_.gather_ns, std::max(kLeast, kShare * commit_ns_)));
}

// An fsync error is an unknown state: open the file again and ask it. While it cannot answer, the doubt stays.
bool Writer::is_there(Transaction& t) {
    if (!reopen()) return false;
    auto meta = reader_->meta();
    if (!meta) {
        metrics_.degraded("store", meta.error().code, meta.error().message);
        return false;
    }
    t.in_doubt = false;
    if ((*meta)[kTransaction] != t.batch.meta[kTransaction]) return false;
    std::vector<store::Appended> appended;
    for (const auto& append : t.batch.appends) {
        appended.push_back({append.log, t.first_seqs[append.log], append.count});
        t.first_seqs[append.log] += append.count;
    }
    base::log::info("store: the transaction in doubt is there");
    metrics_.healthy("store");
    published(t, appended);
    return true;
}

// False: it cannot be opened now, or it had to be set aside and everybody has to begin anew.
bool Writer::reopen() {
    if (auto reopened = store_.reopen(); !reopened) {
        metrics_.degraded("store", reopened.error().code, reopened.error().message);
        return false;
    }
    const auto report = store_.report();
    if (report.empty() || report == report_at_start_) return true;
    base::log::error("store: {}", report);
    const std::lock_guard lock(mutex_);
    lost_ = stopping_ = true;  // nothing of the transaction under way was acknowledged; the broker has it still
    changed_.notify_all();
    return false;
}

void Writer::published(Transaction& t, const std::vector<store::Appended>& appended) {
    size_t at = 0;
    bool outputs = false, intake = false;
    const auto pass_on = [&](std::string&& body, uint32_t count, int64_t first, int64_t last, uint8_t block_class) {
        auto block = std::make_shared<store::Block>();
        const auto& where = appended[at++];
        *block = {where.log, where.first_seq, count, first, last, store_.incarnation(), std::move(body), block_class};
        cache_.committed(std::move(block));
    };
    size_t cost = 0;
    if (t.batch.meta.count("clocks") > 0) {  // before the block can be seen: who sees it knows where to stop
        auto clocks = std::make_shared<ClockHistory>(clocks_);
        const std::lock_guard lock(mutex_);
        committed_clocks_ = std::move(clocks);
    }
    if (t.batch.cut) cache_.removed(*t.batch.cut);
    for (auto& block : t.intake) {
        cost += block.cost_bytes;
        if (block.count == 0) continue;
        count_quotas(block, appended[at].first_seq);
        for (auto& part : block.parts)
            pass_on(std::move(part.body), part.count, part.first_time_ns, part.last_time_ns,
                    model::block_class(part.priority, 0));
        intake = true;
    }
    for (auto& out : t.outputs) {
        pass_on(std::move(out.body), out.count, out.first_ns, out.last_ns, out.block_class);
        outputs = true;
    }
    {
        const std::lock_guard lock(mutex_);
        ledger_.add(t.batch.ledger);
        for (const auto& [name, seq] : t.batch.cursors) cursors_[name] = seq;
        committing_ledger_.clear();
        committing_cursors_.clear();
        usage_ = store_.usage();
        if (t.handed_in.context_floor) committed_context_floor_ = *t.handed_in.context_floor;
        changed_.notify_all();
    }
    follow_catch_up(t.batch.meta);
    judge_quotas(t);
    open_.committed(cost);  // before the acks: nobody may wait for us while we wait for Paho's lock
    if (session_ != nullptr)
        for (const auto& block : t.intake) session_->release(block.tickets);
    if (intake && intake_committed_) intake_committed_();
    if (outputs && outputs_committed_) outputs_committed_();
    if (t.handed_in.checkpoint) {
        const uint64_t seq = t.handed_in.checkpoint->seq;
        if (auto saved = store_.save_checkpoint(*t.handed_in.checkpoint); saved)
            checkpoint_seq_ = seq;
        else {
            base::log::warning("store: checkpoint not written: {}", saved.error().text());
            (void)reopen();  // when that fails, so will the next commit
        }
    }
}

}  // namespace tributary::gateway
