// SPDX-License-Identifier: Apache-2.0
#include "record/record.hpp"

#include "base/clock.hpp"
#include "base/text.hpp"
#include "record/json.hpp"

namespace tributary::record {

namespace {

using base::ns_to_ms;

void begin(const Source& source, std::string_view topic, std::string_view key, int64_t timestamp_ms,
           model::TimeMark mark, KafkaRecord& out) {
    out.topic.assign(source.prefix).append(".").append(topic);
    out.key.assign(key);
    out.value.clear();
    out.id.clear();
    out.time_mark = model::time_mark_name(mark);
    out.replayed = source.replayed;
    out.json = true;
    out.timestamp_ms = timestamp_ms;
    out.headers.clear();
}

void append_value(std::string& out, model::ValueKind kind, double number, std::string_view text) {
    switch (kind) {
        case model::ValueKind::number:
            return append_json_number(out, number);
        case model::ValueKind::boolean:
            out.append(number != 0 ? "true" : "false");
            return;
        case model::ValueKind::text:
            return append_json_text(out, text);
    }
}

// What every value ends with; unit and labels only when there are any.
void end(JsonObject& json, const Source& source, const KafkaRecord& out, std::string_view unit,
         const model::Labels& labels) {
    if (!unit.empty()) json.text("unit", unit);
    json.text("gateway", source.gateway).text("id", out.id);
    if (!labels.empty()) {
        JsonObject inner(json.key("labels"));
        for (const auto& [name, value] : labels) inner.text(name, value);
        inner.end();
    }
    json.end();
}

void append_events(JsonObject& json, std::span<const std::string> ids) {
    if (ids.empty()) return;
    json.text("event_id", ids[0]);
    if (ids.size() == 1) return;
    std::string& out = json.key("event_ids");
    for (size_t i = 0; i < ids.size(); i++) {
        out.push_back(i == 0 ? '[' : ',');
        append_json_text(out, ids[i]);
    }
    out.push_back(']');
}

void write(const Source& source, const model::Window& window, KafkaRecord& out) {
    JsonObject json(out.value);
    json.text("series", window.origin.series).text("window", window.window);
    json.integer("start", ns_to_ms(window.start_ns)).integer("end", ns_to_ms(window.end_ns));
    json.integer("count", window.count);
    if (window.numbers > 0) {
        json.number("sum", window.sum).number("min", window.min).number("max", window.max);
        json.number("mean", window.mean).number("stddev", window.stddev);
        json.number("first", window.first).number("last", window.last);
    }
    for (const auto& figure : window.figures)
        append_value(json.key(figure.name), figure.kind, figure.number, figure.text);
    if (!window.states.empty()) {
        JsonObject states(json.key("states"));
        for (const auto& [state, ns] : window.states) states.integer(state, ns_to_ms(ns));
        states.end();
    }
    json.integer("revision", uint64_t{window.revision});
    end(json, source, out, window.origin.unit, window.origin.labels);
}

void write(const Source& source, const model::Thinned& thinned, KafkaRecord& out) {
    write(source, thinned.window, out);
}

void write(const Source& source, const model::Gap& gap, KafkaRecord& out) {
    JsonObject json(out.value);
    json.text("log", model::log_name(gap.log));
    if (!gap.incarnation.empty()) json.text("incarnation", gap.incarnation);
    json.integer("from", gap.from_seq).integer("to", gap.to_seq).integer("count", gap.count);
    json.text("reason", model::gap_reason_name(gap.reason));
    json.integer("start", ns_to_ms(gap.start_ns)).integer("end", ns_to_ms(gap.end_ns));
    json.integer("ts", ns_to_ms(gap.time_ns));
    end(json, source, out, "", {});
}

void write(const Source& source, const model::Event& event, KafkaRecord& out) {
    JsonObject json(out.value);
    json.text("event_id", event.event_id).text("series", event.origin.series);
    json.text("detector", event.detector).text("kind", event.kind);
    json.text("state", model::event_state_name(event.state)).integer("start", ns_to_ms(event.start_ns));
    if (event.end_ns) json.integer("end", ns_to_ms(*event.end_ns));
    json.number("score", event.score).number("value", event.value);
    if (event.expected) json.number("expected", *event.expected);
    json.text("severity", model::severity_name(event.severity));
    if (!event.acknowledged_by.empty()) json.text("acknowledged_by", event.acknowledged_by);
    end(json, source, out, event.origin.unit, event.origin.labels);
}

void write(const Source& source, const model::LateReading& late, KafkaRecord& out) {
    JsonObject json(out.value);
    json.text("series", late.origin.series).integer("ts", ns_to_ms(late.event_ns));
    append_value(json.key("value"), late.kind, late.number, late.text);
    json.text("window", late.window).integer("window_end", ns_to_ms(late.window_end_ns));
    end(json, source, out, late.origin.unit, late.origin.labels);
}

void write(const Source& source, const model::DeadLetter& dead, KafkaRecord& out) {
    JsonObject json(out.value);
    json.text("reason", dead.reason).text("detail", dead.detail).text("topic", dead.topic).text("stream", dead.stream);
    json.integer("arrival", ns_to_ms(dead.arrival_ns)).integer("size", dead.size).text("sha256", dead.sha256);
    json.text("payload", base::base64(std::string_view(dead.payload).substr(0, model::kDeadPayloadBytes)));
    end(json, source, out, "", {});
}

void write(const Source& source, const model::Reduced& reduced, KafkaRecord& out) {
    JsonObject json(out.value);
    json.text("series", reduced.origin.series).integer("ts", ns_to_ms(reduced.event_ns));
    append_value(json.key("value"), reduced.kind, reduced.number, reduced.text);
    if (reduced.quality != model::Quality::good) json.text("quality", model::quality_name(reduced.quality));
    json.text("method", reduced.method);
    if (reduced.deviation) json.number("deviation", *reduced.deviation);
    end(json, source, out, reduced.origin.unit, reduced.origin.labels);
}

// Never sent as it is: the readings it asks for are.
void write(const Source& source, const model::ContextRange& context, KafkaRecord& out) {
    JsonObject json(out.value);
    json.text("series", context.origin.series).text("stream", context.origin.stream);
    append_events(json, context.event_ids);
    json.integer("start", ns_to_ms(context.from_ns)).integer("end", ns_to_ms(context.to_ns));
    json.integer("from_seq", context.from_seq).integer("to_seq", context.to_seq);
    end(json, source, out, context.origin.unit, context.origin.labels);
}

// Never sent; for `tributary dead`.
void write(const Source& source, const model::RefusedRecord& refused, KafkaRecord& out) {
    JsonObject json(out.value);
    json.text("code", refused.code).text("detail", refused.detail).text("topic", refused.topic);
    json.text("key", refused.key).integer("time", ns_to_ms(refused.time_ns)).integer("size", refused.size);
    std::string source_id;
    append_id(source_id, source.incarnation, refused.source, refused.seq, refused.n, refused.n > 0);
    json.text("source", source_id);
    end(json, source, out, "", {});
}

void start(const Source& source, const model::Window& window, KafkaRecord& out) {
    begin(source, "windows", window.origin.series, ns_to_ms(window.end_ns - 1), window.mark, out);
}
void start(const Source& source, const model::Thinned& thinned, KafkaRecord& out) {
    start(source, thinned.window, out);
}
void start(const Source& source, const model::Gap& gap, KafkaRecord& out) {
    begin(source, "gaps", source.gateway, ns_to_ms(gap.time_ns), model::TimeMark::device, out);
}
void start(const Source& source, const model::Event& event, KafkaRecord& out) {
    begin(source, "events", event.origin.series, ns_to_ms(event.start_ns), event.mark, out);
}
void start(const Source& source, const model::LateReading& late, KafkaRecord& out) {
    begin(source, "late", late.origin.series, ns_to_ms(late.event_ns), late.mark, out);
}
void start(const Source& source, const model::DeadLetter& dead, KafkaRecord& out) {
    begin(source, "dead", dead.topic, ns_to_ms(dead.arrival_ns), model::TimeMark::device, out);
}
void start(const Source& source, const model::RefusedRecord& refused, KafkaRecord& out) {
    begin(source, "refused", refused.key, ns_to_ms(refused.time_ns), model::TimeMark::device, out);
}

void start(const Source& source, const model::Reduced& reduced, KafkaRecord& out) {
    begin(source, "readings", reduced.origin.series, ns_to_ms(reduced.event_ns), reduced.mark, out);
}
void start(const Source& source, const model::ContextRange& context, KafkaRecord& out) {
    begin(source, "context", context.origin.series, ns_to_ms(context.from_ns), model::TimeMark::device, out);
}

}  // namespace

void append_id(std::string& out, std::string_view incarnation, model::Log log, uint64_t seq, uint32_t n, bool several) {
    out.append(incarnation).append("/").append(model::log_name(log)).append("/");
    append_integer(out, seq);
    if (!several) return;
    out.push_back('.');
    append_integer(out, uint64_t{n});
}

void project(const Source& source, const model::Output& output, uint64_t seq, KafkaRecord& out) {
    std::visit(
        [&](const auto& record) {
            start(source, record, out);
            append_id(out.id, source.incarnation, model::log_of(output), seq, 0, false);
            write(source, record, out);
        },
        output);
}

void project(const Source& source, std::string_view series, const model::Reading& reading, std::string_view unit,
             const model::Labels& labels, uint64_t seq, uint32_t n, bool several, KafkaRecord& out,
             std::span<const std::string> event_ids) {
    const int64_t ts = ns_to_ms(reading.event_ns);
    begin(source, "readings", series, ts, reading.mark, out);
    append_id(out.id, source.incarnation, model::Log::intake, seq, n, several);
    JsonObject json(out.value);
    json.text("series", series).integer("ts", ts);
    append_value(json.key("value"), reading.value.kind, reading.value.number, reading.value.text);
    if (reading.quality != model::Quality::good) json.text("quality", model::quality_name(reading.quality));
    append_events(json, event_ids);
    end(json, source, out, unit, labels);
}

void project_raw(const Source& source, const model::Message& message, uint64_t seq, int64_t arrival_ns,
                 model::ClockState clock, bool with_value, KafkaRecord& out) {
    const auto mark = clock == model::ClockState::unsynced   ? model::TimeMark::unsynced
                      : clock == model::ClockState::repaired ? model::TimeMark::repaired
                                                             : model::TimeMark::device;
    begin(source, "readings", message.topic, ns_to_ms(arrival_ns), mark, out);
    append_id(out.id, source.incarnation, model::Log::intake, seq, 0, false);
    out.json = false;
    if (with_value) out.value.assign(message.payload);
}

std::string to_json_line(const Source& source, const KafkaRecord& record) {
    std::string out;
    JsonObject line(out);
    line.text("topic", record.topic).text("partition_key", record.key).integer("timestamp", record.timestamp_ms);
    JsonObject headers(line.key("headers"));
    headers.text("tb-id", record.id).text("tb-gw", source.gateway);
    if (!record.time_mark.empty()) headers.text("tb-time", record.time_mark);
    if (record.replayed) headers.text("tb-replay", "1");
    for (const auto& [name, text] : record.headers) headers.text(name, text);
    headers.end();
    std::string& value = line.key("value");
    if (record.json) {
        value.append(record.value);
    } else {
        append_json_bytes(value, record.value);
    }
    line.end();
    return out;
}

}  // namespace tributary::record
