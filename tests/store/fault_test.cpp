// SPDX-License-Identifier: Apache-2.0
// A disk that says no: every call of SQLite to it fails once, in every way, and for a while. Whatever fails, the store
// says so with the right code, works again when the disk does, and has each transaction exactly once. The counts of
// the cases are printed; TRIBUTARY_STORE_LONG=1 tries all lengths.
#include <cstdio>
#include <set>

#include "fault_vfs.hpp"
#include "reference.hpp"

using namespace tributary;
using namespace tributary::store;
using model::Log;

namespace {

constexpr int kTries = 400;  // longer than any fault lasts

// One life of a gateway's writer on one file, with its way of asking what became of a transaction in doubt.
class Life {
  public:
    explicit Life(std::string path) : path_(std::move(path)) {}

    void run() {
        open();
        for (uint64_t number = 1; number <= 9; number++) {
            step(number);
            if (number == 4) reopen();
            if (number == 6) trim(3, number);
            if (number == 7) checkpoint();
        }
        reader();
        store_.reset();
        open();
        step(10);
        trim(5, 10);
    }
    void finish() {
        if (!store_) open();
        differs = reference_.differs(*store_);
        store_.reset();
        if (differs.empty()) differs = unsound(path_);
    }
    // Codes and sentences of everything that failed.
    std::set<std::string> codes, sentences;
    std::string differs, report;
    const Store& store() const { return *store_; }

