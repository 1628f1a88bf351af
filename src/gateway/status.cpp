// SPDX-License-Identifier: Apache-2.0
#include "gateway/status.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "base/log.hpp"
#include "base/text.hpp"
#include "base/units.hpp"
#include "gateway/writer.hpp"
#include "record/json.hpp"

namespace tributary::gateway {
namespace {

using record::JsonObject;

constexpr std::array<std::string_view, 3> kClockNames{"synced", "holdover", "unsynced"};

bool all_ok(const StatusSnapshot& s) {
    return std::all_of(s.health.begin(), s.health.end(), [](const auto& h) { return h.ok; });
}

void health(JsonObject& parent, const StatusSnapshot& s) {
    auto& out = parent.key("health");
    out += '[';
    for (size_t i = 0; i < s.health.size(); i++) {
        const auto& h = s.health[i];
        if (i > 0) out += ',';
        JsonObject one(out);
        one.text("component", h.component);
        one.boolean("ok", h.ok);
        if (!h.ok) one.text("code", h.code).text("text", h.text);
        one.text("since", base::format_time_ms(base::ns_to_ms(h.since_ns)));
        one.end();
    }
    out += ']';
}

void ledger(JsonObject& parent, const model::Ledger& total) {
    JsonObject both(parent.key("ledger"));
    JsonObject streams(both.key("streams"));
    for (const auto& [name, account] : total.streams) {
        JsonObject one(streams.key(name));
        one.integer("received", account.received);
        for (size_t i = 0; i < model::kFates; i++) one.integer(model::kFateNames[i], account.fates[i]);
        one.integer("pending", account.pending());
        one.end();
    }
    streams.end();
    JsonObject logs(both.key("logs"));
    for (const auto& [log, account] : total.logs) {
        JsonObject one(logs.key(model::log_name(log)));
        one.integer("appended", account.appended)
            .integer("delivered", account.delivered)
            .integer("refused", account.refused);
        one.integer("thinned", account.thinned).integer("damaged", account.damaged);
        one.integer("pending", account.pending());
        one.end();
    }
    logs.end();
    both.end();
}

double lag_seconds(const StatusSnapshot& s) {
    return s.oldest_unsent_ns == 0 ? 0 : std::max<double>(0, static_cast<double>(s.now_ns - s.oldest_unsent_ns) / 1e9);
}

double rounded(double value) { return std::round(value * 10) / 10; }

void mqtt_and_kafka(JsonObject& top, const StatusSnapshot& s) {
    JsonObject mqtt(top.key("mqtt"));
    mqtt.boolean("connected", s.mqtt.connected);
    mqtt.text("url", s.mqtt.url).text("error", s.mqtt.error);
    mqtt.integer("connections", s.mqtt.connections)
        .integer("received", s.mqtt.received)
        .integer("duplicates", s.mqtt.duplicates);
    mqtt.integer("acknowledged", s.mqtt.acknowledged).integer("stale_acks", s.mqtt.stale_acks);
    mqtt.integer("acks_waiting", static_cast<uint64_t>(s.mqtt.acks_waiting))
        .integer("dropped_connections", s.mqtt.dropped_connections);
    mqtt.texts("filters", s.mqtt.filters);
    mqtt.texts("without_promise", s.mqtt.without_promise);
    if (!s.events.topic.empty()) {
        JsonObject events(mqtt.key("events"));
        events.text("topic", s.events.topic);
        events.boolean("connected", s.events.connected);
        events.integer("published", s.events.published).integer("cursor", s.events.cursor).end();
    }
    mqtt.end();
    JsonObject kafka(top.key("kafka"));
    kafka.boolean("connected", s.kafka.connected);
    kafka.text("brokers", s.kafka_brokers).text("error", s.kafka.error);
    kafka.integer("delivered", s.kafka.delivered).integer("refused", s.kafka.refused).integer("resent", s.kafka.resent);
    kafka.integer("clamped", s.kafka.clamped).integer("producers", s.kafka.producers);
    kafka.integer("in_flight", static_cast<uint64_t>(s.kafka.in_flight)).text("mock_brokers", s.kafka.mock_brokers);
    kafka.integer("sent_bytes", s.kafka.sent_bytes).integer("received_bytes", s.kafka.received_bytes);
    kafka.integer("link_today_bytes", s.uplink.today_bytes).integer("link_a_day_bytes", s.uplink.day_bytes);
    kafka.integer("throttle_ms", s.kafka.throttle_ms);
    kafka.integer("context_incomplete", s.context_incomplete).integer("backlog", s.backlog);
    kafka.end();
    if (s.mirror.name.empty()) return;
    JsonObject mirror(top.key("mirror"));
    mirror.text("name", s.mirror.name).text("brokers", s.mirror.brokers).boolean("connected", s.mirror.kafka.connected);
    mirror.text("error", s.mirror.kafka.error).integer("delivered", s.mirror.kafka.delivered);
    mirror.integer("refused", s.mirror.kafka.refused).integer("waiting", s.mirror.waiting).end();
}

// What the caps of the configuration hold back, and what they cost.
void bounds(JsonObject& parent, const engine::Stats& stats) {
    const auto& b = stats.bounds;
    JsonObject one(parent.key("bounds"));
    one.integer("series_refused", stats.series_refused).integer("series_forgotten", stats.series_forgotten);
    one.integer("members_refused", stats.members_refused);
    one.integer("windows_kept", static_cast<uint64_t>(b.kept)).integer("windows_forced", b.forced);
    one.integer("reordering", static_cast<uint64_t>(b.reordering)).integer("reorder_forced", b.hurried);
    one.integer("out_of_order", b.out_of_order).integer("revisions", b.revisions);
    one.integer("coarse_quantiles", b.coarse).integer("downsample_cut", stats.cut_windows);
    one.end();
}

void store_and_engine(JsonObject& top, const StatusSnapshot& s) {
    JsonObject store(top.key("store"));
    store.boolean("open", s.store_open);
    store.text("path", s.store_path)
        .integer("file_bytes", s.store.file_bytes)
        .integer("used_bytes", s.store.used_bytes);
    store.integer("max_bytes", s.store_max_bytes).integer("commits", s.store.commits);
    store.integer("body_bytes", s.store.body_bytes)
        .integer("stored_bytes", s.store.stored_bytes)
        .integer("queue_bytes", s.queue_bytes);
    store.integer("device_written_today_bytes", s.wear.today_bytes)
        .integer("own_written_today_bytes", s.wear.own_today_bytes)
        .integer("device_written_bytes", s.wear.total_bytes)
        .integer("device_written_a_day_bytes", s.wear.day_bytes);
    if (s.wear.years_left) store.number("device_years_left", *s.wear.years_left);
    JsonObject ladder(store.key("ladder"));
    ladder.text("when_full", s.when_full).text("level", level_name(s.ladder.level));
    ladder.integer("room_bytes", s.store.room_bytes);
    ladder.integer("thinned_messages", s.ladder.thinned).integer("evicted_messages", s.ladder.evicted);
    ladder.integer("thinned_summaries", s.ladder.summaries_thinned)
        .integer("evicted_summaries", s.ladder.summaries_dropped);
    JsonObject steps(ladder.key("steps"));
    for (size_t i = 0; i < kSteps; i++) steps.integer(step_name(static_cast<Step>(i)), s.ladder.steps[i]);
    steps.end();
    ladder.end();
    JsonObject quotas(store.key("quotas"));
    for (const auto& quota : s.quotas) {
        JsonObject one(quotas.key(quota.stream));
        one.integer("bytes", quota.bytes).integer("quota_bytes", quota.quota_bytes).boolean("over", quota.over);
        one.end();
    }
    quotas.end();
    JsonObject logs(store.key("logs"));
    for (const auto& log : s.logs) {
        JsonObject one(logs.key(model::log_name(log.log)));
        one.integer("next_seq", log.next_seq);
        if (log.log != model::Log::refused)
            one.integer("kafka_cursor", log.kafka_cursor).integer("waiting", log.waiting());
        one.end();
    }
    logs.end();
    store.end();
    JsonObject engine(top.key("engine"));
    engine.text("version", engine::kEngineVersion)
        .text("config_hash", s.config_hash)
        .integer("cursor", s.engine_cursor);
    if (s.watermark_ns != base::kNever) engine.integer("watermark", base::ns_to_ms(s.watermark_ns));
    engine.integer("messages", s.engine.messages)
        .integer("readings", s.engine.readings)
        .integer("windows", s.engine.windows);
    engine.integer("events", s.engine.events).integer("late", s.engine.late).integer("dead", s.engine.dead);
    engine.integer("stamp_replaced", s.engine.stamp_replaced).integer("suppressed_events", s.engine.suppressed_events);
    engine.integer("series", static_cast<uint64_t>(s.engine.series))
        .integer("open_windows", static_cast<uint64_t>(s.engine.bounds.open));
    engine.integer("open_events", static_cast<uint64_t>(s.engine.open_events))
        .integer("mutes", static_cast<uint64_t>(s.engine.mutes));
    if (const auto series = s.engine.detected_series; series > 0)
        engine.integer("detector_bytes", static_cast<uint64_t>(s.engine.detector_bytes))
            .integer("detector_bytes_a_series", static_cast<uint64_t>((s.engine.detector_bytes + series - 1) / series));
    if (s.engine.groups > 0)
        engine.integer("groups", static_cast<uint64_t>(s.engine.groups))
            .integer("group_bytes", static_cast<uint64_t>(s.engine.group_bytes));
    engine.integer("reduced", s.engine.reduced).integer("context_ranges", s.engine.contexts);
    bounds(engine, s.engine);
    engine.end();
}

// Only what an outage has cost.
std::string ladder_text(const StatusSnapshot& s) {
    const auto& l = s.ladder;
    if (l.level == Level::roomy && l.thinned + l.evicted + l.summaries_dropped == 0) return "";
    return base::format(
        "        {} (when_full = {}): {} messages became summaries, {} were dropped; {} summaries were "
        "dropped\n",
        level_name(l.level), s.when_full, l.thinned, l.evicted, l.summaries_dropped);
}

std::string quota_text(const StatusSnapshot& s) {
    std::string out;
    for (const auto& quota : s.quotas)
        if (quota.over)
            out += base::format("        stream {} is over its quota: {} of {} wait for kafka\n", quota.stream,
                                base::format_size(quota.bytes), base::format_size(quota.quota_bytes));
    return out;
}

// Only what a bound has cost: nothing to read on a box that is well.
std::string bounds_text(const engine::Stats& stats) {
    std::string out;
    const auto line = [&](uint64_t n, std::string_view what) {
        if (n > 0) out += base::format("        {} {}\n", n, what);
    };
    line(stats.series_refused, "readings refused: more series than max_series");
    line(stats.members_refused, "readings left out by group detectors: more series in a group than members");
    line(stats.series_forgotten, "silent series gave their place to new ones");
    line(stats.bounds.forced, "windows closed early: more than max_windows");
    line(stats.bounds.hurried, "readings did not wait for their order: more than max_reorder");
    line(stats.bounds.out_of_order, "readings too late for figures that depend on order");
    line(stats.cut_windows, "windows of downsamplers reduced in parts: more than max_points");
    line(stats.bounds.coarse, "windows with quantiles coarser than 1 %: more bins needed");
    return out;
}

void clock(JsonObject& parent, const StatusSnapshot& s) {
    JsonObject clock(parent.key("clock"));
    clock.text("state", kClockNames[static_cast<size_t>(s.clock.state)]).text("policy", s.clock_policy);
    clock.integer("anchor_ns", s.clock.anchor_ns).integer("epoch", static_cast<uint64_t>(s.clock.epoch));
    clock.text("floor", base::format_time_ms(base::ns_to_ms(s.clock_floor_ns)));
    if (s.clock.unsynced_for_ns)
        clock.number("unsynced_for_s", rounded(static_cast<double>(*s.clock.unsynced_for_ns) / 1e9));
    if (s.clock.hold_until_ns != 0)
        clock.text("processing_waits_until", base::format_time_ms(base::ns_to_ms(s.clock.hold_until_ns)));
    if (s.clock.step_ns) clock.integer("last_step_ms", base::ns_to_ms(*s.clock.step_ns));
    if (s.clock.reset_from_ns)
        clock.text("floor_reset_from", base::format_time_ms(base::ns_to_ms(*s.clock.reset_from_ns)));
    clock.integer("repaired_messages", s.repaired).end();
}

// "10:15:00" of the day, by arrival time.
std::string time_of_day(int64_t ns) { return base::format_time_ms(base::ns_to_ms(ns)).substr(11, 8); }

}  // namespace

ClockTrouble clock_trouble(const ClockStatus& clock) {
    if (clock.unsynced_for_ns) {
        const auto since = base::format_duration(*clock.unsynced_for_ns / 1'000'000'000 * 1'000'000'000);
        if (clock.hold_until_ns != 0)
            return {"TRB-CLOCK-001",
                    base::format("clock not synchronised for {}; processing waits until {} UTC for it; "
                                 "messages are being stored and acknowledged",
                                 since, time_of_day(clock.hold_until_ns))};
        return {"TRB-CLOCK-002", base::format("clock not synchronised for {}; times of arrival may be wrong and are "
                                              "marked so; times of the devices count as they are",
                                              since)};
    }
    if (clock.reset_from_ns)
        return {"TRB-CLOCK-003",
                base::format("the synchronised clock is behind the newest synchronised time known so far, {}; it is "
                             "believed, and records with that time may be wrong",
                             base::format_time_ms(base::ns_to_ms(*clock.reset_from_ns)))};
    return {};
}

std::vector<LogStatus> log_status(const Writer& writer, const config::KafkaSettings& kafka) {
    std::vector<LogStatus> logs;
    const auto cursors = writer.cursors();
    for (const auto log : model::kLogs) {
        const uint64_t cursor = store::cursor(cursors, cursor_of(kafka, log));
        logs.push_back({log, writer.next_seq(log), cursor, kafka.mirror ? 0 : writer.ahead(log, cursor)});
    }
    return logs;
}

uint64_t waiting(const std::vector<LogStatus>& logs) {
    uint64_t sum = 0;
    for (const auto& log : logs)
        if (log.log != model::Log::refused) sum += log.waiting();
    return sum;
}

std::string status_record(const StatusSnapshot& s) {
    std::string out;
    JsonObject top(out);
    top.text("gateway", s.gateway).integer("ts", base::ns_to_ms(s.now_ns)).text("version", s.version);
    top.text("state", all_ok(s) ? "ok" : "degraded").text("config_hash", s.config_hash);
    if (s.watermark_ns != base::kNever) top.integer("watermark", base::ns_to_ms(s.watermark_ns));
    if (s.oldest_unsent_ns != 0) top.integer("oldest_unsent", base::ns_to_ms(s.oldest_unsent_ns));
    health(top, s);
    ledger(top, s.ledger);
    return out;
}

std::string status_json(const StatusSnapshot& s) {
    std::string out;
    JsonObject top(out);
    top.text("gateway", s.gateway).text("version", s.version).text("state", all_ok(s) ? "ok" : "degraded");
    top.text("config", s.config_path).number("uptime_s", rounded(static_cast<double>(s.now_ns - s.started_ns) / 1e9));
    health(top, s);
    JsonObject rates(top.key("rates"));
    rates.number("received_per_s", rounded(s.received_per_s))
        .number("delivered_per_s", rounded(s.delivered_per_s))
        .end();
    JsonObject lag(top.key("lag"));
    lag.integer("records", waiting(s.logs)).number("age_s", rounded(lag_seconds(s))).end();
    mqtt_and_kafka(top, s);
    store_and_engine(top, s);
    clock(top, s);
    ledger(top, s.ledger);
    top.end();
    return out;
}

std::string status_text(const StatusSnapshot& s) {
    std::string out = base::format("{}  tributary {}  up {}  {}\n", s.gateway, s.version,
                                   base::format_duration((s.now_ns - s.started_ns) / 1'000'000'000 * 1'000'000'000),
                                   all_ok(s) ? "ok" : "DEGRADED");
    for (const auto& h : s.health)
        if (!h.ok)
            out += base::format("  ! {}: {} [{}] since {}\n", h.component, h.text, h.code,
                                base::format_time_ms(base::ns_to_ms(h.since_ns)));
    out += base::format("mqtt    {} {}  {:.1f} msg/s  received {}  acknowledged {}  duplicates filtered {}\n",
                        s.mqtt.connected ? "connected to" : "NOT connected to", s.mqtt.url, s.received_per_s,
                        s.mqtt.received, s.mqtt.acknowledged, s.mqtt.duplicates);
    for (const auto& filter : s.mqtt.without_promise)
        out += base::format("        {}: the broker grants QoS 0 only, so nothing is promised there\n", filter);
    out += base::format("store   {}  {} of {}  {} commits\n", s.store_path, base::format_size(s.store.used_bytes),
                        base::format_size(s.store_max_bytes), s.store.commits);
    out += ladder_text(s);
    out += quota_text(s);
    out += base::format("flash   {} written today ({} of it ours)", base::format_size(s.wear.today_bytes),
                        base::format_size(s.wear.own_today_bytes));
    if (s.wear.day_bytes > 0) out += base::format("  {} a day", base::format_size(s.wear.day_bytes));
    if (s.wear.years_left) out += base::format("  lasts {:.1f} years", *s.wear.years_left);
    out += '\n';
    out += base::format("engine  {} series  {} open windows  {} open events  late {}  dead {}  stamps replaced {}\n",
                        s.engine.series, s.engine.bounds.open, s.engine.open_events, s.engine.late, s.engine.dead,
                        s.engine.stamp_replaced);
    out += bounds_text(s.engine);
    out += base::format("kafka   {} {}  {:.1f} rec/s  delivered {}  refused {}  waiting {}  lag {}\n",
                        s.kafka.connected ? "connected to" : "NOT connected to", s.kafka_brokers, s.delivered_per_s,
                        s.kafka.delivered, s.kafka.refused, waiting(s.logs),
                        base::format_duration(static_cast<int64_t>(lag_seconds(s)) * 1'000'000'000));
    if (!s.mirror.name.empty())
        out += base::format("mirror  {}: {} {}  delivered {}  refused {}  waiting {}\n", s.mirror.name,
                            s.mirror.kafka.connected ? "connected to" : "NOT connected to", s.mirror.brokers,
                            s.mirror.kafka.delivered, s.mirror.kafka.refused, s.mirror.waiting);
    out += base::format("link    {} to and from Kafka today, before TLS", base::format_size(s.uplink.today_bytes));
    if (s.uplink.day_bytes > 0) out += base::format("  {} a day", base::format_size(s.uplink.day_bytes));
    if (s.kafka.throttle_ms > 0) out += base::format("  slowed down by up to {} ms", s.kafka.throttle_ms);
    out += '\n';
    if (s.backlog > 0)
        out += base::format("        the backlog follows to the backfill topics: {} records to go\n", s.backlog);
    if (s.context_incomplete > 0)
        out += base::format("        {} ranges of raw context lack messages that were deleted before\n",
                            s.context_incomplete);
    out += base::format("clock   {}  epoch {}  arrival repaired {}", kClockNames[static_cast<size_t>(s.clock.state)],
                        s.clock.epoch, s.repaired);
    if (s.clock.step_ns) out += base::format("  last step {}", base::format_duration(*s.clock.step_ns));
    out += '\n';
    return out + ledger_text(s.ledger);
}

std::string ledger_text(const model::Ledger& ledger) {
    std::string out = base::format("ledger  {:<20} {:>11} {:>11} {:>11} {:>9} {:>9} {:>9} {:>8} {:>9} {:>8} {:>9}\n",
                                   "stream", "received", "forwarded", "summarised", "kept", "late", "rejected",
                                   "evicted", "duplicate", "damaged", "pending");
    for (const auto& [name, a] : ledger.streams)
        out += base::format("        {:<20} {:>11} {:>11} {:>11} {:>9} {:>9} {:>9} {:>8} {:>9} {:>8} {:>9}\n",
                            name.empty() ? "(no stream)" : name, a.received, a.fates[0], a.fates[1], a.fates[2],
                            a.fates[3], a.fates[4], a.fates[5], a.fates[6], a.fates[7], a.pending());
    for (const auto& [log, a] : ledger.logs)
        out += base::format(
            "        log {:<16} appended {}  delivered {}  refused {}  thinned {}  damaged {}  pending {}\n",
            model::log_name(log), a.appended, a.delivered, a.refused, a.thinned, a.damaged, a.pending());
    return out;
}

std::string ledger_json(const model::Ledger& total) {
    std::string out;
    JsonObject top(out);
    ledger(top, total);
    top.end();
    return out;
}

}  // namespace tributary::gateway
