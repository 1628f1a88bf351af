// SPDX-License-Identifier: Apache-2.0
#include "model/output.hpp"

#include <algorithm>
#include <array>

#include "base/bytes.hpp"

namespace tributary::model {
namespace {

using base::ByteReader;

constexpr uint8_t kFormat = 1;
enum Kind : uint8_t {
    kWindow = 1,
    kEvent = 2,
    kLate = 3,
    kDead = 4,
    kRefused = 5,
    kReduced = 6,
    kContext = 7,
    kThinned = 8,
    kGap = 9
};

void put(std::string& out, const Origin& origin) {
    base::put_text(out, origin.series);
    base::put_text(out, origin.stream);
    base::put_text(out, origin.unit);
    base::put_varint(out, origin.labels.size());
    for (const auto& [key, value] : origin.labels) base::put_text(out, key), base::put_text(out, value);
}

Origin get_origin(ByteReader& in) {
    Origin origin;
    origin.series = in.text();
    origin.stream = in.text();
    origin.unit = in.text();
    const uint64_t labels = in.varint();
    for (uint64_t i = 0; i < labels && in.ok(); i++) {
        std::string key(in.text());
        origin.labels.emplace_back(std::move(key), std::string(in.text()));
    }
    return origin;
}

template <class Enum>
Enum get_enum(ByteReader& in, Enum last) {
    const uint8_t value = in.byte();
    if (value > static_cast<uint8_t>(last)) in.fail();
    return in.ok() ? static_cast<Enum>(value) : Enum{};
}

void encode(std::string& out, const Window& w, Kind kind = kWindow) {
    out.push_back(static_cast<char>(kind));
    put(out, w.origin);
    base::put_text(out, w.window);
    base::put_signed(out, w.start_ns);
    base::put_signed(out, w.end_ns);
    base::put_varint(out, w.count);
    for (const double x : {w.sum, w.min, w.max, w.mean, w.stddev, w.first, w.last}) base::put_double(out, x);
    base::put_varint(out, w.revision);
    out.push_back(static_cast<char>(w.mark));
    base::put_varint(out, w.numbers);
    base::put_varint(out, w.figures.size());
    for (const Figure& figure : w.figures) {
        base::put_text(out, figure.name);
        out.push_back(static_cast<char>(figure.kind));
        base::put_double(out, figure.number);
        base::put_text(out, figure.text);
    }
    base::put_varint(out, w.states.size());
    for (const StateTime& state : w.states) base::put_text(out, state.state), base::put_signed(out, state.ns);
}

Window get_window(ByteReader& in) {
    Window w;
    w.origin = get_origin(in);
    w.window = in.text();
    w.start_ns = in.signed_varint();
    w.end_ns = in.signed_varint();
    w.count = in.varint();
    for (double* x : {&w.sum, &w.min, &w.max, &w.mean, &w.stddev, &w.first, &w.last}) *x = in.number();
    w.revision = static_cast<uint32_t>(in.varint());
    w.mark = get_enum(in, TimeMark::unsynced);
    w.numbers = w.count;
    if (in.at_end()) return w;  // written before there were more figures
    w.numbers = in.varint();
    const uint64_t figures = in.varint();
    for (uint64_t i = 0; i < figures && in.ok(); i++) {
        Figure figure;
        figure.name = in.text();
        figure.kind = get_enum(in, ValueKind::text);
        figure.number = in.number();
        figure.text = in.text();
        w.figures.push_back(std::move(figure));
    }
    const uint64_t states = in.varint();
    for (uint64_t i = 0; i < states && in.ok(); i++) {
        std::string state(in.text());
        w.states.push_back({std::move(state), in.signed_varint()});
    }
    return w;
}

void encode(std::string& out, const Event& e) {
    out.push_back(kEvent);
    put(out, e.origin);
    base::put_text(out, e.event_id);
    base::put_text(out, e.detector);
    base::put_text(out, e.kind);
    out.push_back(static_cast<char>(e.state));
    out.push_back(static_cast<char>((e.end_ns ? 1 : 0) | (e.expected ? 2 : 0)));
    base::put_signed(out, e.start_ns);
    if (e.end_ns) base::put_signed(out, *e.end_ns);
    base::put_double(out, e.score);
    base::put_double(out, e.value);
    if (e.expected) base::put_double(out, *e.expected);
    out.push_back(static_cast<char>(e.severity));
    out.push_back(static_cast<char>(e.mark));
    if (!e.acknowledged_by.empty()) base::put_text(out, e.acknowledged_by);
}

Event get_event(ByteReader& in) {
    Event e;
    e.origin = get_origin(in);
    e.event_id = in.text();
    e.detector = in.text();
    e.kind = in.text();
    e.state = get_enum(in, EventState::closed);
    const uint8_t has = in.byte();
    e.start_ns = in.signed_varint();
    if ((has & 1) != 0) e.end_ns = in.signed_varint();
    e.score = in.number();
    e.value = in.number();
    if ((has & 2) != 0) e.expected = in.number();
    e.severity = get_enum(in, Severity::critical);
    e.mark = get_enum(in, TimeMark::unsynced);
    if (!in.at_end()) e.acknowledged_by = in.text();
    return e;
}

void encode(std::string& out, const LateReading& r) {
    out.push_back(kLate);
    put(out, r.origin);
    base::put_signed(out, r.event_ns);
    out.push_back(static_cast<char>(r.kind));
    base::put_double(out, r.number);
    base::put_text(out, r.text);
    base::put_text(out, r.window);
    base::put_signed(out, r.window_end_ns);
    base::put_varint(out, r.seq);
    out.push_back(static_cast<char>(r.mark));
}

LateReading get_late(ByteReader& in) {
    LateReading r;
    r.origin = get_origin(in);
    r.event_ns = in.signed_varint();
    r.kind = get_enum(in, ValueKind::text);
    r.number = in.number();
    r.text = in.text();
    r.window = in.text();
    r.window_end_ns = in.signed_varint();
    r.seq = in.varint();
    r.mark = get_enum(in, TimeMark::unsynced);
    return r;
}

void encode(std::string& out, const DeadLetter& d) {
    out.push_back(kDead);
    for (const auto* text : {&d.stream, &d.topic, &d.reason, &d.detail}) base::put_text(out, *text);
    base::put_signed(out, d.arrival_ns);
    base::put_varint(out, d.seq);
    base::put_text(out, d.payload);
    base::put_varint(out, d.size);
    base::put_text(out, d.sha256);
}

DeadLetter get_dead(ByteReader& in) {
    DeadLetter d;
    for (auto* text : {&d.stream, &d.topic, &d.reason, &d.detail}) *text = in.text();
    d.arrival_ns = in.signed_varint();
    d.seq = in.varint();
    d.payload = in.text();
    d.size = in.varint();
    d.sha256 = in.text();
    return d;
}

void encode(std::string& out, const RefusedRecord& r) {
    out.push_back(kRefused);
    out.push_back(static_cast<char>(r.source));
    base::put_varint(out, r.seq);
    base::put_varint(out, r.n);
    for (const auto* text : {&r.topic, &r.key, &r.code, &r.detail}) base::put_text(out, *text);
    base::put_signed(out, r.time_ns);
    base::put_varint(out, r.size);
}

RefusedRecord get_refused(ByteReader& in) {
    RefusedRecord r;
    r.source = get_enum(in, Log::gaps);
    r.seq = in.varint();
    r.n = static_cast<uint32_t>(in.varint());
    for (auto* text : {&r.topic, &r.key, &r.code, &r.detail}) *text = in.text();
    r.time_ns = in.signed_varint();
    r.size = in.varint();
    return r;
}

void encode(std::string& out, const Reduced& r) {
    out.push_back(kReduced);
    put(out, r.origin);
    base::put_signed(out, r.event_ns);
    out.push_back(static_cast<char>(r.kind));
    base::put_double(out, r.number);
    base::put_text(out, r.text);
    out.push_back(static_cast<char>(r.quality));
    out.push_back(static_cast<char>(r.mark));
    base::put_text(out, r.method);
    out.push_back(r.deviation ? 1 : 0);
    if (r.deviation) base::put_double(out, *r.deviation);
}

Reduced get_reduced(ByteReader& in) {
    Reduced r;
    r.origin = get_origin(in);
    r.event_ns = in.signed_varint();
    r.kind = get_enum(in, ValueKind::text);
    r.number = in.number();
    r.text = in.text();
    r.quality = get_enum(in, Quality::bad);
    r.mark = get_enum(in, TimeMark::unsynced);
    r.method = in.text();
    if ((in.byte() & 1) != 0) r.deviation = in.number();
    return r;
}

void encode(std::string& out, const ContextRange& c) {
    out.push_back(kContext);
    put(out, c.origin);
    base::put_varint(out, c.event_ids.size());
    for (const auto& id : c.event_ids) base::put_text(out, id);
    base::put_signed(out, c.from_ns);
    base::put_signed(out, c.to_ns);
    base::put_varint(out, c.from_seq);
    base::put_varint(out, c.to_seq);
}

ContextRange get_context(ByteReader& in) {
    ContextRange c;
    c.origin = get_origin(in);
    const uint64_t ids = in.varint();
    for (uint64_t i = 0; i < ids && in.ok(); i++) c.event_ids.emplace_back(in.text());
    c.from_ns = in.signed_varint();
    c.to_ns = in.signed_varint();
    c.from_seq = in.varint();
    c.to_seq = in.varint();
    return c;
}

void encode(std::string& out, const Thinned& t) {
    encode(out, t.window, kThinned);
    base::put_signed(out, t.first_ns);
    base::put_signed(out, t.last_ns);
    base::put_varint(out, t.messages);
}

Thinned get_thinned(ByteReader& in) {
    Thinned t;
    t.window = get_window(in);
    t.first_ns = in.signed_varint();
    t.last_ns = in.signed_varint();
    t.messages = in.varint();
    return t;
}

void encode(std::string& out, const Gap& g) {
    out.push_back(kGap);
    out.push_back(static_cast<char>(g.log));
    base::put_text(out, g.incarnation);
    for (const uint64_t n : {g.from_seq, g.to_seq, g.count}) base::put_varint(out, n);
    out.push_back(static_cast<char>(g.reason));
    for (const int64_t ns : {g.start_ns, g.end_ns, g.time_ns}) base::put_signed(out, ns);
}

Gap get_gap(ByteReader& in) {
    Gap g;
    g.log = get_enum(in, Log::gaps);
    g.incarnation = in.text();
    for (uint64_t* n : {&g.from_seq, &g.to_seq, &g.count}) *n = in.varint();
    g.reason = get_enum(in, GapReason::damaged);
    for (int64_t* ns : {&g.start_ns, &g.end_ns, &g.time_ns}) *ns = in.signed_varint();
    return g;
}

}  // namespace

Log log_of(const Output& output) {
    constexpr std::array kOf{Log::windows, Log::events,  Log::late,    Log::dead, Log::refused,
                             Log::reduced, Log::context, Log::thinned, Log::gaps};
    return kOf[output.index()];
}

void encode_output(const Output& output, std::string& out) {
    std::visit([&](const auto& record) { encode(out, record); }, output);
}

base::Result<Output> decode_output(std::string_view bytes) {
    ByteReader in(bytes);
    std::optional<Output> output;
    switch (in.byte()) {
        case kWindow:
            output = get_window(in);
            break;
        case kEvent:
            output = get_event(in);
            break;
        case kLate:
            output = get_late(in);
            break;
        case kDead:
            output = get_dead(in);
            break;
        case kRefused:
            output = get_refused(in);
            break;
        case kReduced:
            output = get_reduced(in);
            break;
        case kContext:
            output = get_context(in);
            break;
        case kThinned:
            output = get_thinned(in);
            break;
        case kGap:
            output = get_gap(in);
            break;
        default:
            in.fail();
    }
    // Bytes behind the known fields are a newer version's additions and are passed over.
    if (!in.ok() || !output) return base::Error{"TRB-MODEL-001", "an output record does not follow its format"};
    return std::move(*output);
}

void OutputBlockWriter::clear() {
    bytes_.assign(1, static_cast<char>(kFormat));
    count_ = 0;
}

void OutputBlockWriter::add(const Output& output) {
    record_.clear();
    encode_output(output, record_);
    base::put_text(bytes_, record_);
    count_++;
}

std::string OutputBlockWriter::take() {
    std::string out = std::move(bytes_);
    clear();
    return out;
}

bool begin_outputs(std::string_view& block) {
    if (block.empty() || static_cast<uint8_t>(block.front()) != kFormat) return false;
    block.remove_prefix(1);
    return true;
}

bool next_output(std::string_view& rest, std::string_view& record) {
    ByteReader in(rest);
    record = in.text();
    if (!in.ok()) return false;
    rest.remove_prefix(rest.size() - in.left());
    return true;
}

std::string_view event_state_name(EventState state) {
    return state == EventState::open ? "open" : state == EventState::update ? "update" : "closed";
}
std::string_view severity_name(Severity severity) {
    return severity == Severity::info ? "info" : severity == Severity::warning ? "warning" : "critical";
}
std::string_view time_mark_name(TimeMark mark) {
    constexpr std::array<std::string_view, 4> kNames{"", "arrival", "repaired", "unsynced"};
    return kNames[static_cast<size_t>(mark)];
}
std::string_view quality_name(Quality quality) {
    return quality == Quality::good ? "good" : quality == Quality::uncertain ? "uncertain" : "bad";
}

std::string_view gap_reason_name(GapReason reason) {
    return reason == GapReason::evicted ? "evicted" : reason == GapReason::thinned ? "thinned" : "damaged";
}

}  // namespace tributary::model
