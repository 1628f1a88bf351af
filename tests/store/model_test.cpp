// SPDX-License-Identifier: Apache-2.0
// Random actions against a simple model of the store: append, read, trim, checkpoint, reopen, start again, kill, power
// cut, a full disk, a disk that fails, a damaged block, thinning, a store filled up to max_size. After each of them the
// store is what the model says, and within max_size. The seed is printed; TRIBUTARY_STORE_SEED=n does the same again,
// TRIBUTARY_STORE_STEPS=n does so many.
#include <chrono>
#include <cstdio>

#include "fault_vfs.hpp"
#include "reference.hpp"
#include "trace_disk.hpp"

using namespace tributary;
using namespace tributary::store;
using model::Log;

namespace {

enum Action : size_t {
    append_some,
    read_some,
    move_cursors,
    trim,
    checkpoint,
    reopen,
    start_again,
    kill_it,
    power_cut,
    full_disk,
    bad_disk,
    damage,
    thin,
    fill_up,
    kActions
};
constexpr std::array<const char*, kActions> kNames{"append",   "read",    "cursors", "trim",      "checkpoint",
                                                   "reopen",   "restart", "kill",    "power cut", "full disk",
                                                   "bad disk", "damage",  "thin",    "fill up"};
constexpr std::array<uint32_t, kActions> kWeights{460, 230, 70, 60, 20, 20, 12, 12, 16, 15, 15, 10, 55, 5};  // of 1,000
constexpr int64_t kMaxSize = 2 << 20;
constexpr std::array kThinned{Log::intake, Log::thinned};  // logs whose blocks are replaced

class Model {
  public:
    explicit Model(uint64_t seed) : random_(seed), folder_(std::make_unique<MemoryFolder>()) {
        vfs_ = std::make_unique<FaultVfs>();
        vfs_->record(true);
        open();
    }
    void step() {
        uint32_t chosen = static_cast<uint32_t>(random_() % 1'000);
        size_t action = 0;
        while (chosen >= kWeights[action]) chosen -= kWeights[action++];
        counts[action]++;
        CAPTURE(kNames[action]);
        act(static_cast<Action>(action));
        if (action >= checkpoint) check();
        REQUIRE(store_->usage().file_bytes <= kMaxSize);
    }
    void check() { REQUIRE(reference_.differs(*store_) == ""); }
    void finish() {
        check();
        store_.reset();
        REQUIRE(unsound(folder_->file()) == "");
    }
    std::array<int64_t, kActions> counts{};

  private:
    void act(Action action);
    void open() {
        store_ = open_store(folder_->file(), kMaxSize);
        note_report();
    }
    void note_report() {
        if (store_->report().empty()) return;
        FAIL("set aside: " << store_->report());
    }
    void reopen_until_it_works() {
        for (int i = 0; i < 100; i++)
            if (store_->reopen()) return note_report();
        FAIL("reopen");
    }
    // Once, or as often as it takes; when there is no room for it, old blocks give way.
    void commit(const Batch& batch) {
        auto done = store_->commit(batch);
        for (int i = 0; !done && i < 100; i++) {
            const bool full = done.error().code == kFull;
            reopen_until_it_works();
            auto meta = open_reader(*store_)->meta();
            if (meta && (*meta)["transaction"] == batch.meta.at("transaction")) break;
            if (full && !batch.appends.empty()) make_room();
            done = store_->commit(batch);
        }
        reference_.apply(batch);
        acknowledged();
    }
    void acknowledged() {
        disk_.follow(vfs_->take_trace());
        before_ = reference_;
    }
    std::string name() { return std::to_string(++transactions_); }
    void fill(Step& step) {
        step = intake_step(reference_, ++transactions_, 1 + static_cast<uint32_t>(random_() % 9), random_() % 6'000);
    }
    Log any_log() { return std::array{Log::intake, Log::windows, Log::thinned, Log::gaps}[random_() % 4]; }
    void trim_all();
    void make_room() {
        for (int i = 0; i < 20 && store_->usage().used_bytes > kMaxSize / 4; i++) trim_all();
    }
    void forget_trimmed(Log log) {
        auto& blocks = reference_.blocks[log];
        while (!blocks.empty() && blocks.front().seq < store_->first_seq(log)) {
            REQUIRE(blocks.front().end() <= reference_.may_trim[log]);
            blocks.pop_front();
        }
    }
    bool thin_step(Step& step);
    void fill_to_the_cap();
    void trim_some();
    void read_one();
    void cut();
    void damage_block();

    std::mt19937_64 random_;
    std::unique_ptr<MemoryFolder> folder_;
    std::unique_ptr<FaultVfs> vfs_;
    std::unique_ptr<Store> store_;
    Reference reference_, before_;
    TraceDisk disk_;
    uint64_t transactions_ = 0;
};

void Model::act(Action action) {
    Step step;
    switch (action) {
        case append_some:
            fill(step);
            return commit(step.batch);
        case read_some:
            return read_one();
        case move_cursors:
            step.batch.cursors["kafka:main:windows"] = 1 + random_() % reference_.next_of(Log::windows);
            step.batch.meta["transaction"] = name();
            return commit(step.batch);
        case trim:
            return trim_some();
        case checkpoint:
            reference_.checkpoint =
                Checkpoint{reference_.next_of(Log::intake), "v", body_of(Log::intake, ++transactions_, 5'000)};
            REQUIRE(store_->save_checkpoint(*reference_.checkpoint).ok());
            return acknowledged();
        case reopen:
            reopen_until_it_works();
            return acknowledged();
        case start_again:
            store_.reset();
            open();
            return acknowledged();
        case kill_it:
        case power_cut:
            return cut();
        case full_disk: {
            fill(step);
            vfs_->fill_disk();
            const auto refused = store_->commit(step.batch);
            REQUIRE(!refused.ok());
            CHECK_MESSAGE(refused.error().code == kFull, refused.error().text());
            CHECK(store_->reopen().ok() == false);
            vfs_->heal();
            reopen_until_it_works();
            return commit(step.batch);
        }
        case bad_disk:
            fill(step);
            vfs_->fail(std::array{Call::write, Call::sync, Call::truncate, Call::size}[random_() % 4],
                       std::array{Fault::eio, Fault::half_write}[random_() % 2], static_cast<int64_t>(random_() % 12),
                       static_cast<int64_t>(1 + random_() % 5));
            commit(step.batch);
            vfs_->heal();
            return;
        case damage:
            return damage_block();
        case thin:
            if (thin_step(step)) commit(step.batch);
            return;
        case fill_up:
            return fill_to_the_cap();
        case kActions:
            return;
    }
}

void Model::read_one() {
    const Log log = any_log();
    auto reader = open_reader(*store_);
    const uint64_t seq = 1 + random_() % (reference_.next_of(log) + 3);
    const auto block = reader->block_at(log, seq);
    if (!block.ok()) FAIL(block.error().text());
    // The model's block that holds seq, or the next one.
    for (const auto& kept : reference_.blocks[log]) {
        if (kept.seq + kept.count <= seq || kept.seq < store_->first_seq(log)) continue;
        REQUIRE(block->has_value());
        CHECK((*block)->first_seq == kept.seq);
        CHECK((*block)->body == kept.body);
        break;
    }
    if (reference_.next_of(log) <= seq) CHECK(!block->has_value());
    const auto block_class = static_cast<uint8_t>(random_() % 4);
    const auto of_class = reader->block_of_class(log, seq, block_class);
    if (!of_class.ok()) FAIL(of_class.error().text());
    for (const auto& kept : reference_.blocks[log]) {
        if (kept.seq < seq || kept.seq < store_->first_seq(log) || kept.block_class != block_class) continue;
        REQUIRE(of_class->has_value());
        CHECK((*of_class)->first_seq == kept.seq);
        CHECK((*of_class)->body == kept.body);
        return;
    }
    CHECK(!of_class->has_value());
}

void Model::trim_some() {
    const Log log = any_log();
    Batch batch;
    batch.trim_below[log] = reference_.next_of(log) - random_() % std::min<uint64_t>(reference_.next_of(log), 300);
    batch.meta["transaction"] = name();
    commit(batch);
    forget_trimmed(log);
}

// The older half of each log, also while the disk fails.
void Model::trim_all() {
    Batch batch;
    for (const auto& [log, blocks] : reference_.blocks)
        if (!blocks.empty()) batch.trim_below[log] = blocks[blocks.size() / 2].seq;
    batch.meta["transaction"] = name();
    auto done = store_->commit(batch);
    for (int i = 0; !done && i < 100; i++) {
        reopen_until_it_works();
        done = store_->commit(batch);
    }
    REQUIRE(done.ok());
    reference_.apply(batch);
    for (const auto& [log, below] : batch.trim_below) forget_trimmed(log);
}

// Blocks of one class that stand one behind another, with others between them or not, become rows of the next class,
// and what they say stands in the thinned log. False: there are none.
bool Model::thin_step(Step& step) {
    const Log log = kThinned[random_() % kThinned.size()];
    forget_trimmed(log);
    const auto& blocks = reference_.blocks[log];
    if (blocks.empty()) return false;
    const auto& first = blocks[random_() % blocks.size()];
    const uint64_t to = first.seq + 1 + random_() % 60;
    const uint8_t block_class = first.block_class;
    const uint64_t from = first.seq;
    Cut cut{log, {}};
    uint64_t records = 0;
    for (const auto& block : blocks) {
        if (block.block_class != block_class || block.seq < from || block.end() > to) continue;
        records += block.count;
        auto& rows = cut.kept;
        if (!rows.empty() && rows.back().first_seq + rows.back().count == block.seq && random_() % 4 != 0) {
            rows.back().count += block.count;
            continue;
        }
        const auto row = open_reader(*store_)->block_at(log, block.seq);
        REQUIRE(row.ok());
        REQUIRE(row->has_value());
        rows.push_back({block.seq, block.count, (**row).first_time_ns, (**row).last_time_ns,
                        static_cast<uint8_t>(std::min(block_class + 1, 3)), (**row).incarnation,
                        body_of(log, transactions_, block.body.size() / 4)});
    }
    if (records == 0) return false;
    step.batch.cut = std::move(cut);
    step.add(reference_, Log::thinned, 1 + static_cast<uint32_t>(records / 8), random_() % 600);
    step.batch.appends.back().block_class = static_cast<uint8_t>(1 + random_() % 3);
    step.add(reference_, Log::gaps, 1, 40);
    step.batch.ledger.logs[Log::thinned].appended = step.batch.appends.front().count;
    step.batch.ledger.logs[Log::gaps].appended = 1;
    if (log == Log::intake) {
        if (block_class == 0) {  // once: a count below none would be damage
            step.batch.ledger.settle("s", model::Fate::summarised, uint64_t{0} - records);
            step.batch.ledger.settle("s", model::Fate::evicted, records);
        }
    } else {
        step.batch.ledger.logs[Log::thinned].thinned = records;
    }
    step.batch.meta["transaction"] = name();
    return true;
}

// Messages until there is no room for them; then outputs, cursors and thinning still find some, and behind a trim
// messages do again.
void Model::fill_to_the_cap() {
    Step step;
    bool full = false;
    for (int i = 0; i < 1'000 && !full; i++) {
        step = intake_step(reference_, ++transactions_, 5, 20'000 + random_() % 40'000);
        const auto done = store_->commit(step.batch);
        REQUIRE(store_->usage().file_bytes <= kMaxSize);
        if (done) {
            reference_.apply(step.batch);
            continue;
        }
        if (done.error().code != kFull) FAIL("not full: " << done.error().text());
        full = true;
    }
    REQUIRE(full);
    acknowledged();
    check();
    reopen_until_it_works();
    Step small;
    small.add(reference_, Log::windows, 2, 300);
    small.batch.cursors["engine"] = reference_.next_of(Log::intake);
    small.batch.meta["transaction"] = name();
    REQUIRE(store_->commit(small.batch).ok());
    reference_.apply(small.batch);
    if (Step thinned; thin_step(thinned)) {
        REQUIRE(store_->commit(thinned.batch).ok());
        reference_.apply(thinned.batch);
    }
    acknowledged();
    check();
    step = intake_step(reference_, ++transactions_, 5, 20'000);
    commit(step.batch);  // makes room
}

// Killed or cut off in the middle of a commit: what is there is the state before it or after it.
void Model::cut() {
    make_room();
    acknowledged();
    Step step;
    if (random_() % 2 == 0 || !thin_step(step)) fill(step);
    REQUIRE(store_->commit(step.batch).ok());
    const auto trace = vfs_->take_trace();
    const size_t seen = random_() % (trace.size() + 1);
    disk_.follow({trace.begin(), trace.begin() + static_cast<std::ptrdiff_t>(seen)});
    auto fresh = std::make_unique<MemoryFolder>();
    disk_.leave(fresh->path, static_cast<TraceDisk::Rest>(random_() % 3), random_);
    store_.reset();
    (void)vfs_->take_trace();
    folder_ = std::move(fresh);
    disk_ = TraceDisk();
    disk_.load(folder_->path);
    open();
    Reference after = before_;
    after.apply(step.batch);
    if (seen == trace.size() || before_.differs(*store_) != "") {
        REQUIRE(after.differs(*store_) == "");
        reference_ = after;
    } else {
        reference_ = before_;
    }
    acknowledged();
}

// Its bytes rot on the disk: an error names its range, what is beside it is there. Then it is trimmed away.
void Model::damage_block() {
    auto& blocks = reference_.blocks[Log::windows];
    while (!blocks.empty() && blocks.front().seq < store_->first_seq(Log::windows)) blocks.pop_front();
    if (blocks.size() < 3) return;
    const auto rotten = blocks[1], beside = blocks[2];
    meddle(folder_->file(),
           "UPDATE block SET body = CAST(body || x'00' AS BLOB) WHERE log = 2 AND seq = " + std::to_string(rotten.seq));
    auto reader = open_reader(*store_);
    const auto bad = reader->block_at(Log::windows, rotten.seq);
    REQUIRE(!bad.ok());
    CHECK(bad.error().code == kFormat);
    CHECK(bad.error().message.find("windows " + std::to_string(rotten.seq) + "..") != std::string::npos);
    const auto behind = reader->seq_behind(Log::windows, rotten.seq);
    REQUIRE(behind.ok());
    CHECK(*behind == beside.seq);
    reader.reset();
    Batch batch;
    batch.trim_below[Log::windows] = beside.seq;
    batch.meta["transaction"] = name();
    commit(batch);
    while (!blocks.empty() && blocks.front().seq < beside.seq) blocks.pop_front();
    before_ = reference_;
}

}  // namespace

TEST_CASE("the store is what a simple model says, whatever happens") {
    const uint64_t seed = seed_of_run();
    CAPTURE(seed);
    const char* wanted = std::getenv("TRIBUTARY_STORE_STEPS");
    const int64_t steps = wanted != nullptr ? std::strtoll(wanted, nullptr, 10)
                          : long_run()      ? 100'000
                                            : 6'000 / static_cast<int64_t>(kSlower);
    const Quiet quiet;
    Model model(seed);
    for (int64_t i = 0; i < steps; i++) {
        CAPTURE(i);
        model.step();
    }
    model.finish();
    std::printf("store model: %lld steps, seed %llu:", static_cast<long long>(steps),
                static_cast<unsigned long long>(seed));
    for (size_t i = 0; i < kActions; i++)
        if (kWeights[i] > 0)
            std::printf(" %lld %s%s", static_cast<long long>(model.counts[i]), kNames[i],
                        i + 1 < kActions ? "," : "\n");
}
