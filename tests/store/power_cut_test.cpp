// SPDX-License-Identifier: Apache-2.0
// The mains fail at every write and every sync of a scenario. From the trace of FaultVfs the disk is made as it may be
// found afterwards: what was synced is there; of the rest nothing, everything, or any part, the last write torn at a
// sector. Then the store is opened: everything whose commit had returned is there, and nothing half.
#include <cstdio>

#include "fault_vfs.hpp"
#include "reference.hpp"
#include "trace_disk.hpp"

using namespace tributary;
using namespace tributary::store;
using model::Log;

namespace {

struct Scenario {
    std::vector<FaultVfs::Op> trace;
    // state[i] was acknowledged when the trace had so many operations.
    std::vector<std::pair<size_t, Reference>> states;
};

// A life with everything that writes. lie: the n-th sync fails and its data is lost; -1: none.
class Recorder {
  public:
    Recorder(const std::string& path, int64_t lie) : path_(path) {
        vfs_.record(true);
        if (lie >= 0) vfs_.lie_at_sync(lie);
    }
    Scenario record() {
        said();
        store_ = open();
        if (!store_) store_ = open();  // the sync that fails may be one of these
        for (uint64_t number = 1; number <= 24; number++) {
            commit(
                intake_step(reference_, number, 3 + number % 4, number % 5 == 0 ? 40'000 : 900 * (number % 4)).batch);
            if (number % 10 == 0) reopen();
            if (number % 6 == 0) trim(number);
            if (number % 9 == 0) checkpoint();
            if (number == 14) {
                store_.reset();
                store_ = open();
                if (!store_) store_ = open();
            }
        }
        vfs_.record(false);
        scenario_.trace = vfs_.trace();
        return std::move(scenario_);
    }

  private:
    std::unique_ptr<Store> open() const {
        auto opened = Store::open({path_, int64_t{1} << 30, 1});
        return opened ? std::move(*opened) : nullptr;
    }
    void said() { scenario_.states.emplace_back(vfs_.trace().size(), reference_); }
    void reopen() {
        for (int i = 0; i < 3; i++)
            if (store_->reopen()) return;
        FAIL("reopen");
    }
    void commit(const Batch& batch) {
        if (!store_->commit(batch)) {
            reopen();
            const auto meta = open_reader(*store_)->meta();
            if (meta->find("transaction") == meta->end() || meta->at("transaction") != batch.meta.at("transaction"))
                REQUIRE(store_->commit(batch).ok());
        }
        reference_.apply(batch);
        said();
    }
    void trim(uint64_t number) {
        Batch batch;
        batch.trim_below[Log::intake] = reference_.blocks[Log::intake][number / 2].seq;
        batch.meta["transaction"] = "trim " + std::to_string(number);
        commit(batch);
    }
    void checkpoint() {
        const Checkpoint made{reference_.next_of(Log::intake), "v", body_of(Log::intake, 77, 9'000)};
        if (!store_->save_checkpoint(made)) {
            reopen();
            REQUIRE(store_->save_checkpoint(made).ok());
        }
        reference_.checkpoint = made;
        said();
    }

    const std::string path_;
    FaultVfs vfs_;
    std::unique_ptr<Store> store_;
    Reference reference_;
    Scenario scenario_;
};

// What is there must be a state that was, and none older than what was acknowledged.
void check_start(const std::string& folder, const Scenario& scenario, size_t acknowledged, bool thoroughly) {
    FaultVfs fast;  // does not wait for the disk
    auto store = open_store(folder + "/store.db");
    REQUIRE(store->report() == "");
    std::string differs;
    for (size_t i = acknowledged; i < scenario.states.size() && i <= acknowledged + 1; i++) {
        differs = scenario.states[i].second.differs(*store);
        if (differs.empty()) break;
    }
    REQUIRE(differs == "");
    const uint64_t next = store->next_seq(Log::intake);
    Batch batch;
    batch.appends = {append(Log::intake, 2, "after the cut")};
    CHECK(commit(*store, batch)[0].first_seq == next);
    store.reset();
    if (thoroughly) REQUIRE(unsound(folder + "/store.db") == "");
}

struct Counts {
    int64_t points = 0, starts = 0;
};

void cut_everywhere(const Scenario& scenario, size_t from, size_t stride, std::mt19937_64& random, Counts& counts) {
    TraceDisk disk;
    size_t acknowledged = 0;
    for (size_t i = 0; i <= scenario.trace.size(); i++) {
        if (i > 0) disk.take(scenario.trace[i - 1]);
        while (acknowledged + 1 < scenario.states.size() && scenario.states[acknowledged + 1].first <= i)
            acknowledged++;
        if (i < from || (i - from) % stride != 0) continue;
        counts.points++;
        CAPTURE(i);
        for (const auto rest :
             {TraceDisk::Rest::nothing, TraceDisk::Rest::everything, TraceDisk::Rest::some, TraceDisk::Rest::some}) {
            CAPTURE(static_cast<int>(rest));
            const MemoryFolder folder;
            disk.leave(folder.path, rest, random);
            check_start(folder.path, scenario, acknowledged, long_run() || random() % 8 == 0);
            counts.starts++;
        }
    }
}

}  // namespace

TEST_CASE("power cut at every write and every sync") {
    const uint64_t number = seed_of_run();
    CAPTURE(number);
    std::mt19937_64 random(number);
    const Quiet quiet;
    const MemoryFolder folder;
    const Scenario scenario = Recorder(folder.file(), -1).record();
    Counts counts;
    for (int round = long_run() ? 30 : 1; round > 0; round--)
        cut_everywhere(scenario, 0, long_run() ? 1 : kSlower, random, counts);
    std::printf("store power cuts: %lld points, %lld starts, seed %llu\n", static_cast<long long>(counts.points),
                static_cast<long long>(counts.starts), static_cast<unsigned long long>(number));
    CHECK(counts.points > 100);
}

TEST_CASE("a sync that fails and whose pages are called clean all the same, then a power cut") {
    const uint64_t number = seed_of_run();
    CAPTURE(number);
    std::mt19937_64 random(number);
    const Quiet quiet;
    Counts counts;
    int64_t syncs = 0;
    for (int64_t lie = 0;; lie += long_run() ? 1 : static_cast<int64_t>(kSlower)) {
        CAPTURE(lie);
        const MemoryFolder folder;
        const Scenario scenario = Recorder(folder.file(), lie).record();
        size_t at = 0;
        while (at < scenario.trace.size() && (scenario.trace[at].call != Call::sync || scenario.trace[at].durable))
            at++;
        if (at == scenario.trace.size()) break;
        syncs++;
        const size_t left = scenario.trace.size() - at;
        cut_everywhere(scenario, at + 1, long_run() ? 1 : left / 4 + 1, random, counts);
    }
    std::printf("store lost syncs: %lld syncs, %lld points, %lld starts, seed %llu\n", static_cast<long long>(syncs),
                static_cast<long long>(counts.points), static_cast<long long>(counts.starts),
                static_cast<unsigned long long>(number));
    CHECK(syncs > 8);
}
