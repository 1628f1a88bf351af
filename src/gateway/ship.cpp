// SPDX-License-Identifier: Apache-2.0
// `tributary store ship`: what a box that is gone had not delivered, sent from another machine. The same writer, engine
// and kafka as in the gateway, without MQTT, so ids are those the box would have given. Time stands still at the newest
// arrival in the store: nothing is missing, and no window idle, because the file lay in a drawer.
#include <unistd.h>

#include <iostream>

#include "base/log.hpp"
#include "base/units.hpp"
#include "config/load.hpp"
#include "gateway/damage.hpp"
#include "gateway/end_signals.hpp"
#include "gateway/engine_loop.hpp"
#include "gateway/kafka_loop.hpp"
#include "gateway/status.hpp"
#include "gateway/store_commands.hpp"
#include "store/inspect.hpp"

namespace tributary::gateway {
namespace {

constexpr size_t kCacheBytes = 1 << 20;
constexpr int64_t kForEver = INT64_MAX / 4, kAnySize = INT64_C(1) << 50;

class Shipment {
  public:
    explicit Shipment(const config::Settings& settings)
        : settings_(settings), frozen_(0), cache_(kCacheBytes), open_(OpenBlockLimits(), clock_, arrival_) {}

    base::Result<> open();
    void start();
    // Records, as far as one knows.
    uint64_t waiting() const { return gateway::waiting(log_status(*writer_, settings_.kafka)); }
    base::Result<bool> done();  // all of them have
    bool close_all();           // true: windows and events that were open are closed, in the log
    void stop();
    kafka::Status status() const { return kafka_->status(); }
    std::string trouble() const { return trouble_of(metrics_); }

  private:
    base::Result<BlockSource> source() { return BlockSource::open(cache_, *store_, metrics_, poison_->skips()); }

