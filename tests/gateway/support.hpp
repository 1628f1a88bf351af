// SPDX-License-Identifier: Apache-2.0
// What the tests of the gateway share: a folder that goes away, a store that can be told to fail, a session that
// writes down what is acknowledged, waiting with a bound.
#pragma once

#include <doctest/doctest.h>
#include <stdlib.h>

#include <chrono>
#include <deque>
#include <filesystem>
#include <functional>
#include <thread>

#include "base/log.hpp"
#include "gateway/block_cache.hpp"
#include "gateway/open_block.hpp"
#include "gateway/writer.hpp"

namespace tributary::gateway {

struct TempFolder {
    explicit TempFolder(const std::filesystem::path& in = std::filesystem::temp_directory_path()) {
        std::string pattern = (in / "tributary-gateway-XXXXXX").string();
        REQUIRE(mkdtemp(pattern.data()) != nullptr);
        path = pattern;
    }
    ~TempFolder() {
        std::error_code ignored;
        std::filesystem::remove_all(path, ignored);
    }
    TempFolder(const TempFolder&) = delete;
    TempFolder& operator=(const TempFolder&) = delete;

    std::string path;
};

inline bool eventually(const std::function<bool()>& condition) {
    for (int i = 0; i < 20'000; i++) {
        if (condition()) return true;
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return false;
}

template <class T>
T take(base::Result<T> result) {
    if (!result) FAIL(result.error().text());
    return std::move(*result);
}

inline std::unique_ptr<store::Store> open_store(const std::string& path) {
    return take(store::Store::open({path, int64_t{1} << 30, 1}));
}

inline model::Message message(std::string_view topic, std::string_view payload, uint16_t id = 0) {
    model::Message m;
    m.topic = topic, m.payload = payload, m.message_id = id, m.qos = id == 0 ? 0 : 1;
    return m;
}

// Intake records one after another in a block that is appended when commit() is called.
class Intake {
  public:
    explicit Intake(store::Store& store) : store_(store) {}
    template <class Body>
    Intake& add(const Body& body, int64_t arrival_ns = 1'700'000'000 * base::kNsPerSecond) {
        if constexpr (std::is_same_v<Body, model::ConfigRecord>)
            configs_.emplace_back(store_.next_seq(model::Log::intake) + block_.count(), body.text);
        block_.add(arrival_ns, body);
        return *this;
    }
    uint64_t commit(std::map<std::string, std::string> meta = {}) {
        store::Batch batch;
        const uint32_t count = block_.count();
        const int64_t first = block_.first_time_ns(), last = block_.last_time_ns();
        const std::string body = block_.take();
        batch.appends.push_back({model::Log::intake, count, first, last, 0, body});
        batch.configs = std::exchange(configs_, {});
        batch.meta = std::move(meta);
        return take(store_.commit(batch)).at(0).first_seq;
    }

  private:
    store::Store& store_;
    model::IntakeBlockWriter block_;
    std::vector<std::pair<uint64_t, std::string>> configs_;
};

enum class Fault {
    none,
    before,  // nothing is written and an error is reported
    doubt,   // all is written and an error is reported
    full,    // kFull, when something is appended
};

class FaultyReader final : public store::Reader {
  public:
    FaultyReader(std::unique_ptr<store::Reader> real, const std::atomic<int>& blind, const std::atomic<uint64_t>& bad)
        : real_(std::move(real)), blind_(blind), bad_(bad) {}
    base::Result<std::optional<store::Block>> block_at(model::Log log, uint64_t seq) override {
        auto block = real_->block_at(log, seq);
        if (block && *block && (**block).first_seq == bad_) return base::Error{store::kFormat, "damaged on purpose"};
        return block;
    }
    base::Result<std::optional<store::Block>> block_of_class(model::Log log, uint64_t seq,
                                                             uint8_t block_class) override {
        return real_->block_of_class(log, seq, block_class);
    }
    base::Result<uint64_t> seq_behind(model::Log log, uint64_t seq) override {
        auto block = real_->block_at(log, seq);
        if (!block) return block.error();
        return *block ? (**block).end_seq() : seq;
    }
    base::Result<std::vector<store::Block>> newest(model::Log log, uint64_t n) override {
        return real_->newest(log, n);
    }
    base::Result<> facts(model::Log log, bool newest_first,
                         const std::function<bool(const store::BlockFacts&)>& each) override {
        return real_->facts(log, newest_first, each);
    }
    base::Result<store::Cursors> cursors() override { return real_->cursors(); }
    base::Result<std::optional<store::Checkpoint>> checkpoint() override { return real_->checkpoint(); }
    base::Result<model::Ledger> ledger() override { return real_->ledger(); }
    base::Result<std::map<std::string, std::string>> meta() override {
        if (blind_ > 0) {
            const_cast<std::atomic<int>&>(blind_)--;
            return base::Error{store::kBroken, "cannot read on purpose"};
        }
        return real_->meta();
    }
    base::Result<std::optional<std::pair<uint64_t, std::string>>> config_at(uint64_t seq) override {
        return real_->config_at(seq);
    }
    base::Result<uint64_t> next_seq(model::Log log) override { return real_->next_seq(log); }

  private:
    std::unique_ptr<store::Reader> real_;
    const std::atomic<int>& blind_;
    const std::atomic<uint64_t>& bad_;
};

// The real store with faults in front of it. Tests look into it while its writer works, so one at a time is in it.
class FaultyStore final : public store::Store {
    auto in_real(const auto& what) const {
        const std::lock_guard lock(real_mutex_);
        return what(*real_);
    }

  public:
    explicit FaultyStore(std::string path) : real_(open_store(path)), path_(std::move(path)) {}

    void fault(Fault next) {
        const std::lock_guard lock(mutex_);
        faults_.push_back(next);
    }
    std::vector<std::string> trace() const {
        const std::lock_guard lock(mutex_);
        return trace_;
    }
    size_t faults_left() const {
        const std::lock_guard lock(mutex_);
        return faults_.size();
    }

    base::Result<std::vector<store::Appended>> commit(const store::Batch& batch) override {
        Fault now = Fault::none;
        {
            const std::lock_guard lock(mutex_);
            if (!faults_.empty() && (faults_.front() != Fault::full || !batch.appends.empty())) {
                now = faults_.front();
                faults_.pop_front();
            }
            std::string line;
            for (const auto& append : batch.appends) line += base::format("+{} ", model::log_name(append.log));
            for (const auto& [name, seq] : batch.cursors) line += base::format("{}={} ", name, seq);
            if (!batch.trim_below.empty()) line += "trim ";
            line += now == Fault::none ? "ok" : now == Fault::full ? "full" : now == Fault::doubt ? "doubt" : "failed";
            trace_.push_back(line);
        }
        uncertain = now != Fault::none;
        if (now == Fault::before) return base::Error{store::kBroken, "failed on purpose"};
        if (now == Fault::full) return base::Error{store::kFull, "full on purpose"};
        if (slow_ms > 0) std::this_thread::sleep_for(std::chrono::milliseconds(slow_ms));
        auto done = in_real([&](store::Store& real) { return real.commit(batch); });
        if (done)
            for (const auto& append : batch.appends)
                if (append.log == model::Log::intake) durable_records += append.count;
        if (now == Fault::doubt) return base::Error{store::kBroken, "in doubt on purpose"};
        return done;
    }
    base::Result<> reopen() override {
        if (reopen_fails > 0) {
            reopen_fails--;
            return base::Error{store::kPath, "no way back on purpose"};
        }
        uncertain = false;
        return in_real([](store::Store& real) { return real.reopen(); });
    }
    base::Result<> save_checkpoint(const store::Checkpoint& c) override {
        return in_real([&](store::Store& real) { return real.save_checkpoint(c); });
    }
    uint64_t next_seq(model::Log log) const override {
        return in_real([&](store::Store& real) { return real.next_seq(log); });
    }
    uint64_t first_seq(model::Log log) const override {
        return in_real([&](store::Store& real) { return real.first_seq(log); });
    }
    const std::string& incarnation() const override { return real_->incarnation(); }
    std::string report() const override {
        return set_aside ? "set aside on purpose" : in_real([](store::Store& real) { return real.report(); });
    }
    store::Usage usage() const override {
        return in_real([](store::Store& real) { return real.usage(); });
    }
    base::Result<std::unique_ptr<store::Reader>> reader() const override {
        auto real = real_->reader();
        if (!real) return real.error();
        return std::unique_ptr<store::Reader>(std::make_unique<FaultyReader>(std::move(*real), blind, bad_block));
    }

    std::atomic<bool> uncertain{false}, set_aside{false};
    std::atomic<int> reopen_fails{0};
    std::atomic<int> slow_ms{0};         // what each commit takes at least
    std::atomic<int> blind{0};           // so many readings of meta fail
    std::atomic<uint64_t> bad_block{0};  // first seq of a block whose checksum does not fit
    std::atomic<uint64_t> durable_records{0};

  private:
    std::unique_ptr<store::Store> real_;
    const std::string path_;
    mutable std::mutex real_mutex_, mutex_;
    std::deque<Fault> faults_;
    std::vector<std::string> trace_;
};

class FakeSession final : public mqtt::Session {
  public:
    explicit FakeSession(const FaultyStore* store = nullptr) : store_(store) {}
    void remember(const model::Message&) override {}
    void tick() override {}
    bool release(std::span<const mqtt::Ticket> tickets) override {
        const std::lock_guard lock(mutex_);
        for (const auto& ticket : tickets) released_.push_back(ticket.message_id);
        if (store_ != nullptr && !tickets.empty() && store_->uncertain) too_early = true;
        if (store_ != nullptr && released_.size() > store_->durable_records + duplicates) too_early = true;
        return true;
    }
    void set_filters(std::vector<std::string>) override {}
    void stop_intake() override {}
    void reconnect() override {}
    void disconnect() override {}
    mqtt::SessionStatus status() const override { return {}; }
    std::vector<std::string> newly_subscribed() override { return std::exchange(subscribed, {}); }

    std::vector<uint16_t> released() const {
        const std::lock_guard lock(mutex_);
        return released_;
    }

    std::atomic<bool> too_early{false};
    std::atomic<uint64_t> duplicates{0};
    std::vector<std::string> subscribed;  // set before the writer starts

  private:
    const FaultyStore* store_;
    mutable std::mutex mutex_;
    std::vector<uint16_t> released_;
};

// A writer over a store that can fail.
struct Rig {
    explicit Rig(OpenBlockLimits limits = {}, WriterSettings writer_settings = {0, 3600 * base::kNsPerSecond, 1 << 30})
        : open(limits, clock, arrival), settings(writer_settings) {}
    ~Rig() { writer = nullptr; }

    void make() {
        writer = std::make_unique<Writer>(settings, store, take(store.reader()), open, cache, metrics, clock, arrival);
    }
    void start() {
        if (!writer) make();
        writer->start(
            &session, [] {}, [] {});
    }
    void send(uint16_t id, std::string_view topic = "a/b", std::string_view payload = "21.5") {
        const mqtt::Ticket ticket{1, id};
        CHECK(open.message(message(topic, payload, id), &ticket));
    }
    bool drain() { return writer->drain(60 * base::kNsPerSecond); }
    std::unique_ptr<store::Reader> reader() { return take(store.reader()); }
    // Payloads of all messages in the log, in order.
    std::vector<std::string> stored() {
        std::vector<std::string> out;
        auto reader = this->reader();
        for (uint64_t seq = 1; auto block = take(reader->block_at(model::Log::intake, seq));) {
            model::IntakeBlockReader records(block->body, block->first_seq);
            for (model::IntakeRecord record; records.next(record);)
                if (const auto* m = record.message()) out.emplace_back(m->payload);
            CHECK(records.ok());
            seq = block->end_seq();
        }
        return out;
    }

    TempFolder folder;
    base::SystemClock clock;
    ArrivalClock arrival{clock};
    metrics::Registry metrics;
    BlockCache cache{1 << 20};
    OpenBlock open;
    WriterSettings settings;
    FaultyStore store{folder.path + "/store.db"};
    FakeSession session{&store};
    std::unique_ptr<Writer> writer;
};

inline model::Window window(int n) {
    model::Window w;
    w.origin.series = base::format("series/{}", n);
    w.window = "10s";
    w.start_ns = n * base::kNsPerSecond, w.end_ns = w.start_ns + 10 * base::kNsPerSecond;
    w.count = 1;
    return w;
}

inline EngineOutputs engine_outputs(uint64_t cursor, int first, int count) {
    EngineOutputs out;
    model::OutputBlockWriter block;
    for (int i = 0; i < count; i++) block.add(window(first + i));
    if (count > 0) out.blocks[model::Log::windows] = {block.take(), static_cast<uint32_t>(count)};
    out.cursor = cursor;
    out.ledger.settle("s", model::Fate::summarised, static_cast<uint64_t>(count));
    out.ledger.received("s", static_cast<uint64_t>(count));
    return out;
}

// Encoded records of an output log, in order, by their seq.
inline std::vector<std::string> outputs_of(store::Reader& reader, model::Log log) {
    std::vector<std::string> out;
    for (uint64_t seq = 1; auto block = take(reader.block_at(log, seq));) {
        CHECK(model::for_each_output(block->body, [&](uint32_t, std::string_view bytes) { out.emplace_back(bytes); }));
        seq = block->end_seq();
    }
    return out;
}

}  // namespace tributary::gateway
