// SPDX-License-Identifier: Apache-2.0
// Random actions against a simple model of the store: append, read, trim, checkpoint, reopen, start again, kill, power
// cut, a full disk, a disk that fails, a damaged block. After each of them the store is what the model says. The seed
// is printed; TRIBUTARY_STORE_SEED=n does the same again, TRIBUTARY_STORE_STEPS=n does so many.
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
    kActions
};
constexpr std::array<const char*, kActions> kNames{"append",   "read",    "cursors", "trim",      "checkpoint",
                                                   "reopen",   "restart", "kill",    "power cut", "full disk",
                                                   "bad disk", "damage",  "thin"};
// Out of a thousand. Thinning comes with the disk budget: an action of its own that replaces blocks in the model, too.
constexpr std::array<uint32_t, kActions> kWeights{500, 240, 80, 60, 20, 20, 12, 12, 16, 15, 15, 10, 0};

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
        store_ = open_store(folder_->file());
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
    // Once, or as often as it takes; full: the disk is, and stays so meanwhile.
    void commit(const Batch& batch) {
        auto done = store_->commit(batch);
        for (int i = 0; !done && i < 100; i++) {
            reopen_until_it_works();
            auto meta = open_reader(*store_)->meta();
            if (meta && (*meta)["transaction"] == batch.meta.at("transaction")) break;
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
    Log any_log() { return random_() % 2 == 0 ? Log::intake : Log::windows; }
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
            CHECK(refused.error().code == kFull);
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
        return;
    }
    CHECK(!block->has_value());
}

void Model::trim_some() {
    const Log log = any_log();
    Batch batch;
    batch.trim_below[log] = reference_.next_of(log) - random_() % std::min<uint64_t>(reference_.next_of(log), 300);
    batch.meta["transaction"] = name();
    commit(batch);
    auto& blocks = reference_.blocks[log];
    while (!blocks.empty() && blocks.front().seq < store_->first_seq(log)) {
        REQUIRE(blocks.front().seq + blocks.front().count <= reference_.may_trim[log]);
        blocks.pop_front();
    }
}

// Killed or cut off in the middle of a commit: what is there is the state before it or after it.
void Model::cut() {
    Step step;
    fill(step);
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
                        i + 2 < kActions ? "," : "\n");
}
