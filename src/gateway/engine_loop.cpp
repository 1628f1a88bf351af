// SPDX-License-Identifier: Apache-2.0
#include "gateway/engine_loop.hpp"

#include <algorithm>
#include <chrono>

#include "base/log.hpp"

namespace tributary::gateway {
namespace {

// A checkpoint is worth writing when replaying what came since would take seconds...
constexpr uint64_t kReplayMessages = 500'000;
constexpr uint64_t kReplayBytes = 128 << 20;
// ...or when time has passed, at a pace that keeps checkpoints within this many bytes a day.
constexpr double kCheckpointBytesADay = 64.0 * 1024 * 1024;
constexpr int64_t kRefreshEvery = 5 * base::kNsPerSecond;        // what walks all series
constexpr int64_t kCheckpointAtLeast = 10 * base::kNsPerSecond;  // where room is short
constexpr int64_t kCheckpointEvery = 10 * 60 * base::kNsPerSecond;

}  // namespace

class EngineLoop::Collector final : public engine::Sink {
  public:
    void emit(model::Output&& output) override {
        if (const auto* range = std::get_if<model::ContextRange>(&output)) context_from_.push_back(range->from_seq);
        blocks_[model::log_of(output)].add(output);
    }
    EngineOutputs take() {
        EngineOutputs out;
        out.context_from = std::exchange(context_from_, {});
        for (auto& [log, block] : blocks_)
            if (const uint32_t count = block.count(); count > 0) out.blocks[log] = {block.take(), count};
        return out;
    }

  private:
    std::map<model::Log, model::OutputBlockWriter> blocks_;
    std::vector<uint64_t> context_from_;
};

EngineLoop::EngineLoop(BlockSource source, Writer& writer, OpenBlock& open, const ArrivalClock& arrival,
                       const base::Clock& clock, metrics::Registry& metrics, Poison* poison,
                       std::unique_ptr<engine::Engine> engine)
    : source_(std::move(source)),
      writer_(writer),
      open_(open),
      arrival_(arrival),
      clock_(clock),
      metrics_(metrics),
      poison_(poison),
      engine_(std::move(engine)) {}

EngineLoop::~EngineLoop() { stop(); }

base::Result<> EngineLoop::recover() {
    auto cursors = source_.reader().cursors();
    if (!cursors) return cursors.error();
    const bool known = cursors->contains(kEngineCursor);
    const uint64_t done = std::max<uint64_t>((*cursors)[kEngineCursor], 1);  // outputs are durable below this
    auto checkpoint = source_.reader().checkpoint();
    if (!checkpoint) return checkpoint.error();
    uint64_t from = 1;
    bool restored = false;
    if (*checkpoint && (**checkpoint).version == engine::kEngineVersion) {
        if (auto usable = engine_->restore((**checkpoint).state); usable) {
            from = (**checkpoint).seq;
            restored = true;
        } else {
            base::log::warning("engine: checkpoint not usable ({}); building the state from history",
                               usable.error().text());
            engine_ = engine::make_engine();
        }
    }
    if (!restored) {
        // No checkpoint: history may begin in the middle, under a configuration recorded before it.
        auto first = source_.at(model::Log::intake, 1);
        from = first ? first->first_seq : writer_.next_seq(model::Log::intake);
        auto config = source_.reader().config_at(from);
        if (config && *config) {
            Collector nowhere;
            model::Ledger nothing;
            model::IntakeRecord record;
            record.seq = from;
            record.arrival_ns = first ? first->first_time_ns : 0;
            writer_.clocks()->apply(record);
            record.seq = (**config).first;
            record.body = model::ConfigRecord{engine::kEngineVersion, (**config).second};
            engine_->process(record, nowhere, nothing);
        }
    }
    if (poison_ != nullptr)
        for (const uint64_t seq : poison_->skips())
            if (seq >= from) engine_->skip(seq);
    rebuild_from_ = from;
    position_ = restored || !known ? std::max(from, done) : done;  // what is gone in between has to be passed
    context_floor_ = std::min(from, engine_->context_floor());
    writer_.context_floor(context_floor_);  // before the first trim
    return {};
}

// The state at the checkpoint becomes the one at the cursor. False: we are to stop.
bool EngineLoop::rebuild() {
    const uint64_t done = position_;
    for (uint64_t at = rebuild_from_; at < done;) {
        const auto block = source_.at(model::Log::intake, at);
        if (!block) break;
        at = process(*block, at, true, done);
        progress_++;
        const std::lock_guard lock(mutex_);
        if (stopping_) return false;
    }
    if (done > rebuild_from_) base::log::info("engine: state rebuilt from {} intake records", done - rebuild_from_);
    refresh_context_floor();
    writer_.context_floor(context_floor_);
    return true;
}

void EngineLoop::start(std::function<void()> processed) {
    processed_ = std::move(processed);
    checkpoint_at_ns_ = clock_.boot_ns();
    thread_ = std::thread([this] { run(); });
}

void EngineLoop::wake() {
    const std::lock_guard lock(mutex_);
    woken_ = true;
    changed_.notify_all();
}

bool EngineLoop::finish(int64_t timeout_ns) {
    std::unique_lock lock(mutex_);
    finishing_ = true;
    changed_.notify_all();
    const bool done = changed_.wait_for(lock, std::chrono::nanoseconds(timeout_ns), [&] { return finished_; });
    lock.unlock();
    stop();
    return done;
}

void EngineLoop::stop() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
        changed_.notify_all();
    }
    writer_.never_wait();  // the disk may not work for a long time yet
    if (thread_.joinable()) thread_.join();
}

