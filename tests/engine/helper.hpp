// SPDX-License-Identifier: Apache-2.0
// What the tests of the engine share: inputs that keep their texts, a sink that keeps its outputs, outputs as one line.
#pragma once

#include <algorithm>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "base/log.hpp"
#include "base/text.hpp"
#include "codec/message_line.hpp"
#include "engine/engine.hpp"

namespace tributary::engine_test {

struct Collector final : engine::Sink {
    std::vector<model::Output> outputs;
    void emit(model::Output&& output) override { outputs.push_back(std::move(output)); }
};

// Records with the texts they point to.
class Inputs {
  public:
    void config(const std::string& toml, int64_t arrival_ns = INT64_MIN) {
        add(model::ConfigRecord{engine::kEngineVersion, text(toml)}, arrival_ns);
    }
    void message(const std::string& topic, const std::string& payload, int64_t arrival_ns) {
        model::Message message;
        message.topic = text(topic), message.payload = text(payload);
        add(message, arrival_ns);
    }
    void mute(const std::string& series, int64_t until_ns, int64_t arrival_ns) {
        add(model::MuteRecord{text(series), until_ns}, arrival_ns);
    }
    void clock(model::ClockState state, uint32_t epoch, int64_t arrival_ns) {
        add(model::ClockRecord{state, 0, epoch}, arrival_ns);
    }
    void tick(int64_t arrival_ns) { add(model::TickRecord{}, arrival_ns); }
    template <class Body>
    void add(const Body& body, int64_t arrival_ns) {
        model::IntakeRecord record;
        record.seq = records.size() + 1;
        record.arrival_ns = arrival_ns;
        record.body = body;
        records.push_back(record);
    }
    std::vector<model::IntakeRecord> records;

  private:
    const std::string& text(const std::string& from) { return texts_.emplace_back(from); }
    std::deque<std::string> texts_;
};

inline std::string mark(model::TimeMark mark) {
    const auto name = model::time_mark_name(mark);
    return name.empty() ? "" : base::format(" {}", name);
}

inline std::string line(const model::Origin& o) {
    std::string out = base::format("{} {}", o.stream, o.series);
    if (!o.unit.empty()) out += " [" + o.unit + "]";
    for (const auto& [key, value] : o.labels) out += base::format(" {}={}", key, value);
    return out;
}

inline std::string line(const model::Output& output) {
    using base::format, base::number_text, base::ns_to_ms;
    if (const auto* w = std::get_if<model::Window>(&output))
        return format("window {} {} {}..{} count={} sum={} min={} max={} mean={} stddev={} first={} last={}{}",
                      line(w->origin), w->window, ns_to_ms(w->start_ns), ns_to_ms(w->end_ns), w->count,
                      number_text(w->sum), number_text(w->min), number_text(w->max), number_text(w->mean),
                      number_text(w->stddev), number_text(w->first), number_text(w->last), mark(w->mark));
    if (const auto* e = std::get_if<model::Event>(&output))
        return format("event {} {} {} {} {} {}..{} value={} {} id={}{}", line(e->origin), e->detector, e->kind,
                      model::event_state_name(e->state), model::severity_name(e->severity), ns_to_ms(e->start_ns),
                      e->end_ns ? format("{}", ns_to_ms(*e->end_ns)) : "", number_text(e->value),
                      e->score >= 0.5 ? "alarm" : "calm", e->event_id, mark(e->mark));
    if (const auto* l = std::get_if<model::LateReading>(&output))
        return format("late {} {} value={} missed {} ending {} seq={}{}", line(l->origin), ns_to_ms(l->event_ns),
                      number_text(l->number), l->window, ns_to_ms(l->window_end_ns), l->seq, mark(l->mark));
    if (const auto* r = std::get_if<model::Reduced>(&output))
        return format("reduced {} {} value={} {}{}{}", line(r->origin), ns_to_ms(r->event_ns),
                      r->kind == model::ValueKind::text ? "\"" + r->text + "\"" : number_text(r->number), r->method,
                      r->deviation ? " within " + number_text(*r->deviation) : "", mark(r->mark));
    if (const auto* c = std::get_if<model::ContextRange>(&output)) {
        std::string ids;
        for (const auto& id : c->event_ids) ids += " " + id;
        return format("context {} {}..{} of {}..{} for{}", line(c->origin), c->from_ns, c->to_ns, c->from_seq,
                      c->to_seq, ids);
    }
    const auto& d = std::get<model::DeadLetter>(output);
    return format("dead \"{}\" {} {} size={} arrival={} seq={}", d.stream, d.topic, d.reason, d.size,
                  ns_to_ms(d.arrival_ns), d.seq);
}

inline std::string encoded(const model::Output& output) {
    std::string bytes;
    model::encode_output(output, bytes);
    return bytes;
}

}  // namespace tributary::engine_test
