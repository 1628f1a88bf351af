// SPDX-License-Identifier: Apache-2.0
#include "gateway/runtime.hpp"

#include <systemd/sd-daemon.h>

#include <algorithm>
#include <charconv>

#include "base/hash.hpp"
#include "base/log.hpp"
#include "base/units.hpp"
#include "gateway/damage.hpp"
#include "gateway/dead_desk.hpp"
#include "model/topic_filter.hpp"

namespace tributary::gateway {
namespace {

constexpr size_t kCacheBytes = 1 << 20;
constexpr uint64_t kTail = 16384;  // newest intake records read for the DUP filter
constexpr int64_t kFlush = 5 * base::kNsPerSecond;

std::vector<std::string> topics_of(const config::Settings& settings) {
    std::vector<std::string> topics;
    for (const auto& stream : settings.streams) topics.insert(topics.end(), stream.topics.begin(), stream.topics.end());
    if (!settings.events.commands_topic.empty()) topics.push_back(settings.events.commands_topic);
    return topics;
}

std::vector<std::string> lines(const std::string& text) {
    std::vector<std::string> out;
    for (size_t at = 0; at < text.size();) {
        const size_t end = std::min(text.find('\n', at), text.size());
        if (end > at) out.push_back(text.substr(at, end - at));
        at = end + 1;
    }
    return out;
}

uint32_t number(const std::string& text) {
    uint32_t value = 0;
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
}

OpenBlockLimits limits_of(const config::Settings& settings) {
    OpenBlockLimits limits;
    limits.messages = static_cast<uint32_t>(settings.store.block_messages);
    // Half the receive window, so that the broker always has credit for the other half.
    if (settings.mqtt.version == 5)
        limits.messages =
            std::min(limits.messages, static_cast<uint32_t>(std::max(1, settings.mqtt.receive_maximum / 2)));
    else
        limits.stall_messages = static_cast<uint32_t>(std::max(1, settings.mqtt.broker_window));
    limits.bytes = static_cast<size_t>(settings.store.block_bytes);
    limits.queue_bytes = static_cast<size_t>(settings.mqtt.max_queue_bytes);
    limits.gather_ns = settings.store.gather_ns;
    return limits;
}

ClockPolicy clock_policy(const config::GatewaySettings& settings) {
    ClockPolicy policy;
    policy.clock = settings.clock;
    if (settings.unsynced_hold_ns >= 0) policy.hold_ns = settings.unsynced_hold_ns;
    policy.built_ns = base::build_day_ns();
    return policy;
}

}  // namespace

Runtime::Runtime(const config::Settings& settings, const std::string& version, metrics::Registry& metrics,
                 const base::Clock& clock)
    : settings_(settings),
      version_(version),
      metrics_(metrics),
      clock_(clock),
      arrival_(clock),
      clock_watch_(clock, clock_policy(settings.gateway)),
      cache_(kCacheBytes),
      open_block_(std::make_unique<OpenBlock>(limits_of(settings), clock, arrival_)) {}

base::Result<std::unique_ptr<Runtime>> Runtime::start(const config::Settings& settings, const std::string& version,
                                                      metrics::Registry& metrics, const base::Clock& clock) {
    std::unique_ptr<Runtime> runtime(new Runtime(settings, version, metrics, clock));
    if (auto opened = runtime->open(); !opened) return opened.error();
    return runtime;
}

Runtime::~Runtime() { stop(); }

base::Result<BlockSource> Runtime::source(metrics::Registry& metrics) {
    return BlockSource::open(cache_, *store_, metrics, poison_->skips());
}

base::Result<> Runtime::open() {
    store::Options options{settings_.store.path, settings_.store.max_size_bytes};
    options.min_free_bytes = settings_.store.min_free_bytes;
    // Saving what is sound in a damaged file may take minutes.
    options.working = [] { sd_notify(0, "EXTEND_TIMEOUT_USEC=60000000\nWATCHDOG=1"); };
    auto store = store::Store::open(options);
    if (!store) return store.error();
    store_ = std::move(*store);
    auto own = store_->reader();
    auto writers = store_->reader();
    if (!own) return own.error();
    if (!writers) return writers.error();
    reader_ = std::move(*own);
    if (const auto report = store_->report(); !report.empty()) {
        base::log::warning("store: {}", report);
        metrics_.counter("tributary_store_repairs_total", "Damage in the store that was mended, since the start").add();
        if (auto given = give_configuration(); !given) return given;
    }
    if (auto mended = mend_books(*store_, *reader_); !mended) return mended.error();
    if (auto settled = settle_clusters(*store_, *reader_, settings_); !settled) return settled.error();
    if (auto judged = find_poison(); !judged) return judged.error();
    writer_ = std::make_unique<Writer>(
        WriterSettings{settings_.store.gather_ns, settings_.store.history_ns, settings_.store.max_size_bytes,
                       !settings_.mqtt.events_topic.empty(), settings_.store.adaptive_gather,
                       when_full_by_name(settings_.store.when_full), settings_.mirror ? settings_.mirror->name : ""},
        *store_, std::move(*writers), *open_block_, cache_, metrics_, clock_, arrival_);
    writer_->set_poison(poison_->skips());
    writer_->set_streams(settings_);
    auto engine_source = source(metrics_);
    if (!engine_source) return engine_source.error();
    engine_ = std::make_unique<EngineLoop>(std::move(*engine_source), *writer_, *open_block_, arrival_, clock_,
                                           metrics_, poison_.get());
    if (auto recovered = engine_->recover(); !recovered) return recovered.error();
    // Before anything else is stamped: arrival time begins with this record.
    const auto clocks = writer_->clocks();
    if (const auto newest = clocks->newest_ns()) open_block_->resume(*newest);
    clock_watch_.resume(*clocks);
    watch_clock();
    auto kafka = open_kafka(settings_, metrics_);
    if (!kafka) return kafka.error();
    kafka_ = std::move(*kafka);
    if (auto opened = open_mirror(); !opened) return opened.error();
    if (auto opened = open_mqtt(); !opened) return opened.error();
    if (auto opened = open_events(); !opened) return opened.error();
    metrics_.healthy("store");
    if (auto files = mqtt_tls_files(settings_.mqtt); !files.empty())
        mqtt_tls_.emplace(std::move(files), metrics_, clock_);
    if (auto files = kafka_tls_files(settings_.kafka); !files.empty())
        kafka_tls_.emplace(std::move(files), metrics_, clock_);

    for (const uint64_t seq : poison_->new_skips()) open_block_->control(model::SkipRecord{seq}, true);
    writer_->start(
        session_.get(), [this] { engine_->wake(); },
        [this] {
            wake_kafka();
            if (events_) events_->wake();
        });
    engine_->start([this] { wake_kafka(); });
    kafka_->start();
    if (mirror_) mirror_->start();
    if (events_) events_->start();
    record_configuration();
    second();
    return {};
}

base::Result<std::unique_ptr<KafkaLoop>> Runtime::open_kafka(const config::Settings& settings,
                                                             metrics::Registry& metrics) {
    auto blocks = source(metrics);
    if (!blocks) return blocks.error();
    return KafkaLoop::create(
        settings, store_->incarnation(), std::move(*blocks), *writer_, [this] { return engine_->position(); }, metrics,
        arrival_);
}

base::Result<> Runtime::open_mirror() {
    if (!settings_.mirror) return {};
    const auto settings = for_mirror(settings_);
    auto mirror = open_kafka(settings, mirror_metrics_);
    if (!mirror) return mirror.error();
    mirror_ = std::move(*mirror);
    if (auto files = kafka_tls_files(settings.kafka); !files.empty()) {
        files.side += "-" + settings.kafka.name;
        mirror_tls_.emplace(std::move(files), metrics_, clock_);
    }
    return {};
}

void Runtime::wake_kafka() {
    kafka_->wake();
    if (mirror_) mirror_->wake();
}

// Damage may have taken the recorded configuration: what is kept of the log is then processed under the present one.
base::Result<> Runtime::give_configuration() {
    const uint64_t first = store_->first_seq(model::Log::intake);
    const auto recorded = reader_->config_at(first);
    if (!recorded) return recorded.error();
    if (*recorded || first == store_->next_seq(model::Log::intake)) return {};
    store::Batch batch;
    batch.configs.emplace_back(first, config::engine_text(settings_));
    if (auto done = store_->commit(batch); !done) return done.error();
    return {};
}

base::Result<> Runtime::find_poison() {
    auto known = reader_->meta();
    if (!known) return known.error();
    poison_ = std::make_unique<Poison>(settings_.store.path);
    store::Batch batch;
    batch.meta = poison_->judge(*known);
    wear_.emplace(settings_.store.endurance_bytes, (*known)["wear"]);
    uplink_.emplace(0, (*known)["uplink"]);
    if (batch.empty()) return {};
    if (auto stored = store_->commit(batch); !stored) return stored.error();
    return {};
}

base::Result<> Runtime::open_events() {
    if (settings_.mqtt.events_topic.empty()) {
        // Switched on again some day, it begins with what is new then: nobody acts on alarms of last month.
        const auto cursors = writer_->cursors();
        if (cursors.find(kEventsCursor) != cursors.end())
            writer_->events_progress(writer_->next_seq(model::Log::events));
        return {};
    }
    auto events_source = source(metrics_);
    if (!events_source) return events_source.error();
    auto events = EventLoop::create(settings_, std::move(*events_source), *writer_, metrics_);
    if (!events) return events.error();
    events_ = std::move(*events);
    return {};
}

base::Result<> Runtime::open_mqtt() {
    auto meta = reader_->meta();
    auto tail = reader_->newest(model::Log::intake, kTail);
    if (!meta) return meta.error();
    mqtt::Session::Setup setup;
    setup.settings = settings_.mqtt;
    setup.client_id = settings_.mqtt.client_id;
    setup.filters = topics_of(settings_);
    setup.subscribed = lines((*meta)["subscriptions"]);
    setup.gather_ns = settings_.store.gather_ns;
    setup.last_session = number((*meta)["session"]);
    // Until there is a connection nobody can be heard: what was silent meanwhile is not missing.
    open_block_->session({setup.last_session, false, false});
    auto session = mqtt::Session::create(std::move(setup), *open_block_, metrics_, clock_);
    if (!session) return session.error();
    session_ = std::move(*session);
    if (tail)
        for (const auto& block : *tail) {
            model::IntakeBlockReader reader(block.body, block.first_seq);
            for (model::IntakeRecord record; reader.next(record);)
                if (const auto* message = record.message()) session_->remember(*message);
        }
    publisher_ =
        mqtt::StatusPublisher::create(settings_.mqtt, settings_.mqtt.client_id, settings_.gateway.id, version_);
    return {};
}

// A configuration changed while we were stopped begins here, behind everything processed under the old one.
void Runtime::record_configuration() {
    const auto text = config::engine_text(settings_);
    config_hash_ = base::sha256_hex(text).substr(0, 16);
    auto recorded = reader_->config_at(UINT64_MAX >> 1);
    if (recorded && *recorded && (**recorded).second == text) return;
    open_block_->control(model::ConfigRecord{engine::kEngineVersion, text}, true);
}

void Runtime::clock_health() {
    const auto status = clock_watch_.status();
    if (const auto trouble = clock_trouble(status); !trouble.empty())
        metrics_.degraded("clock", trouble.code, trouble.text);
    else
        metrics_.healthy("clock");
    metrics_.gauge("tributary_clock_state", "0 synchronised, 1 holdover, 2 not synchronised")
        .set(static_cast<int64_t>(status.state));
    metrics_.gauge("tributary_clock_epoch", "Steps of the arrival clock back in time, since the store began")
        .set(status.epoch);
    metrics_.gauge("tributary_clock_step_milliseconds", "Last step of the wall clock")
        .set(base::ns_to_ms(status.step_ns.value_or(0)));
    metrics_.gauge("tributary_clock_repaired_messages", "Messages whose arrival was repaired, since the start")
        .set(static_cast<int64_t>(engine_->repaired()));
}

void Runtime::reconfigure(const config::Settings& settings) {
    const auto text = config::engine_text(settings);
    const bool changed = text != config::engine_text(settings_);
    settings_ = settings;
    writer_->set_streams(settings);
    if (!changed) return;  // priorities and quotas alone
    config_hash_ = base::sha256_hex(text).substr(0, 16);
    open_block_->control(model::ConfigRecord{engine::kEngineVersion, text}, true);
    session_->set_filters(topics_of(settings));
}

void Runtime::mute(const std::string& series, int64_t duration_ns) {
    open_block_->control(model::MuteRecord{series, arrival_.now_ns() + duration_ns}, true);
}

std::string Runtime::dead(std::string_view request) {
    return DeadDesk{settings_, *reader_, *writer_, *open_block_, arrival_}.answer(request);
}

void Runtime::watch_clock() {
    const bool held = clock_watch_.status().hold_until_ns != 0;
    if (const auto record = clock_watch_.check()) open_block_->control(*record, held);
    clock_health();
}

void Runtime::second() {
    metrics_.gauge("tributary_kafka_backfill_records", "Records of the backlog that follow to the backfill topics")
        .set(static_cast<int64_t>(kafka_->backlog()));
    watch_clock();
    watch_tls();
    watch_mirror();
    session_->tick();
    if (publisher_) publisher_->tick();
    watch_wear();
    samples_.push_back({session_->status().received, kafka_->status().delivered});
    if (samples_.size() > 11) samples_.pop_front();
    report();
}

void Runtime::watch_tls() {
    if (mqtt_tls_ && mqtt_tls_->changed()) session_->reconnect();
    if (kafka_tls_ && kafka_tls_->changed()) kafka_->rotate();
    if (mirror_tls_ && mirror_tls_->changed()) mirror_->rotate();
}

uint64_t Runtime::mirror_waiting() const { return waiting(log_status(*writer_, *settings_.mirror)); }

void Runtime::watch_mirror() {
    if (!mirror_) return;
    for (const auto& state : mirror_metrics_.health()) {
        const auto component = state.component + "-" + settings_.mirror->name;
        state.ok ? metrics_.healthy(component) : metrics_.degraded(component, state.code, state.text);
    }
    const auto status = mirror_->status();
    const auto waiting = mirror_waiting();
    if (waiting == 0) metrics_.healthy("mirror");  // it may have missed something, and goes on all the same
    const auto show = [&](const char* name, const char* help, uint64_t value) {
        metrics_.gauge(name, help).set(static_cast<int64_t>(value));
    };
    show("tributary_kafka_mirror_waiting_records", "Records that the second cluster has not got yet", waiting);
    show("tributary_kafka_mirror_delivered_records", "Records that it has taken, since the start", status.delivered);
    show("tributary_kafka_mirror_refused_records", "Records that it will never take, since the start", status.refused);
    show("tributary_kafka_mirror_connected", "1 while at least one of its brokers is up", status.connected ? 1 : 0);
}

// To the status topic: once a minute, and soon when something became better or worse.
void Runtime::report() {
    constexpr int64_t kEvery = 60 * base::kNsPerSecond, kSoon = 5 * base::kNsPerSecond;
    const int64_t now = clock_.boot_ns();
    const auto health = metrics_.health();
    std::string states;
    for (const auto& state : health) states += state.component + state.code + ' ';
    if (reported_at_ns_ != 0 && now - reported_at_ns_ < (states != reported_health_ ? kSoon : kEvery)) return;
    reported_at_ns_ = now;
    reported_health_ = states;
    StatusSnapshot snapshot;
    snapshot.gateway = settings_.gateway.id;
    snapshot.version = version_;
    snapshot.now_ns = arrival_.now_ns();
    snapshot.health = health;
    fill(snapshot);
    const auto record = status_record(snapshot);
    kafka_->publish_status(record, base::ns_to_ms(snapshot.now_ns));
    if (mirror_) mirror_->publish_status(record, base::ns_to_ms(snapshot.now_ns));
}

// Kept every ten minutes and at the end: what a kill forgets is little.
void Runtime::watch_wear() {
    constexpr int64_t kKeep = 600 * base::kNsPerSecond;
    constexpr double kEarly = 2;
    wear_->add(arrival_.now_ns(), Wear::sample(settings_.store.path));
    const auto status = wear_->status();
    if (status.years_left && *status.years_left < kEarly)
        metrics_.degraded(
            "flash", "TRB-GATEWAY-011",
            base::format("at {} a day the device reaches its {} in {:.1f} years ({} so far)",
                         base::format_size(status.day_bytes), base::format_size(settings_.store.endurance_bytes),
                         *status.years_left, base::format_size(status.total_bytes)));
    else if (status.years_left)
        metrics_.healthy("flash");
    metrics_.gauge("tributary_device_written_today_bytes", "Written since midnight UTC to the device of the store")
        .set(status.today_bytes);
    const auto link = kafka_->status(), other = mirror_ ? mirror_->status() : kafka::Status();
    const auto sent = static_cast<int64_t>(link.sent_bytes + other.sent_bytes);
    uplink_->add(arrival_.now_ns(), {sent, sent + static_cast<int64_t>(link.received_bytes + other.received_bytes)});
    if (clock_.boot_ns() - wear_kept_at_ns_ < kKeep && wear_kept_at_ns_ != 0) return;
    wear_kept_at_ns_ = clock_.boot_ns();
    remember_days();
}

void Runtime::remember_days() {
    writer_->remember("wear", wear_->text());
    writer_->remember("uplink", uplink_->text());
}

void Runtime::stop() {
    if (std::exchange(stopped_, true)) return;
    if (writer_ && wear_) remember_days();
    if (session_) session_->stop_intake();
    // A disk that does not take the first transaction will not take the next ones: do not wait for each.
    int64_t patience = kFlush;
    if (writer_ && session_) {
        if (!writer_->drain(kFlush)) patience = 100 * base::kNsPerMs;
        for (int i = 0; i < 20 && session_->status().acks_waiting > 0; i++) writer_->drain(50 * base::kNsPerMs);
        session_->disconnect();
    }
    if (publisher_) publisher_->stop();
    if (engine_) engine_->finish(patience);
    if (writer_) writer_->drain(patience);
    if (kafka_ && !kafka_->finish(patience))
        base::log::info("kafka: not everything could be delivered in time; it stays in the store");
    if (mirror_) mirror_->finish(patience);
    if (events_) events_->stop();
    if (writer_) {
        writer_->drain(patience);
        writer_->stop();
    }
}

bool Runtime::alive() {
    const auto writer = writer_->progress(), engine = engine_->progress(), kafka = kafka_->progress();
    const bool writer_ok = writer != seen_.writer || open_block_->bytes_in_use() == 0;
    const bool engine_ok = engine != seen_.engine || engine_->idle();
    const auto mirror = mirror_ ? mirror_->progress() : seen_.mirror + 1;
    const bool kafka_ok = kafka != seen_.kafka && mirror != seen_.mirror;  // its loop turns at least once a second
    seen_ = {writer, engine, kafka, mirror};
    return writer_ok && engine_ok && kafka_ok;
}

int64_t Runtime::oldest_unsent_ns() const {
    const uint64_t cursor = store::cursor(writer_->cursors(), kafka_cursor(model::Log::intake));
    if (cursor >= cache_.end(model::Log::intake)) return 0;
    const auto cached = cache_.find(model::Log::intake, cursor);
    if (cached) return cached->first_time_ns;
    auto block = reader_->block_at(model::Log::intake, cursor);
    return block && *block ? (**block).first_time_ns : 0;
}

void Runtime::fill(StatusSnapshot& s) const {
    s.mqtt = session_->status();
    s.kafka = kafka_->status();
    if (mirror_) s.mirror = {settings_.mirror->name, settings_.mirror->brokers, mirror_->status(), mirror_waiting()};
    s.context_incomplete = kafka_->context_incomplete();
    s.backlog = kafka_->backlog();
    s.engine = engine_->stats();
    s.engine_cursor = engine_->position();
    s.watermark_ns = engine_->watermark_ns();
    s.config_hash = config_hash_;
    s.store = writer_->usage();
    s.ladder = writer_->ladder();
    s.quotas = writer_->quotas();
    s.store_open = true;
    s.queue_bytes = static_cast<int64_t>(open_block_->bytes_in_use());
    s.ledger = ledger();
    s.logs = log_status(*writer_, settings_.kafka);
    s.oldest_unsent_ns = oldest_unsent_ns();
    if (events_)
        s.events = {settings_.mqtt.events_topic, events_->connected(), events_->published(), events_->cursor()};
    if (samples_.size() > 1) {
        const auto seconds = static_cast<double>(samples_.size() - 1);
        s.received_per_s = static_cast<double>(samples_.back().received - samples_.front().received) / seconds;
        s.delivered_per_s = static_cast<double>(samples_.back().delivered - samples_.front().delivered) / seconds;
    }
    s.wear = wear_->status();
    s.uplink = uplink_->status();
    s.now_ns = arrival_.now_ns();
    s.clock = clock_watch_.status();
    s.clock_policy = clock_watch_.policy();
    s.clock_floor_ns = std::max(base::build_day_ns(), writer_->clocks()->floor_ns().value_or(INT64_MIN));
    s.repaired = engine_->repaired();
}

}  // namespace tributary::gateway