    const config::Settings settings_;
    base::SystemClock clock_;
    base::ManualClock frozen_;
    ArrivalClock arrival_{frozen_};
    metrics::Registry metrics_;
    BlockCache cache_;
    OpenBlock open_;
    bool closing_ = false;
    std::unique_ptr<store::Store> store_;
    std::unique_ptr<store::Reader> reader_;
    std::unique_ptr<Poison> poison_;
    std::unique_ptr<Writer> writer_;
    std::unique_ptr<EngineLoop> engine_;
    std::unique_ptr<KafkaLoop> kafka_;
};

base::Result<> Shipment::open() {
    auto store = store::Store::open({settings_.store.path, kAnySize});
    if (!store) return store.error();
    store_ = std::move(*store);
    if (const auto report = store_->report(); !report.empty()) base::log::warning("store: {}", report);
    auto reader = store_->reader(), writers = store_->reader();
    if (!reader) return reader.error();
    if (!writers) return writers.error();
    reader_ = std::move(*reader);
    if (auto same = same_gateway(*reader_, settings_, settings_.store.path); !same) return same;
    const auto known = reader_->meta();
    if (!known) return known.error();
    if (auto mended = mend_books(*store_, *reader_); !mended) return mended.error();
    poison_ = std::make_unique<Poison>(settings_.store.path);
    store::Batch batch;
    batch.meta = poison_->judge(*known);
    if (!batch.empty())
        if (auto stored = store_->commit(batch); !stored) return stored.error();
    // Nothing is thinned or deleted: this is all there is.
    writer_ = std::make_unique<Writer>(
        WriterSettings{settings_.store.gather_ns, kForEver, kAnySize, false, false, WhenFull::block}, *store_,
        std::move(*writers), open_, cache_, metrics_, clock_, arrival_);
    writer_->set_poison(poison_->skips());
    auto engines = source(), kafkas = source();
    if (!engines) return engines.error();
    if (!kafkas) return kafkas.error();
    engine_ =
        std::make_unique<EngineLoop>(std::move(*engines), *writer_, open_, arrival_, clock_, metrics_, poison_.get());
    if (auto recovered = engine_->recover(); !recovered) return recovered.error();
    const auto clocks = writer_->clocks();
    auto newest = clocks->newest_ns().value_or(0);
    if (const auto blocks = reader_->newest(model::Log::intake, 1))
        for (const auto& block : *blocks) newest = std::max(newest, block.last_time_ns);
    arrival_.set_anchor_ns(newest - frozen_.boot_ns());
    open_.resume(newest);
    auto kafka = KafkaLoop::create(
        settings_, store_->incarnation(), std::move(*kafkas), *writer_, [this] { return engine_->position(); },
        metrics_, clock_);
    if (!kafka) return kafka.error();
    kafka_ = std::move(*kafka);
    return {};
}

void Shipment::start() {
    for (const uint64_t seq : poison_->new_skips()) open_.control(model::SkipRecord{seq}, true);
    writer_->start(
        nullptr, [this] { engine_->wake(); }, [this] { kafka_->wake(); });
    engine_->start([this] { kafka_->wake(); });
    kafka_->start();
}

base::Result<bool> Shipment::done() {
    if (writer_->lost()) return base::Error{"TRB-STORE-005", "the store had to be set aside; start again"};
    const auto clocks = writer_->clocks();
    // A box whose clock was never right: nobody will set it any more.
    if (engine_->idle() && clocks->held_from() <= engine_->position() && arrival_.now_ns() < clocks->hold_until_ns()) {
        frozen_.advance(clocks->hold_until_ns() - arrival_.now_ns());
        engine_->wake();
    }
    return engine_->idle() && engine_->position() >= writer_->next_seq(model::Log::intake) && waiting() == 0;
}

// A configuration without streams, recorded like any other, ends what the streams have open: in the file, so once,
// whoever is interrupted. A box that lives on with it all the same records its own one again.
bool Shipment::close_all() {
    auto nothing = settings_;
    nothing.streams.clear();
    const auto text = config::engine_text(nothing);
    const auto recorded = reader_->config_at(UINT64_MAX >> 1);
    if (recorded && *recorded && (**recorded).second == text)
        return writer_->next_seq(model::Log::intake) > (**recorded).first;
    if (!std::exchange(closing_, true)) open_.control(model::ConfigRecord{engine::kEngineVersion, text}, true);
    return false;
}

void Shipment::stop() {
    constexpr int64_t kFlush = 5 * base::kNsPerSecond;
    engine_->finish(kFlush);
    writer_->drain(kFlush);
    kafka_->finish(kFlush);
    writer_->drain(kFlush);
    writer_->stop();
}

}  // namespace

int store_ship(const StoreOptions& options) {
    auto loaded = config::load(options.config_path);
    std::cerr << config::render(loaded.diagnostics);
    if (!loaded.ok()) return 2;
    auto settings = std::move(*loaded.settings);
    settings.store.path = options.path;
    if (!options.brokers.empty()) settings.kafka.brokers = options.brokers;
    if (const auto there = store::overview(options.path); !there)  // says what is wrong with it, and makes no new one
        return store_failed(there.error().code, there.error().message);
    const EndSignals signals;
    Shipment shipment(settings);
    if (auto opened = shipment.open(); !opened) return store_failed(opened.error().code, opened.error().message);
    shipment.start();
    const bool person = isatty(STDERR_FILENO) != 0;
    bool interrupted = false, closed = !options.close_all;
    base::Result<bool> done = false;
    std::string said;
    for (int tick = 0; !interrupted; tick++) {
        done = shipment.done();
        if (!done || (*done && closed)) break;
        if (*done) closed = shipment.close_all();
        interrupted = signals.came(base::kNsPerSecond / 10);
        if (tick % 10 != 9) continue;
        const auto trouble = shipment.trouble();
        if (person)
            std::cerr << base::format("\r\x1b[K{} records waiting, {} delivered  {}", shipment.waiting(),
                                      shipment.status().delivered, trouble)
                      << std::flush;
        else if (trouble != said && !trouble.empty())
            std::cerr << trouble << '\n';
        said = trouble;
    }
    if (person) std::cerr << "\r\x1b[K" << std::flush;
    shipment.stop();
    if (!done) return store_failed(done.error().code, done.error().message);
    const auto kafka = shipment.status();
    std::cout << base::format("{} records delivered to {}, {} refused, {} waiting\n", kafka.delivered,
                              settings.kafka.brokers, kafka.refused, shipment.waiting());
    if (interrupted) std::cerr << "interrupted; the same command goes on where this one ended\n";
    return interrupted ? 1 : 0;
}

}  // namespace tributary::gateway