engine::Stats EngineLoop::stats() const {
    const std::lock_guard lock(mutex_);
    return stats_;
}

// Records [from, until) of the block; those below the durable cursor only rebuild state.
uint64_t EngineLoop::process(const store::Block& block, uint64_t from, bool suppressed, uint64_t until) {
    Collector collector;
    model::Ledger ledger;
    model::IntakeBlockReader reader(block.body, block.first_seq);
    model::IntakeRecord record;
    int64_t newest = 0;
    uint64_t messages = 0;
    const auto clocks = writer_.clocks();
    if (block.first_seq > from) pass_gap(from, block, collector, ledger);
    while (reader.next(record)) {
        if (record.seq < from) continue;
        if (record.seq >= until) break;
        if (clocks->apply(record) && !suppressed && record.message() != nullptr) repaired_++;
        if (poison_ != nullptr) poison_->at(record.seq);
        engine_->process(record, collector, ledger);
        newest = std::max(newest, record.arrival_ns);
        messages++;
    }
    if (poison_ != nullptr) poison_->away();
    if (!reader.ok())
        metrics_.degraded(
            "engine", "TRB-ENGINE-001",
            base::format("intake block {} does not follow its format and was passed over", block.first_seq));
    const uint64_t end = std::min(block.end_seq(), until);
    if (!suppressed) {
        auto outputs = collector.take();
        outputs.cursor = end;
        outputs.time_ns = newest;
        outputs.ledger = std::move(ledger);
        outputs.context_floor = refresh_context_floor();
        writer_.engine_outputs(std::move(outputs));
    }
    since_checkpoint_ += messages;
    bytes_since_checkpoint_ += block.body.size();
    return end;
}

// Damage took what was before this block. A configuration recorded there holds from here on all the same.
void EngineLoop::pass_gap(uint64_t from, const store::Block& behind, Collector& collector, model::Ledger& ledger) {
    const uint64_t gone = behind.first_seq - from;
    ledger.received("", gone);
    ledger.settle("", model::Fate::damaged, gone);
    const auto config = source_.reader().config_at(behind.first_seq - 1);
    if (!config || !*config || (**config).first < from) return;
    model::IntakeRecord record;
    record.seq = (**config).first;
    record.arrival_ns = behind.first_time_ns;
    writer_.clocks()->apply(record);
    record.body = model::ConfigRecord{engine::kEngineVersion, (**config).second};
    engine_->process(record, collector, ledger);
}

bool EngineLoop::process_next() {
    if (writer_.clocks()->held_from() <= position_) return false;
    auto block = source_.at(model::Log::intake, position_);
    if (!block) return false;
    // Asked again: by now it knows the clock records of this block.
    const uint64_t until = writer_.clocks()->held_from();
    if (until <= std::max<uint64_t>(position_, block->first_seq)) return false;
    position_ = process(*block, position_, false, until);
    {
        const std::lock_guard lock(mutex_);
        stats_ = engine_->stats();
    }
    refresh_watermark();
    report_bounds();
    if (processed_) processed_();
    return true;
}

// A bound that is being hit is a state of health, until nothing was added for a while.
void EngineLoop::report_bounds() {
    constexpr int64_t kWellAfter = 60 * base::kNsPerSecond;
    const auto& b = stats_.bounds;
    const uint64_t over = stats_.series_refused + b.forced + b.hurried;
    const int64_t now = clock_.boot_ns();
    if (over > over_bounds_) {
        over_bounds_at_ns_ = now;
        metrics_.degraded("bounds", "TRB-ENGINE-009",
                          base::format("{} readings refused (max_series), {} windows closed early (max_windows), {} "
                                       "readings not put in order (max_reorder)",
                                       stats_.series_refused, b.forced, b.hurried));
    } else if (over_bounds_at_ns_ != base::kNever && now - over_bounds_at_ns_ >= kWellAfter) {
        over_bounds_at_ns_ = base::kNever;
        metrics_.healthy("bounds");
    }
    over_bounds_ = over;
}

