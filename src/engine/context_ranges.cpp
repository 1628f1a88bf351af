// SPDX-License-Identifier: Apache-2.0
#include "engine/context_ranges.hpp"

#include <algorithm>

#include "base/units.hpp"

namespace tributary::engine {
namespace {

// Cut to what fits; by_ns of either sign.
int64_t plus(int64_t time_ns, int64_t by_ns) {
    if (by_ns >= 0) return time_ns > INT64_MAX - by_ns ? INT64_MAX : time_ns + by_ns;
    return time_ns < INT64_MIN - by_ns ? INT64_MIN : time_ns + by_ns;
}

}  // namespace

ContextRanges::ContextRanges(const config::ContextSettings& settings, int64_t lateness_ns)
    : before_ns_(settings.before_ns),
      after_ns_(settings.after_ns),
      lateness_ns_(lateness_ns),
      reach_ns_(settings.before_ns + kMostNs),  // detectors may say that an event began a while ago
      bucket_ns_(reach_ns_ / static_cast<int64_t>(kBuckets - 1) + 1) {}

// --- what came when ---

int64_t ContextRanges::bucket_of(int64_t event_ns) const {
    const int64_t whole = event_ns / bucket_ns_;
    return event_ns % bucket_ns_ < 0 ? whole - 1 : whole;
}

void ContextRanges::note(Series& s, int64_t event_ns, uint64_t seq) const {
    const auto slot = [&](int64_t bucket) -> uint64_t& {
        return s.first_seqs[static_cast<uint64_t>(bucket) % kBuckets];
    };
    const int64_t bucket = bucket_of(event_ns);
    if (s.newest_ns != INT64_MIN) {
        const int64_t newest = bucket_of(s.newest_ns);
        if (bucket <= newest - static_cast<int64_t>(kBuckets)) return;
        const int64_t last = std::min(bucket, newest + static_cast<int64_t>(kBuckets));
        for (int64_t passed = newest + 1; passed <= last; passed++) slot(passed) = 0;
    }
    if (slot(bucket) == 0) slot(bucket) = seq;  // the first is the smallest
}

// Of the readings with an event time from from_ns on, or a little before; 0 = none.
uint64_t ContextRanges::first_seq(const Series& s, int64_t from_ns) const {
    if (s.newest_ns < from_ns || s.newest_ns == INT64_MIN) return 0;
    const int64_t newest = bucket_of(s.newest_ns);
    uint64_t first = 0;
    for (int64_t i = std::max(bucket_of(from_ns), newest - static_cast<int64_t>(kBuckets) + 1); i <= newest; i++) {
        const uint64_t seq = s.first_seqs[static_cast<uint64_t>(i) % kBuckets];
        if (seq != 0 && (first == 0 || seq < first)) first = seq;
    }
    return first;
}

int64_t ContextRanges::end_ns(const Series& s) {
    int64_t end_ns = s.to_ns;
    for (const Wanted& event : s.events) end_ns = std::max(end_ns, event.to_ns);
    return end_ns;
}

void ContextRanges::reading(model::SeriesId series, int64_t event_ns, uint64_t seq, int64_t now_ns) {
    if (series_.size() <= series) series_.resize(series + 1);
    Series& s = series_[series];
    note(s, event_ns, seq);
    s.newest_ns = std::max(s.newest_ns, event_ns);
    s.arrival_ns = now_ns;
    s.last_seq = seq;
    if (!s.active || s.unsent_seq != 0 || event_ns < s.from_ns || event_ns >= end_ns(s)) return;
    s.unsent_seq = seq;
    s.unsent_ns = now_ns;
    queue(series);
}

// --- events ---

void ContextRanges::opened(model::SeriesId series, size_t slot, std::string_view event_id, int64_t start_ns,
                           int64_t now_ns, std::vector<Part>& out) {
    if (series >= series_.size() || series_[series].last_seq == 0) return;
    Series& s = series_[series];
    const int64_t most_ns = plus(start_ns, kMostNs - before_ns_);
    if (most_ns <= s.done_ns) return;
    const int64_t from_ns = std::max(plus(start_ns, -before_ns_), s.done_ns);
    // Behind its end something was passed over: what begins now begins there.
    if (s.active && (from_ns > end_ns(s) || s.newest_ns >= end_ns(s)))
        return finish(series, out), opened(series, slot, event_id, start_ns, now_ns, out);
    if (!s.active) {
        s.active = true;
        s.from_ns = from_ns;
        s.to_ns = INT64_MIN;
        s.unsent_seq = first_seq(s, from_ns);
        s.unsent_ns = now_ns;
    } else if (from_ns < s.from_ns) {  // it began before the others, and is known later
        ask(series, out);
        if (const uint64_t first = first_seq(s, from_ns); first != 0) {
            ask(series, from_ns, s.from_ns, first, out);
            out.back().range.event_ids.assign(1, std::string(event_id));
        }
        s.from_ns = from_ns;
    }
    s.fresh = true;
    s.last_ns = plus(now_ns, kMostNs + after_ns_ + lateness_ns_ + kGraceNs);
    if (s.events.size() >= kMostIds) {
        const auto over = std::find_if(s.events.begin(), s.events.end(), [](const Wanted& w) { return !w.open; });
        if (over != s.events.end()) {
            s.to_ns = std::max(s.to_ns, over->to_ns);
            s.events.erase(over);
        }
    }
    s.events.push_back({std::string(event_id), slot, most_ns, true});
    queue(series);
}

void ContextRanges::closed(model::SeriesId series, size_t slot, int64_t end_ns) {
    if (series >= series_.size()) return;
    for (Wanted& event : series_[series].events) {
        if (!event.open || event.slot != slot) continue;
        event.open = false;
        event.to_ns = std::min(event.to_ns, plus(end_ns, after_ns_ + 1));  // the last moment belongs to it
        queue(series);
    }
}

void ContextRanges::settle(model::SeriesId series, std::vector<Part>& out) {
    if (series >= series_.size() || !series_[series].active) return;
    const Series& s = series_[series];
    if (s.newest_ns >= plus(end_ns(s), lateness_ns_))
        finish(series, out);
    else if (s.fresh)
        ask(series, out);
}

// --- parts ---

void ContextRanges::ask(model::SeriesId series, int64_t from_ns, int64_t to_ns, uint64_t from_seq,
                        std::vector<Part>& out) {
    const Series& s = series_[series];
    Part part;
    part.series = series;
    for (const Wanted& event : s.events) part.range.event_ids.push_back(event.event_id);
    part.range.from_ns = from_ns, part.range.to_ns = to_ns;
    part.range.from_seq = from_seq, part.range.to_seq = s.last_seq;
    out.push_back(std::move(part));
}

// What came since the last part.
void ContextRanges::ask(model::SeriesId series, std::vector<Part>& out) {
    Series& s = series_[series];
    s.fresh = false;
    if (s.unsent_seq == 0) return;
    const int64_t end = end_ns(s);
    ask(series, s.from_ns, end, std::exchange(s.unsent_seq, 0), out);
    // What has been asked for stays part of the range, also when the event turns out to have ended before.
    s.to_ns = std::max(s.to_ns, std::min(end, plus(s.newest_ns, 1)));
    for (auto event = s.events.begin(); event != s.events.end() && s.events.size() > 1;)
        event = !event->open && event->to_ns <= s.newest_ns ? s.events.erase(event) : event + 1;
}

void ContextRanges::finish(model::SeriesId series, std::vector<Part>& out) {
    if (series >= series_.size() || !series_[series].active) return;
    Series& s = series_[series];
    ask(series, out);
    s.done_ns = std::max(s.done_ns, std::min(end_ns(s), plus(s.newest_ns, 1)));
    s.active = false;
    s.events.clear();
}

void ContextRanges::forget(model::SeriesId series) {
    if (series >= series_.size()) return;
    const int64_t queued_ns = series_[series].queued_ns;
    series_[series] = {};
    series_[series].queued_ns = queued_ns;
}

// --- arrival time ---

int64_t ContextRanges::over_ns(const Series& s) const {
    const int64_t left_ns = std::max<int64_t>(plus(plus(end_ns(s), lateness_ns_), -s.newest_ns), 0);
    return std::min(s.last_ns, plus(s.arrival_ns, plus(left_ns, kGraceNs)));
}

int64_t ContextRanges::deadline_of(size_t series) const {
    const Series& s = series_[series];
    if (!s.active) return base::kNever;
    const int64_t over = over_ns(s);
    return s.unsent_seq == 0 ? over : std::min(over, plus(s.unsent_ns, kEveryNs));
}

int64_t ContextRanges::next_deadline_ns() const {
    return heap_.next_ns([this](size_t series) { return deadline_of(series); },
                         [this](size_t series) -> int64_t& { return queued_of(series); });
}

void ContextRanges::close_idle(int64_t now_ns, std::vector<Part>& out) {
    while (bound_ns() <= now_ns && next_deadline_ns() <= now_ns) {
        const auto series =
            static_cast<model::SeriesId>(heap_.take([this](size_t one) -> int64_t& { return queued_of(one); }));
        if (over_ns(series_[series]) <= now_ns)
            finish(series, out);
        else
            ask(series, out);
        queue(series);
    }
}

void ContextRanges::arrival_back(int64_t by_ns) {
    heap_.clear();
    for (model::SeriesId series = 0; series < series_.size(); series++) {
        Series& s = series_[series];
        for (int64_t* arrival : {&s.arrival_ns, &s.unsent_ns, &s.last_ns}) *arrival = plus(*arrival, -by_ns);
        s.queued_ns = base::kNever;
        queue(series);
    }
}

uint64_t ContextRanges::floor_seq(int64_t now_ns) const {
    uint64_t floor = kNoSeq;
    for (const Series& s : series_) {
        if (s.active && s.unsent_seq != 0) floor = std::min(floor, s.unsent_seq);
        // An event that opens now, by this series' clock.
        const int64_t present_ns = plus(s.newest_ns, std::max<int64_t>(plus(now_ns, -s.arrival_ns), 0));
        const uint64_t first = first_seq(s, std::max(s.done_ns, plus(present_ns, -reach_ns_)));
        if (first != 0) floor = std::min(floor, first);
    }
    return floor;
}

// --- checkpoint ---

void ContextRanges::save(std::string& out) const {
    base::put_varint(out, series_.size());
    for (const Series& s : series_) {
        base::put_varint(out, s.last_seq);
        base::put_signed(out, s.newest_ns);
        base::put_signed(out, s.arrival_ns);
        base::put_signed(out, s.done_ns);
        for (const uint64_t first : s.first_seqs) base::put_varint(out, first == 0 ? 0 : s.last_seq - first + 1);
        out.push_back(static_cast<char>((s.active ? 1 : 0) | (s.fresh ? 2 : 0)));
        if (!s.active) continue;
        for (const int64_t time : {s.from_ns, s.to_ns, s.unsent_ns, s.last_ns}) base::put_signed(out, time);
        base::put_varint(out, s.unsent_seq);
        base::put_varint(out, s.events.size());
        for (const Wanted& event : s.events) {
            base::put_text(out, event.event_id);
            base::put_varint(out, event.slot);
            base::put_signed(out, event.to_ns);
            out.push_back(event.open ? 1 : 0);
        }
    }
}

bool ContextRanges::load(base::ByteReader& in) {
    const uint64_t count = in.varint();
    if (!in.ok() || count > in.left()) return false;
    series_.resize(count);
    for (model::SeriesId series = 0; series < count && in.ok(); series++) {
        Series& s = series_[series];
        s.last_seq = in.varint();
        for (int64_t* time : {&s.newest_ns, &s.arrival_ns, &s.done_ns}) *time = in.signed_varint();
        for (uint64_t& first : s.first_seqs)
            if (const uint64_t back = in.varint(); back != 0 && back <= s.last_seq) first = s.last_seq - back + 1;
        const uint8_t flags = in.byte();
        s.active = (flags & 1) != 0, s.fresh = (flags & 2) != 0;
        if (!s.active) continue;
        for (int64_t* time : {&s.from_ns, &s.to_ns, &s.unsent_ns, &s.last_ns}) *time = in.signed_varint();
        s.unsent_seq = in.varint();
        const uint64_t events = in.varint();
        for (uint64_t i = 0; i < events && in.ok(); i++) {
            Wanted event;
            event.event_id = in.text();
            event.slot = in.varint();
            event.to_ns = in.signed_varint();
            event.open = in.byte() != 0;
            s.events.push_back(std::move(event));
        }
        queue(series);
    }
    return in.ok();
}

}  // namespace tributary::engine
