// SPDX-License-Identifier: Apache-2.0
// How a reading finds its windows, and when they go out. The lists and the saved form: window_lists.cpp.
#include "stream/window_stage.hpp"

#include <algorithm>

#include "base/log.hpp"

namespace tributary::stream {
namespace {

// Later than any event time the codec lets through plus any size or lateness that `check` lets through.
constexpr int64_t kMostSettingNs = INT64_MAX / 8;
// Late readings of one window are gathered for so long (arrival) before it is put out again: one revision, not
// hundreds.
constexpr int64_t kGatherRevisionsNs = 5 * base::kNsPerSecond;
constexpr size_t kMostTexts = 1024;

int64_t within(int64_t least, int64_t value) { return std::clamp<int64_t>(value, least, kMostSettingNs); }

std::optional<base::Zone> zone_of(const config::WindowSettings& window) {
    if (window.zone.empty()) return std::nullopt;
    auto zone = base::Zone::find(window.zone);
    TRB_ASSERT(zone.ok());  // validate() refused it
    return *zone;
}

Figures figures_of(const config::WindowSettings& window) {
    auto figures = Figures::make(window);
    TRB_ASSERT(figures.ok());  // likewise
    return std::move(*figures);
}

}  // namespace

void WindowStats::add(const WindowStats& other) {
    kept += other.kept, open += other.open, reordering += other.reordering, forced += other.forced;
    hurried += other.hurried, out_of_order += other.out_of_order, revisions += other.revisions;
    coarse += other.coarse;
}

WindowStage::Rule::Rule(const config::WindowSettings& window, int max_reorder)
    : shape(window.type == "hopping"   ? Shape::hopping
            : window.type == "session" ? Shape::session
            : window.type == "count"   ? Shape::count
                                       : Shape::tumbling),
      size_ns(within(1, window.size_ns)),
      gap_ns(within(1, window.gap_ns)),
      lateness_ns(within(0, window.lateness_ns)),
      revise_ns(within(0, window.revise_ns)),
      idle_ns(within(1, window.idle_ns)),
      count(static_cast<uint64_t>(std::max(window.count, 1))),
      at_once(shape == Shape::hopping ? static_cast<uint32_t>(size_ns / within(1, window.slide_ns)) : 1),
      grid(shape == Shape::hopping ? within(1, window.slide_ns) : size_ns, window.offset_ns, zone_of(window)),
      figures(figures_of(window)),
      reorder(lateness_ns, static_cast<size_t>(max_reorder)) {}

WindowStage::WindowStage(const config::StreamSettings& settings) : most_(static_cast<size_t>(settings.max_windows)) {
    rules_.reserve(settings.windows.size());
    for (const auto& window : settings.windows) {
        rules_.emplace_back(window, settings.max_reorder);
        takes_texts_ |= rules_.back().figures.takes_texts();
    }
}

Held WindowStage::held(const model::Reading& reading) {
    Held held{reading.event_ns, reading.value.number, reading.value.kind, reading.quality, reading.mark};
    if (held.kind != model::ValueKind::text) return held;
    // The last number stands for every text there is no more room for.
    const auto known = texts_.find(reading.value.text);
    held.value = known                            ? static_cast<double>(*known)
                 : texts_.size() < kMostTexts - 1 ? static_cast<double>(texts_.intern(reading.value.text))
                                                  : static_cast<double>(kMostTexts);
    return held;
}

uint32_t WindowStage::add(model::SeriesId series, const model::Reading& reading, int64_t now_ns,
                          std::vector<Closed>& closed, std::vector<Late>& late) {
    const size_t first = size_t{series} * rules_.size();
    if (slots_.size() < first + rules_.size()) slots_.resize(first + rules_.size());
    const Held one = held(reading);
    uint32_t taken = 0;
    for (uint32_t w = 0; w < rules_.size(); w++) {
        const size_t slot = first + w;
        Rule& rule = rules_[w];
        if (one.kind == model::ValueKind::text && !rule.figures.takes_texts()) continue;
        slots_[slot].last_arrival_ns = now_ns;
        while (used_ + rule.at_once > most_ && used_ > 0) make_room(slot, closed);
        int64_t missed_ns = 0;
        bool took = true;
        if (rule.shape == Shape::count)
            add_to_count(slot, one);
        else if (rule.shape == Shape::session)
            took = add_to_session(slot, one, missed_ns);
        else
            took = add_to_grid(slot, one, now_ns, missed_ns);
        if (!took) {
            late.push_back({w, missed_ns});
            continue;
        }
        taken++;
        if (rule.figures.ordered()) put_in_order(slot, series, one);
        if (rule.shape == Shape::count) {
            const Node& node = nodes_[slots_[slot].head];
            if (node.aggregate.count >= rule.count) close_all(slot, closed);
        } else {
            advance(slot, one.event_ns - rule.lateness_ns, closed);
        }
        heap_.queue(slot, deadline_of(slot), slots_[slot].queued_ns);
    }
    return taken;
}

bool WindowStage::add_to_grid(size_t slot, const Held& reading, int64_t now_ns, int64_t& missed_ns) {
    const Rule& rule = rule_of(slot);
    Slot& s = slots_[slot];
    if (rule.at_once == 1 && s.tail != kNil && reading.event_ns >= nodes_[s.tail].start_ns &&
        reading.event_ns < nodes_[s.tail].end_ns && s.open != kNil) {  // the usual case: the newest window
        put_in(slot, s.tail, reading);
        return true;
    }
    // From the newest window to the oldest: each begins one cell before the other.
    Grid::Cell cell = rule.grid.at(reading.event_ns);
    Grid::Cell last = cell;
    for (uint32_t i = 1; i < rule.at_once; i++) last = rule.grid.at(last.end_ns);
    bool taken = false;
    missed_ns = last.end_ns;
    for (uint32_t i = 0; i < rule.at_once; i++) {
        if (i > 0) {
            cell = rule.grid.at(cell.start_ns - 1);
            last = rule.grid.at(last.start_ns - 1);
        }
        const bool out = last.end_ns <= s.closed_until_ns;
        if (out && last.end_ns + rule.revise_ns <= s.closed_until_ns) break;  // and so are the older ones
        const uint32_t node = window_at(slot, cell.start_ns, last.end_ns);
        put_in(slot, node, reading);
        if (out) {
            nodes_[node].dirty = true;
            s.dirty_since_ns = std::min(s.dirty_since_ns, now_ns);
        }
        taken = true;
    }
    return taken;
}

// As Flink: a reading is a session from its time to its time + gap, and joins every session it touches.
bool WindowStage::add_to_session(size_t slot, const Held& reading, int64_t& missed_ns) {
    const Rule& rule = rule_of(slot);
    const int64_t start = reading.event_ns, end = start + rule.gap_ns;
    uint32_t at = slots_[slot].head;
    while (at != kNil && nodes_[at].end_ns < start) at = nodes_[at].next;
    if (at == kNil || nodes_[at].start_ns > end) {  // touches none
        if (end <= slots_[slot].closed_until_ns) {
            missed_ns = end;
            return false;
        }
        at = window_at(slot, start, end);
    } else {
        nodes_[at].start_ns = std::min(nodes_[at].start_ns, start);
        nodes_[at].end_ns = std::max(nodes_[at].end_ns, end);
        const uint32_t next = nodes_[at].next;
        if (next != kNil && nodes_[next].start_ns <= nodes_[at].end_ns) {  // it closes the gap to the next
            nodes_[at].end_ns = std::max(nodes_[at].end_ns, nodes_[next].end_ns);
            nodes_[at].aggregate.merge(nodes_[next].aggregate);
            if (nodes_[at].figures != kNil) {
                std::byte* const bytes = rule_of(slot).bytes.data();
                rule.figures.merge(bytes + nodes_[at].figures * rule.figures.bytes(),
                                   bytes + nodes_[next].figures * rule.figures.bytes());
            }
            nodes_[at].next = nodes_[next].next;
            if (slots_[slot].tail == next) slots_[slot].tail = at;
            open_--;
            release(slot, next);
        }
    }
    put_in(slot, at, reading);
    return true;
}

void WindowStage::add_to_count(size_t slot, const Held& reading) {
    if (slots_[slot].head == kNil) window_at(slot, reading.event_ns, reading.event_ns + base::kNsPerMs);
    Node& node = nodes_[slots_[slot].head];
    node.start_ns = std::min(node.start_ns, reading.event_ns);
    node.end_ns = std::max(node.end_ns, reading.event_ns + base::kNsPerMs);
    put_in(slot, slots_[slot].head, reading);
}

void WindowStage::put_in(size_t slot, uint32_t index, const Held& reading) {
    Node& node = nodes_[index];
    if (reading.kind == model::ValueKind::text)
        node.aggregate.add_text(reading.mark);
    else
        node.aggregate.add(reading.event_ns, reading.value, reading.mark);
    if (node.figures == kNil) return;
    Rule& rule = rule_of(slot);
    rule.figures.add(rule.bytes.data() + node.figures * rule.figures.bytes(), reading);
}

void WindowStage::put_in_order(size_t slot, model::SeriesId series, const Held& reading) {
    Rule& rule = rule_of(slot);
    released_.clear();
    if (!rule.reorder.add(series, reading, released_)) counts_.out_of_order++;
    // Idleness may have closed more than the watermark did: what revises a window that is out does not wait, or the
    // revision would go out without it.
    rule.reorder.release(series, released_, slots_[slot].closed_until_ns);
    fold(slot, series);
}

void WindowStage::fold(size_t slot, model::SeriesId series) {
    Rule& rule = rule_of(slot);
    if (rule.before.size() <= series) rule.before.resize(series + 1);
    for (const Held& reading : released_) {
        Before& before = rule.before[series];
        for (uint32_t at = slots_[slot].head; at != kNil && nodes_[at].start_ns <= reading.event_ns;
             at = nodes_[at].next)
            if (reading.event_ns < nodes_[at].end_ns || rule.shape == Shape::count)
                rule.figures.fold(rule.bytes.data() + nodes_[at].figures * rule.figures.bytes(), reading, before);
        before = {reading.event_ns, reading.value, reading.kind, true};
    }
}

// The watermark: what ends at or before it goes out; what cannot be revised any more is dropped.
void WindowStage::advance(size_t slot, int64_t until_ns, std::vector<Closed>& closed) {
    Slot& s = slots_[slot];
    if (until_ns <= s.closed_until_ns) return;
    s.closed_until_ns = until_ns;
    while (s.open != kNil && nodes_[s.open].end_ns <= until_ns) put_out_first(slot, closed);
    const int64_t revise_ns = rule_of(slot).revise_ns;
    while (s.head != s.open && nodes_[s.head].end_ns + revise_ns <= until_ns) {
        if (nodes_[s.head].dirty) put_out(slot, s.head, closed);
        drop_first(slot);
    }
}

void WindowStage::close_all(size_t slot, std::vector<Closed>& closed) {
    Slot& s = slots_[slot];
    Rule& rule = rule_of(slot);
    if (s.open == kNil) return;
    const auto series = static_cast<model::SeriesId>(slot / rules_.size());
    released_.clear();
    if (rule.figures.ordered()) rule.reorder.release(series, released_);
    fold(slot, series);
    if (rule.shape != Shape::count) return advance(slot, nodes_[s.tail].end_ns, closed);
    put_out_first(slot, closed);
    drop_first(slot);
}

// One window less, rather of this series than of another: first one that is out, else the oldest closes early.
void WindowStage::make_room(size_t slot, std::vector<Closed>& closed) {
    if (slots_[slot].head == kNil) {
        if (next_deadline_ns() != base::kNever) {
            slot = heap_.top();
        } else {  // none is open: some series keeps what is out for revisions
            slot = 0;
            while (slots_[slot].head == kNil) slot++;
        }
    }
    Slot& s = slots_[slot];
    if (s.head == s.open) {
        counts_.forced++;
        const int64_t end_ns = nodes_[s.head].end_ns;
        put_out_first(slot, closed);
        if (rule_of(slot).shape != Shape::count) s.closed_until_ns = std::max(s.closed_until_ns, end_ns);
    } else if (nodes_[s.head].dirty) {
        put_out(slot, s.head, closed);
    }
    drop_first(slot);
}

void WindowStage::put_out_first(size_t slot, std::vector<Closed>& closed) {
    Slot& s = slots_[slot];
    put_out(slot, s.open, closed);
    s.open = nodes_[s.open].next;
    open_--;
}

void WindowStage::put_out_revisions(size_t slot, std::vector<Closed>& closed) {
    Slot& s = slots_[slot];
    for (uint32_t at = s.head; at != s.open; at = nodes_[at].next)
        if (nodes_[at].dirty) put_out(slot, at, closed);
    s.dirty_since_ns = base::kNever;
}

void WindowStage::put_out(size_t slot, uint32_t index, std::vector<Closed>& closed) {
    Node& node = nodes_[index];
    const Rule& rule = rule_of(slot);
    Closed& out = closed.emplace_back();
    out.series = static_cast<model::SeriesId>(slot / rules_.size());
    out.window = static_cast<uint32_t>(slot % rules_.size());
    out.record.start_ns = node.start_ns, out.record.end_ns = node.end_ns;
    if (node.revision > 0) counts_.revisions++;
    out.record.revision = node.revision++;
    node.dirty = false;
    node.aggregate.fill(out.record);
    if (node.figures == kNil) return;
    const std::byte* const bytes = rule.bytes.data() + node.figures * rule.figures.bytes();
    rule.figures.finish(bytes, node.start_ns, node.end_ns, texts_, out.record);
    if (rule.figures.coarse(bytes)) counts_.coarse++;
}

void WindowStage::close_idle(int64_t now_ns, std::vector<Closed>& closed) {
    while (bound_ns() <= now_ns && next_deadline_ns() <= now_ns) {
        const size_t slot = heap_.take([this](size_t one) -> int64_t& { return queued_of(one); });
        Slot& s = slots_[slot];
        if (revisions_due_ns(s) <= now_ns) put_out_revisions(slot, closed);
        if (s.last_arrival_ns + rule_of(slot).idle_ns <= now_ns) close_all(slot, closed);
        heap_.queue(slot, deadline_of(slot), s.queued_ns);
    }
}

int64_t WindowStage::revisions_due_ns(const Slot& slot) {
    return slot.dirty_since_ns == base::kNever ? base::kNever : slot.dirty_since_ns + kGatherRevisionsNs;
}

int64_t WindowStage::deadline_of(size_t slot) const {
    const Slot& s = slots_[slot];
    const int64_t idle_ns = s.open != kNil ? s.last_arrival_ns + rule_of(slot).idle_ns : base::kNever;
    return std::min(idle_ns, revisions_due_ns(s));
}

void WindowStage::flush(std::vector<Closed>& closed) {
    for (size_t slot = 0; slot < slots_.size(); slot++) {
        put_out_revisions(slot, closed);
        close_all(slot, closed);
    }
}

void WindowStage::forget(model::SeriesId series, std::vector<Closed>& closed) {
    const size_t first = size_t{series} * rules_.size();
    for (size_t slot = first; slot < std::min(first + rules_.size(), slots_.size()); slot++) {
        put_out_revisions(slot, closed);
        close_all(slot, closed);
        while (slots_[slot].head != kNil) drop_first(slot);
        Rule& rule = rule_of(slot);
        rule.reorder.forget(series);
        if (series < rule.before.size()) rule.before[series] = {};
        const int64_t queued_ns = slots_[slot].queued_ns;
        slots_[slot] = {};
        slots_[slot].queued_ns = queued_ns;
    }
}

int64_t WindowStage::complete_until_ns() const {
    int64_t earliest = base::kNever;
    for (const auto& slot : slots_)
        if (slot.open != kNil) earliest = std::min(earliest, nodes_[slot.open].start_ns);
    return earliest;
}

}  // namespace tributary::stream