  private:
    template <class Try>
    void until_it_works(const char* what, Try attempt) {
        for (int i = 0; i < kTries; i++)
            if (attempt()) return;
        FAIL(what << " never works again");
    }
    void failed(const base::Error& error) { codes.insert(error.code), sentences.insert(error.message); }
    void note_report() {
        if (!store_->report().empty()) report = store_->report();
    }
    void open() {
        until_it_works("open", [&] {
            auto opened = Store::open({path_, int64_t{1} << 30, 1});
            if (!opened) return failed(opened.error()), false;
            store_ = std::move(*opened);
            note_report();
            return true;
        });
    }
    void reopen() {
        until_it_works("reopen", [&] {
            auto done = store_->reopen();
            if (!done) failed(done.error());
            return done.ok();
        });
        note_report();
    }
    bool is_there(const Batch& batch) {
        bool there = false;
        until_it_works("meta", [&] {
            auto opened = store_->reader();
            if (!opened) return failed(opened.error()), false;
            auto meta = (*opened)->meta();
            if (!meta) return failed(meta.error()), reopen(), false;
            there = (*meta)["transaction"] == batch.meta.at("transaction");
            return true;
        });
        return there;
    }
    void commit(const Batch& batch) {
        until_it_works("commit", [&] {
            auto done = store_->commit(batch);
            if (done) return true;
            failed(done.error());
            reopen();
            return is_there(batch);
        });
        reference_.apply(batch);
    }
    void step(uint64_t number) { commit(intake_step(reference_, number, 3 + number % 4, 1'500 * (number % 4)).batch); }
    void trim(uint64_t blocks, uint64_t number) {
        Batch batch;
        batch.trim_below[Log::intake] = reference_.blocks[Log::intake][blocks].seq;
        batch.meta["transaction"] = "trim " + std::to_string(number);
        commit(batch);
    }
    void checkpoint() {
        const Checkpoint checkpoint{reference_.next_of(Log::intake), "v", body_of(Log::intake, 77, 9'000)};
        until_it_works("checkpoint", [&] {
            auto done = store_->save_checkpoint(checkpoint);
            if (!done) failed(done.error()), reopen();
            return done.ok();
        });
        reference_.checkpoint = checkpoint;
    }
    void reader() {
        until_it_works("reading", [&] {
            auto opened = store_->reader();
            if (!opened) return failed(opened.error()), false;
            for (const auto& kept : reference_.blocks[Log::intake]) {
                auto block = (*opened)->block_at(Log::intake, kept.seq);
                if (!block) return failed(block.error()), false;
            }
            return true;
        });
    }

    const std::string path_;
    std::unique_ptr<Store> store_;
    Reference reference_;
};

std::set<std::string> right_codes(Call call, Fault fault) {
    if (fault == Fault::enospc || fault == Fault::edquot) return {kFull};
    if (call == Call::open) return {kPath};
    return {kBroken};
}

int set_aside_files(const std::string& folder) {
    int found = 0;
    for (const auto& entry : std::filesystem::directory_iterator(folder))
        found += entry.path().filename().string().find(".damaged-") != std::string::npos ? 1 : 0;
    return found;
}

// False: the life was over before the fault came.
bool one_case(Call call, Fault fault, int64_t first, int64_t calls) {
    CAPTURE(kCallNames[static_cast<size_t>(call)]);
    CAPTURE(kFaultNames[static_cast<size_t>(fault)]);
    CAPTURE(first);
    CAPTURE(calls);
    const MemoryFolder folder;
    FaultVfs vfs;
    vfs.fail(call, fault, first, calls);
    Life life(folder.file());
    life.run();
    const bool fired = vfs.fired() > 0;
    vfs.heal();
    life.finish();
    REQUIRE(life.differs == "");
    const auto right = right_codes(call, fault);
    for (const auto& code : life.codes) {
        CAPTURE(*life.sentences.begin());
        // A reader that finds nothing where a page should be says what it found.
        if (fault == Fault::short_read && code == kFormat) continue;
        CHECK_MESSAGE(right.count(code) == 1, code);
    }
    if (fault != Fault::short_read) {
        CHECK(life.report == "");
        CHECK(set_aside_files(folder.path) == 0);
    }
    return fired;
}

struct Kind {
    Call call;
    Fault fault;
};
constexpr std::array<Kind, 16> kKinds{{{Call::open, Fault::eio},
                                       {Call::open, Fault::enospc},
                                       {Call::read, Fault::eio},
                                       {Call::read, Fault::short_read},
                                       {Call::write, Fault::eio},
                                       {Call::write, Fault::enospc},
                                       {Call::write, Fault::edquot},
                                       {Call::write, Fault::half_write},
                                       {Call::sync, Fault::eio},
                                       {Call::sync, Fault::enospc},
                                       {Call::sync, Fault::edquot},
                                       {Call::truncate, Fault::eio},
                                       {Call::remove, Fault::eio},
                                       {Call::size, Fault::eio},
                                       {Call::lock, Fault::eio},
                                       {Call::shm, Fault::enospc}}};

}  // namespace

TEST_CASE("every call to the disk fails once, and for a while: no false success, nothing lost, nothing twice") {
    const Quiet quiet;
    const std::vector<int64_t> lengths =
        long_run() ? std::vector<int64_t>{1, 2, 3, 5, 8, 13, 21, 34, 100, 300} : std::vector<int64_t>{1, 4, 40};
    int64_t all = 0;
    for (const auto& [call, fault] : kKinds) {
        int64_t cases = 0;
        for (const int64_t calls : lengths) {
            // The longer a fault the less it matters where exactly it begins.
            const int64_t stride = long_run() ? 1 : (calls == 1 ? 1 : 1 + calls / 2) * static_cast<int64_t>(kSlower);
            for (int64_t first = 0; one_case(call, fault, first, calls); first += stride) cases++;
        }
        std::printf("store faults: %-8s %-10s %5lld cases\n", kCallNames[static_cast<size_t>(call)],
                    kFaultNames[static_cast<size_t>(fault)], static_cast<long long>(cases));
        CHECK(cases > 0);
        all += cases;
    }
    std::printf("store faults: %lld cases in all\n", static_cast<long long>(all));
}

TEST_CASE(
    "a checkpoint that fails behind a commit leaves the commit as it is, and no later error is called by its name") {
    const Quiet quiet;
    const MemoryFolder folder;
    FaultVfs vfs;
    auto store = open_store(folder.file(), 4 << 20);
    Reference reference;
    uint64_t number = 0;
    const auto next = [&] { return intake_step(reference, ++number, 5, 20'000); };
    vfs.limit("store.db", static_cast<int64_t>(std::filesystem::file_size(folder.file())));
    int64_t beyond = 0;
    for (int i = 0; i < 32; i++) {  // beyond an eighth of max_size in the WAL each of them wants to bring it home
        const auto step = next();
        commit(*store, step.batch);
        reference.apply(step.batch);
        beyond += std::filesystem::file_size(folder.file() + "-wal") > 512 << 10 ? 1 : 0;
    }
    CHECK(beyond > 3);
    CHECK(reference.differs(*store) == "");
    vfs.heal();
    vfs.fail(Call::write, Fault::eio, 0, 1'000);
    const auto step = next();
    const auto refused = store->commit(step.batch);
    REQUIRE(!refused.ok());
    CHECK(refused.error().code == kBroken);
    vfs.heal();
    CHECK(store->reopen().ok());
    commit(*store, step.batch);
    reference.apply(step.batch);
    CHECK(reference.differs(*store) == "");
}

TEST_CASE("a failure that was survived is not said of the next one, which is called by its own name") {
    const Quiet quiet;
    int64_t survived = 0;
    for (const Call call : {Call::read, Call::write, Call::sync, Call::truncate, Call::size})
        for (int64_t first = 0; first < 16; first++)
            for (const Fault then : {Fault::enospc, Fault::edquot}) {
                CAPTURE(kCallNames[static_cast<size_t>(call)]);
                CAPTURE(first);
                const MemoryFolder folder;
                FaultVfs vfs;
                auto store = open_store(folder.file(), 4 << 20);
                Reference reference;
                // So much in the WAL that each commit wants to bring it home.
                vfs.limit("store.db", static_cast<int64_t>(std::filesystem::file_size(folder.file())));
                uint64_t number = 0;
                const auto next = [&] {
                    auto step = intake_step(reference, ++number, 5, 100'000);
                    reference.apply(step.batch);
                    return step;  // its batch points into it
                };
                for (int i = 0; i < 7; i++) commit(*store, next().batch);
                vfs.heal();
                vfs.fail(call, Fault::eio, first, 1);
                const bool done = store->commit(next().batch).ok();
                (void)store->usage();
                survived += done && vfs.fired() > 0 ? 1 : 0;
                vfs.heal();
                if (!done) REQUIRE(store->reopen().ok());
                vfs.fail(Call::sync, then, 0, 1'000);
                const auto refused = store->commit(next().batch);
                REQUIRE(!refused.ok());
                CHECK_MESSAGE(refused.error().code == kFull, refused.error().text());
            }
    CHECK(survived > 0);
    std::printf("store faults: %lld survived without a word\n", static_cast<long long>(survived));
}
