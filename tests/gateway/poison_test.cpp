// SPDX-License-Identifier: Apache-2.0
#include "gateway/poison.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include "gateway/engine_loop.hpp"
#include "gateway/support.hpp"

using namespace tributary;
using namespace tributary::gateway;

namespace {

constexpr int64_t kNow = 1'700'000'000 * base::kNsPerSecond;

// As an engine with a fault: the process dies at this payload.
class Faulty final : public engine::Engine {
  public:
    void process(const model::IntakeRecord& record, engine::Sink& sink, model::Ledger& ledger) override {
        const auto* message = record.message();
        if (message != nullptr && message->payload == "boom" && skipped_.count(record.seq) == 0) _exit(3);
        engine_->process(record, sink, ledger);
    }
    void skip(uint64_t seq) override { skipped_[seq] = true, engine_->skip(seq); }
    void flush(engine::Sink& sink, model::Ledger& ledger) override { engine_->flush(sink, ledger); }
    int64_t next_deadline_ns() const override { return engine_->next_deadline_ns(); }
    uint64_t context_floor() const override { return engine_->context_floor(); }
    std::string checkpoint() const override { return engine_->checkpoint(); }
    base::Result<> restore(std::string_view state) override { return engine_->restore(state); }
    engine::Stats stats() const override { return engine_->stats(); }
    int64_t watermark_ns() const override { return engine_->watermark_ns(); }

  private:
    std::unique_ptr<engine::Engine> engine_ = engine::make_engine();
    std::map<uint64_t, bool> skipped_;
};

// One life of the gateway's inner half, as Runtime wires it. Returns how many messages of `dead` it left.
void live(const std::string& path) {
    base::ManualClock clock(kNow);
    ArrivalClock arrival(clock);
    metrics::Registry metrics;
    BlockCache cache{4096};
    auto store = open_store(path);
    Poison poison(path);
    store::Batch batch;
    batch.meta = poison.judge(take(take(store->reader())->meta()));
    if (!batch.empty()) take(store->commit(batch));
    OpenBlock open({}, clock, arrival);
    Writer writer(WriterSettings{0, 3600 * base::kNsPerSecond, 1 << 30}, *store, take(store->reader()), open, cache,
                  metrics, clock, arrival);
    EngineLoop loop(BlockSource(cache, take(store->reader()), metrics), writer, open, arrival, clock, metrics, &poison,
                    std::make_unique<Faulty>());
    if (!loop.recover()) _exit(4);
    writer.start(
        nullptr, [&] { loop.wake(); }, [] {});
    loop.start([] {});
    const bool done = loop.finish(60 * base::kNsPerSecond) && writer.drain(60 * base::kNsPerSecond);
    writer.stop();
    _exit(done ? 0 : 5);
}

int run(const std::string& path) {
    const pid_t child = fork();
    if (child == 0) live(path);
    int status = 0;
    REQUIRE(waitpid(child, &status, 0) == child);
    REQUIRE(WIFEXITED(status));
    return WEXITSTATUS(status);
}

}  // namespace

TEST_CASE("poison: a message that ends the process twice is set aside, the others go on") {
    TempFolder folder;
    const auto path = folder.path + "/store.db";
    {
        auto store = open_store(path);
        Intake intake(*store);
        intake.add(model::ConfigRecord{engine::kEngineVersion,
                                       "[gateway]\nid = \"g\"\n[[stream]]\nname = \"s\"\ntopics = [\"a\"]\n"
                                       "forward = \"events\"\n[[stream.detect]]\ntype = \"threshold\"\nhigh = 9\n"},
                   kNow);
        for (const char* payload : {"1", "2", "boom", "10", "boom", "1"}) intake.add(message("a", payload), kNow);
        intake.commit();
    }
    std::vector<int> ends;
    for (int i = 0; i < 5; i++) ends.push_back(run(path));
    CHECK(ends == std::vector{3, 3, 3, 3, 0});  // two for each of them
    auto store = open_store(path);
    const auto reader = take(store->reader());
    CHECK(Poison::skips_of(take(reader->meta())) == std::vector<uint64_t>{4, 6});
    std::vector<std::string> reasons;
    size_t events = 0;
    for (const auto log : {model::Log::dead, model::Log::events})
        for (uint64_t seq = 1; auto block = take(reader->block_at(log, seq));) {
            seq = block->end_seq();
            model::for_each_output(block->body, [&](uint32_t, std::string_view bytes) {
                const auto output = take(model::decode_output(bytes));
                if (const auto* dead = std::get_if<model::DeadLetter>(&output))
                    reasons.push_back(dead->reason + " " + dead->payload);
                else
                    events++;
            });
        }
    CHECK(reasons == std::vector<std::string>{"poison boom", "poison boom"});
    CHECK(events == 2);  // 10 came and went
    CHECK(take(reader->ledger()).streams.at("s").pending() == 0);
}

TEST_CASE("poison: one unclean end is no proof, and a clean one clears the suspicion") {
    TempFolder folder;
    const auto path = folder.path + "/store.db";
    Poison::Meta meta;
    const auto life = [&](uint64_t ended_at) {
        Poison poison(path);
        for (const auto& [key, value] : poison.judge(meta)) meta[key] = value;
        poison.at(ended_at);
        return poison.new_skips();
    };
    CHECK(life(5).empty());
    CHECK(life(0).empty());  // knows of 5
    CHECK(life(5).empty());  // the run before ended well
    CHECK(life(6).empty());
    CHECK(life(6).empty());
    CHECK(life(6) == std::vector<uint64_t>{6});
    CHECK(life(3).empty());  // it is set aside: no more to be said
    CHECK(life(3).empty());
    CHECK(life(0) == std::vector<uint64_t>{3});
    CHECK(Poison::skips_of(meta) == std::vector<uint64_t>{3, 6});
    CHECK(meta["suspect"].empty());
}

TEST_CASE("poison: without its file nothing is found out and nothing breaks") {
    Poison poison("/proc/no such folder/store.db");
    CHECK(poison.judge({{"suspect", "x 3 4"}, {"skips", "8 nonsense 9"}}).size() == 1);
    CHECK(poison.skips() == std::vector<uint64_t>{8, 9});
    poison.at(3);
}
