// SPDX-License-Identifier: Apache-2.0
// The part of the writer that finds room: what was delivered goes, what raw context needs stays, and the steps of the
// ladder (ladder.hpp) are planned by the thinner and committed here.
#include <algorithm>

#include "base/log.hpp"
#include "base/units.hpp"
#include "gateway/writer_transaction.hpp"

namespace tributary::gateway {
namespace {

constexpr uint64_t kWorthAsking = 16'384;  // records
constexpr uint64_t kTail = 4096;           // the newest records stay while they can: redeliveries are told by them
constexpr int kStepsWhenFull = 8;
constexpr int kPatience = 100;  // tries of a commit that does not fit, 20 s

}  // namespace

// Full: what makes room goes first, with the ledger that belongs to it. The engine's cursor waits for its outputs, and
// kafka's cursors for the refused records and gaps they pass. Then the outputs, which do not wait for the messages
// either: what they pass can be thinned. Then the ladder.
bool Writer::make_room(Transaction& t) {
    {
        const std::lock_guard lock(mutex_);
        hand_over_locked(t);  // kafka may have got on
    }
    assemble(t);
    Transaction room;
    if (!has_output(t, model::Log::refused) && !has_output(t, model::Log::gaps)) {
        room.batch.cursors = std::exchange(t.handed_in.cursors, {});
        if (auto engine = room.batch.cursors.extract(kEngineCursor)) t.handed_in.cursors.insert(std::move(engine));
        room.batch.ledger = std::exchange(t.handed_in.kafka_ledger, {});
        room.batch.meta = std::exchange(t.handed_in.kafka_meta, {});
    }
    plan_trim(room.batch);
    if (!room.batch.empty()) {
        name(room);
        if (!commit(room)) return false;
    }
    const bool more = !t.outputs.empty() || !t.handed_in.empty();
    if (!t.intake.empty() && more && !outputs_alone(t)) return false;
    const auto dropped = [&] { return ladder().steps[static_cast<size_t>(Step::drop_raw)]; };
    const auto before = dropped();
    int steps = 0;
    while (steps < kStepsWhenFull && relieve(true)) {
        steps++;
        if (dropped() > before) break;  // room for many blocks: no more than needed, and nothing of a higher priority
    }
    if (steps == 0) trim(true);
    assemble(t);
    const std::lock_guard lock(mutex_);
    show_locked(t);
    return !stopping_;
}

bool Writer::has_output(const Transaction& t, model::Log log) {
    return std::any_of(t.outputs.begin(), t.outputs.end(), [&](const auto& out) { return out.log == log; });
}

// False: we are to stop. When there is no room for them they stay in t.
bool Writer::outputs_alone(Transaction& t) {
    Transaction alone;
    alone.optional = true;
    alone.handed_in = std::move(t.handed_in);
    alone.outputs = std::move(t.outputs);
    t.handed_in = Pending(), t.outputs.clear();
    assemble(alone);
    if (commit(alone)) return true;
    if (alone.in_doubt) return false;
    t.handed_in = std::move(alone.handed_in);
    t.outputs = std::move(alone.outputs);
    return true;
}

// --- the ladder ---

uint64_t Writer::cursor(const std::string& name) const {
    const std::lock_guard lock(mutex_);
    return store::cursor(cursors_, name, 0);
}

// What kafka has done beyond its cursor can be thinned like what lies below it.
void Writer::follow_catch_up(const std::map<std::string, std::string>& meta) {
    for (const auto log : model::kLogs)
        if (const auto found = meta.find(CatchUp::key(model::log_name(log))); found != meta.end())
            claims_.set_ahead(log, CatchUp(cursor(kafka_cursor(log)), found->second).ahead());
}

int64_t Writer::cap_of(const store::Usage& usage) const { return std::min(settings_.max_size_bytes, usage.room_bytes); }

ThinLimits Writer::thin_limits() {
    ThinLimits limits;
    const uint64_t engine = cursor(kEngineCursor), next = store_.next_seq(model::Log::intake);
    limits.done = claims_.done(model::Log::intake, cursor(kafka_cursor(model::Log::intake)));
    limits.free = claims_.free(model::Log::intake);
    limits.thinned_to = store_.next_seq(model::Log::thinned);
    limits.thinned_from = claims_.free(model::Log::thinned).front().from;
    limits.context_cursor = std::max<uint64_t>(cursor(kafka_cursor(model::Log::context)), 1);
    limits.now_ns = arrival_.now_ns();
    limits.intake_to_now = std::min(engine, checkpoint_seq_);
    uint64_t floor = 0;
    {
        const std::lock_guard lock(mutex_);
        floor = committed_context_floor_;
    }
    const uint64_t tail = next > kTail ? next - kTail : 0;
    limits.intake_to = std::min({limits.intake_to_now, floor, tail});
    limits.intake_to_over = std::min(limits.intake_to_now, tail);
    engine_behind_ = limits.intake_to_over + kWorthAsking < tail;
    const bool wanted = limits.intake_to + kWorthAsking < tail;
    if (wanted != wants_room_.exchange(wanted) && wanted && intake_committed_) intake_committed_();  // wakes the engine
    return limits;
}

// The next step of the ladder that finds something. at_any_price: a commit found no room.
bool Writer::relieve(bool at_any_price) {
    const auto usage = store_.usage();
    const int64_t used = usage.used_bytes, cap = cap_of(usage);
    // In a store that is half empty dropping would not help: something is too big for it.
    const Level level = !at_any_price ? level_of(used, cap) : used > cap / 2 ? Level::full : Level::filling;
    {
        const std::lock_guard lock(mutex_);
        ladder_.level = level;
        if (stopping_) return false;
    }
    report_level(used, cap);
    if (level == Level::roomy && !disk_trouble_) return wants_room_ = false;
    if (trim()) return true;  // what is delivered goes before anything is thinned
    if (level == Level::roomy) {
        thin_limits();  // asks the engine for room, so that more can be deleted
        return false;
    }
    if (!open_thinner()) return false;
    const auto limits = thin_limits();
    const auto tries = tries_at(settings_.when_full, level, thinner_->used(limits));
    for (const auto& what : tries) {
        // What the engine is behind with can be thinned in a moment: that is no reason to drop anything, or to touch a
        // higher priority.
        const bool drops = settings_.when_full == WhenFull::thin && what.step >= Step::drop_15min &&
                           (what.good_part_only ? engine_behind_ : wants_room_.load());
        const bool climbs = model::rank(what.priority) > model::rank(tries.front().priority) &&
                            what.step != Step::compact && engine_behind_;
        if ((drops || climbs) && (level == Level::filling || ++waited_ < kPatience)) return false;
        if (take(what, limits)) return waited_ = 0, true;
    }
    return false;
}

bool Writer::open_thinner() {
    if (thinner_) return true;
    auto source = BlockSource::open(cache_, store_, metrics_, poison_);
    if (!source) return false;
    thinner_ = std::make_unique<Thinner>(std::move(*source));
    return true;
}

bool Writer::take(const Try& what, const ThinLimits& limits) {
    auto plan = thinner_->plan(what, limits);
    if (!plan) return false;
    const auto& cut = plan->cut;
    const uint64_t delivered = cursor(kafka_cursor(cut.log));
    if (!claims_.begin_change(cut.log, cut.from_seq(), cut.to_seq(), delivered)) return false;
    Transaction t;
    t.optional = true;
    if (cut.log == model::Log::intake && what.step != Step::drop_kept) t.thins = what.priority;
    t.batch.cut = std::move(plan->cut);
    t.handed_in.ledger = plan->ledger;
    for (auto& [log, block] : plan->appends) {
        t.handed_in.ledger.logs[log].appended += block.second;
        const bool thinned = log == model::Log::thinned;
        t.outputs.push_back({log, std::move(block.first), block.second, thinned ? plan->from_ns : limits.now_ns,
                             thinned ? plan->to_ns : limits.now_ns, thinned ? plan->block_class : uint8_t{0}});
    }
    assemble(t);
    const bool done = commit(t);
    claims_.end_change();
    if (done) count(what.step, *plan);
    return done;
}

void Writer::count(Step step, const ThinPlan& plan) {
    const bool summaries = plan.cut.log == model::Log::thinned;
    const auto add = [&](const char* name, const char* help, uint64_t n) {
        if (n > 0) metrics_.counter(name, help).add(n);
    };
    if (!summaries) {
        add("tributary_thinned_messages_total", "Messages that summaries stand for, for want of room", plan.thinned);
        add("tributary_evicted_messages_total", "Messages that were dropped for want of room", plan.evicted);
    } else {
        add("tributary_thinned_summaries_total", "Summaries that coarser ones stand for", plan.thinned);
        add("tributary_evicted_summaries_total", "Summaries that were dropped for want of room", plan.evicted);
    }
    const std::lock_guard lock(mutex_);
    ladder_.steps[static_cast<size_t>(step)]++;
    (summaries ? ladder_.summaries_thinned : ladder_.thinned) += plan.thinned;
    (summaries ? ladder_.summaries_dropped : ladder_.evicted) += plan.evicted;
}

LadderStats Writer::ladder() const {
    const std::lock_guard lock(mutex_);
    return ladder_;
}

// A state of health from the first step on until there is room again.
void Writer::report_level(int64_t used_bytes, int64_t cap_bytes) {
    const auto stats = ladder();
    if (stats.level == Level::roomy) {
        if (disk_trouble_ && used_bytes < cap_bytes / 100 * kCalmPercent) {
            disk_trouble_ = false;
            metrics_.healthy("disk");
        }
        return;
    }
    disk_trouble_ = true;
    const std::string how =
        base::format("the store is filling up ({} of {})", base::format_size(used_bytes), base::format_size(cap_bytes));
    if (settings_.when_full == WhenFull::block)
        metrics_.degraded("disk", "TRB-DISK-003", how + "; when it is full the MQTT broker has to keep what comes");
    else if (stats.level == Level::full || settings_.when_full == WhenFull::drop_oldest)
        metrics_.degraded("disk", "TRB-DISK-002",
                          base::format("{}; the oldest data that Kafka has not is dropped: {} messages and {} "
                                       "summaries since the start",
                                       how, stats.evicted, stats.summaries_dropped));
    else
        metrics_.degraded(
            "disk", "TRB-DISK-001",
            base::format("{}; the oldest messages that Kafka has not become summaries: {} since the start", how,
                         stats.thinned));
}

}  // namespace tributary::gateway
