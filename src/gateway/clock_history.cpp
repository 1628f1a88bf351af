// SPDX-License-Identifier: Apache-2.0
#include "gateway/clock_history.hpp"

#include <algorithm>
#include <charconv>
#include <set>

#include "base/clock.hpp"
#include "base/log.hpp"

namespace tributary::gateway {
namespace {

using State = model::ClockState;

constexpr size_t kMostEntries = 256;
constexpr size_t kMostSpans = 32;
constexpr int64_t kFloorEvery = 600 * base::kNsPerSecond;  // the floor in meta is at most so old

template <class Entries>
void bound(Entries& entries, size_t most) {
    if (entries.size() > most) entries.erase(entries.begin(), entries.end() - static_cast<long>(most));
}

}  // namespace

bool ClockHistory::add(uint64_t seq, int64_t arrival_ns, const model::ClockRecord& record) {
    if (last_ && last_->state == State::synced && newest_ns_) floor_ns_ = floor_ns();
    if (changes_.empty() || changes_.back().state != record.state) changes_.push_back({seq, record.state});
    bound(changes_, kMostEntries);
    const bool same = last_ && last_->boot == record.boot && last_->anchor_ns == record.anchor_ns;
    if (!chain_.empty() && newest_ns_) chain_.back().last_ns = *newest_ns_;
    if (chain_.empty() && !same && last_ && newest_ns_) used(stretch_ns_, *newest_ns_);
    if (!same) stretch_ns_ = arrival_ns;
    if (record.state == State::unsynced)
        on_unsynced(seq, arrival_ns, record);
    else if (!chain_.empty())
        resolve(seq, arrival_ns, record);
    if (record.state == State::synced && floor_ns_ && arrival_ns < *floor_ns_ - model::kSmallStepNs) {
        reset_from_ns_ = floor_ns_;
        floor_ns_ = arrival_ns;
    }
    last_ = record;
    newest_ns_ = arrival_ns;
    return true;
}

void ClockHistory::on_unsynced(uint64_t seq, int64_t arrival_ns, const model::ClockRecord& record) {
    if (arrival_ns >= record.hold_until_ns) return pass();
    const bool same =
        !chain_.empty() && chain_.back().boot == record.boot && chain_.back().anchor_ns == record.anchor_ns;
    if (same) return;
    // A boot that waited once and in vain does not wait again.
    if (chain_.empty() && last_ && last_->state == State::unsynced && last_->boot == record.boot) return;
    chain_.push_back({seq, record.boot, record.anchor_ns, arrival_ns, arrival_ns});
}

bool ClockHistory::time(int64_t newest_ns) {
    newest_ns_ = newest_ns;
    if (!chain_.empty() && newest_ns >= hold_until_ns()) {
        chain_.back().last_ns = newest_ns;
        pass();
        return true;
    }
    if (!last_ || last_->state != State::synced || (floor_ns_ && newest_ns < *floor_ns_ + kFloorEvery)) return false;
    floor_ns_ = newest_ns;
    return true;
}

// The wait was in vain: what was held goes on as it is.
void ClockHistory::pass() {
    for (size_t i = 0; i + 1 < chain_.size(); i++) used(chain_[i].first_ns, chain_[i].last_ns);
    if (!chain_.empty()) {
        const auto& present = chain_.back();
        const bool ended = last_ && stretch_ns_ != present.first_ns;  // a record of another boot ends the wait
        if (ended) used(present.first_ns, present.last_ns);
    }
    chain_.clear();
}

// The true time is known at arrival_ns. Stretches of this boot: exactly. Earlier boots lie before it, in their order,
// and are moved as far as the one behind them was, further if they would not end before it begins.
void ClockHistory::resolve(uint64_t seq, int64_t arrival_ns, const model::ClockRecord& record) {
    std::vector<Repair> found;
    uint64_t until = seq;
    int64_t next_start = arrival_ns, next_shift = 0;
    for (auto segment = chain_.rbegin(); segment != chain_.rend(); ++segment) {
        const bool exact = record.boot != 0 && segment->boot == record.boot;
        const int64_t shift =
            exact ? record.anchor_ns - segment->anchor_ns : std::min(next_shift, next_start - segment->last_ns);
        found.push_back({segment->from, until, shift, exact});
        until = segment->from, next_start = segment->first_ns + shift, next_shift = shift;
    }
    repairs_.insert(repairs_.end(), found.rbegin(), found.rend());
    bound(repairs_, kMostEntries);
    chain_.clear();
}

void ClockHistory::used(int64_t start_ns, int64_t end_ns) {
    const auto floor = floor_ns();
    std::erase_if(spans_, [&](const Span& span) { return floor && span.end_ns <= *floor; });
    if (!floor || end_ns > *floor) spans_.push_back({start_ns, end_ns});
    bound(spans_, kMostSpans);
}

std::optional<int64_t> ClockHistory::floor_ns() const {
    if (!last_ || last_->state != State::synced || !newest_ns_) return floor_ns_;
    return floor_ns_ ? std::max(*floor_ns_, *newest_ns_) : newest_ns_;
}

int64_t ClockHistory::free_from(int64_t start_ns, int64_t lead_ns) const {
    auto taken = spans_;
    for (const auto& segment : chain_) taken.push_back({segment.first_ns, segment.last_ns});
    if (last_ && newest_ns_) taken.push_back({stretch_ns_, *newest_ns_});
    for (bool moved = true; moved;) {
        moved = false;
        for (const Span& span : taken) {
            if (span.start_ns > start_ns + lead_ns || span.end_ns <= start_ns) continue;
            start_ns = span.end_ns;
            moved = true;
        }
    }
    return start_ns;
}

size_t ClockHistory::held_boots() const {
    std::set<uint64_t> boots;
    for (const auto& segment : chain_) boots.insert(segment.boot);
    return boots.size();
}

const ClockHistory::Repair* ClockHistory::repair_of(uint64_t seq) const {
    const auto behind = std::upper_bound(repairs_.begin(), repairs_.end(), seq,
                                         [](uint64_t s, const Repair& repair) { return s < repair.from; });
    return behind == repairs_.begin() ? nullptr : &*(behind - 1);  // it may end before seq
}

State ClockHistory::at(uint64_t seq) const {
    if (const auto* repair = repair_of(seq); repair != nullptr && seq < repair->until)
        return repair->exact ? State::repaired : State::unsynced;
    auto state = State::synced;
    for (const auto& change : changes_)
        if (change.seq <= seq) state = change.state;
    return state;
}

bool ClockHistory::apply(model::IntakeRecord& record) const {
    if (repairs_.empty() || record.seq > repairs_.back().until) return false;
    const auto* repair = repair_of(record.seq);
    if (repair == nullptr || record.seq > repair->until) return false;
    auto* clock = std::get_if<model::ClockRecord>(&record.body);
    if (clock != nullptr) clock->repaired = true;
    if (record.seq == repair->until) return false;  // the record that ends it
    record.arrival_ns += repair->shift_ns;
    if (auto* mute = std::get_if<model::MuteRecord>(&record.body)) mute->until_ns += repair->shift_ns;
    if (clock != nullptr && repair->exact) clock->state = State::repaired;
    return repair->exact;
}

// --- as text: sections divided by ";", entries by ",", numbers by ":" ---

namespace {

using Numbers = std::vector<int64_t>;

void put(std::string& out, const Numbers& numbers) {
    if (!out.empty() && out.back() != ';') out += ',';
    for (size_t i = 0; i < numbers.size(); i++) out += base::format("{}{}", i == 0 ? "" : ":", numbers[i]);
}

// Entries of exactly `width` numbers of one section; what does not look like one ends it.
std::vector<Numbers> entries(std::string_view section, size_t width) {
    std::vector<Numbers> found;
    while (!section.empty()) {
        const auto end = std::min(section.find(','), section.size());
        const char *at = section.data(), *const stop = at + end;
        Numbers numbers;
        while (true) {
            int64_t number = 0;
            const auto read = std::from_chars(at, stop, number);
            if (read.ec != std::errc{}) return found;
            numbers.push_back(number);
            if (read.ptr == stop) break;
            if (*read.ptr != ':') return found;
            at = read.ptr + 1;
        }
        if (numbers.size() != width) return found;
        found.push_back(std::move(numbers));
        section.remove_prefix(std::min(end + 1, section.size()));
    }
    return found;
}

uint64_t seq_of(int64_t number) { return static_cast<uint64_t>(number); }

}  // namespace

std::string ClockHistory::text() const {
    std::string out;
    const auto number = [](uint64_t n) { return static_cast<int64_t>(n); };
    for (const auto& change : changes_) put(out, {number(change.seq), static_cast<int64_t>(change.state)});
    out += ';';
    for (const auto& repair : repairs_)
        put(out, {number(repair.from), number(repair.until), repair.shift_ns, repair.exact ? 1 : 0});
    out += ';';
    for (const auto& segment : chain_)
        put(out, {number(segment.from), number(segment.boot), segment.anchor_ns, segment.first_ns, segment.last_ns});
    out += ';';
    for (const auto& span : spans_) put(out, {span.start_ns, span.end_ns});
    out += ';';
    if (last_)
        put(out, {static_cast<int64_t>(last_->state), last_->anchor_ns, number(last_->epoch), number(last_->boot),
                  last_->wall_ns, last_->hold_until_ns, stretch_ns_});
    out += ';';
    if (const auto floor = floor_ns()) put(out, {*floor});
    out += ';';
    if (reset_from_ns_) put(out, {*reset_from_ns_});
    return out;
}

ClockHistory::ClockHistory(const std::string& text) {
    std::vector<std::string_view> sections;
    for (std::string_view rest = text;;) {
        const auto end = rest.find(';');
        sections.push_back(rest.substr(0, end));
        if (end == std::string_view::npos) break;
        rest.remove_prefix(end + 1);
    }
    sections.resize(7);
    const auto state = [](int64_t n) { return static_cast<State>(std::clamp<int64_t>(n, 0, 2)); };
    for (const auto& n : entries(sections[0], 2)) changes_.push_back({seq_of(n[0]), state(n[1])});
    for (const auto& n : entries(sections[1], 4)) repairs_.push_back({seq_of(n[0]), seq_of(n[1]), n[2], n[3] != 0});
    for (const auto& n : entries(sections[2], 5)) chain_.push_back({seq_of(n[0]), seq_of(n[1]), n[2], n[3], n[4]});
    for (const auto& n : entries(sections[3], 2)) spans_.push_back({n[0], n[1]});
    for (const auto& n : entries(sections[4], 7)) {
        last_ = model::ClockRecord{state(n[0]), n[1], static_cast<uint32_t>(n[2]), seq_of(n[3]), n[4], n[5]};
        stretch_ns_ = n[6];
    }
    for (const auto& n : entries(sections[5], 1)) floor_ns_ = n[0];
    for (const auto& n : entries(sections[6], 1)) reset_from_ns_ = n[0];
}

}  // namespace tributary::gateway