// An old one is a safe one, but where there was none.
uint64_t EngineLoop::refresh_context_floor() {
    const int64_t now = clock_.boot_ns();
    if (context_floor_ != UINT64_MAX && now - floor_at_ns_ < kRefreshEvery) return context_floor_;
    floor_at_ns_ = now;
    return context_floor_ = engine_->context_floor();
}

void EngineLoop::refresh_watermark() {
    const int64_t now = clock_.boot_ns();
    if (now - watermark_at_ns_ < kRefreshEvery) return;
    watermark_at_ns_ = now;
    watermark_ns_ = engine_->watermark_ns();
}

// What has to happen although nothing comes: an idle series closes its window, or waiting for the clock is over.
int64_t EngineLoop::next_tick_ns() const {
    const auto clocks = writer_.clocks();
    return clocks->held_from() <= position_ ? clocks->hold_until_ns() : engine_->next_deadline_ns();
}

// That moment has to stand in the log.
void EngineLoop::tick_if_due() {
    const int64_t deadline = next_tick_ns();
    if (deadline == base::kNever || deadline == ticked_for_ns_ || arrival_.now_ns() < deadline) return;
    ticked_for_ns_ = deadline;
    open_.control(model::TickRecord{}, false);
}

// Nothing comes, perhaps because there is no room: what the engine still needs must not be older than it has to.
void EngineLoop::give_room() {
    context_floor_ = UINT64_MAX;  // not the one of some seconds ago
    EngineOutputs outputs;
    outputs.cursor = position_;
    outputs.context_floor = refresh_context_floor();
    writer_.engine_outputs(std::move(outputs));
    checkpoint_if_worth(false);
}

void EngineLoop::checkpoint_if_worth(bool at_stop) {
    if (since_checkpoint_ == 0) return;
    const int64_t since = clock_.boot_ns() - checkpoint_at_ns_;
    const auto pace = static_cast<int64_t>(static_cast<double>(checkpoint_bytes_) / kCheckpointBytesADay * 86400e9);
    const bool much = since_checkpoint_ >= kReplayMessages || bytes_since_checkpoint_ >= kReplayBytes;
    // Where room is short one is worth it sooner: behind it messages can be thinned.
    const bool wanted = writer_.wants_room() && since >= std::min(pace / 4, kCheckpointAtLeast);
    if (!at_stop && !much && !wanted && since < std::max(kCheckpointEvery, pace)) return;
    if (!at_stop && !wanted && since < pace / 4) return;
    store::Checkpoint checkpoint;
    checkpoint.seq = position_;
    checkpoint.version = engine::kEngineVersion;
    checkpoint.state = engine_->checkpoint();
    checkpoint_bytes_ = checkpoint.state.size();
    checkpoint_at_ns_ = clock_.boot_ns();
    since_checkpoint_ = bytes_since_checkpoint_ = 0;
    writer_.checkpoint(std::move(checkpoint));
}

void EngineLoop::run() {
    idle_ = false;
    if (!rebuild()) return;
    while (true) {
        idle_ = false;
        while (process_next()) {
            progress_++;
            checkpoint_if_worth(false);
            const std::lock_guard lock(mutex_);
            if (stopping_) return;
        }
        idle_ = true;
        progress_++;
        if (writer_.wants_room()) give_room();
        tick_if_due();
        std::unique_lock lock(mutex_);
        if (stopping_) return;
        if (finishing_ && !woken_) {
            lock.unlock();
            checkpoint_if_worth(true);
            lock.lock();
            finished_ = true;
            changed_.notify_all();
            return;
        }
        int64_t wait = (writer_.wants_room() ? 1 : 60) * base::kNsPerSecond;
        if (const int64_t deadline = next_tick_ns(); deadline != base::kNever && deadline != ticked_for_ns_)
            wait = std::clamp<int64_t>(deadline - arrival_.now_ns(), base::kNsPerMs, wait);
        changed_.wait_for(lock, std::chrono::nanoseconds(wait), [&] { return stopping_ || finishing_ || woken_; });
        woken_ = false;
    }
}

}  // namespace tributary::gateway
