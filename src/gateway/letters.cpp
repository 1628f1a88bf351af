// SPDX-License-Identifier: Apache-2.0
#include "gateway/letters.hpp"

#include <algorithm>
#include <charconv>

#include "base/hash.hpp"
#include "base/log.hpp"
#include "model/intake.hpp"

namespace tributary::gateway {
namespace {

constexpr uint64_t kStep = 512;  // letters looked at, at least, on the way back

std::optional<uint64_t> number(std::string_view text) {
    uint64_t value = 0;
    const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), value);
    return fault == std::errc() && end == text.data() + text.size() ? std::optional(value) : std::nullopt;
}

// Calls each(part) for what stands between the separators.
template <class Each>
void split(std::string_view text, char separator, Each each) {
    while (!text.empty()) {
        const size_t end = std::min(text.find(separator), text.size());
        if (end > 0) each(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
}

}  // namespace

std::string text_of(const std::vector<SeqRange>& ranges) {
    std::string out;
    for (const auto& [from, to] : ranges) {
        if (!out.empty()) out += ' ';
        out += from == to ? base::format("{}", from) : base::format("{}-{}", from, to);
    }
    return out;
}

std::optional<std::vector<SeqRange>> ranges_of(std::string_view text) {
    std::vector<SeqRange> ranges;
    bool fine = true;
    split(text, ' ', [&](std::string_view part) {
        const size_t dash = part.find('-');
        const auto from = number(part.substr(0, dash));
        const auto to = dash == std::string_view::npos ? from : number(part.substr(dash + 1));
        fine = fine && from && to && *from <= *to && *to < UINT64_MAX;
        if (fine) ranges.emplace_back(*from, *to);
    });
    return fine ? std::optional(std::move(ranges)) : std::nullopt;
}

// --- put away ---

PutAway::PutAway(std::string_view text) {
    split(text, ';', [&](std::string_view part) {
        const size_t blank = std::min(part.find(' '), part.size());
        const auto log = model::log_by_name(part.substr(0, blank));
        const auto ranges = ranges_of(part.substr(blank));
        if (!log || !holds_letters(*log) || !ranges) return;
        for (const auto& range : *ranges) add(*log, range);
    });
}

PutAway PutAway::of(const std::map<std::string, std::string>& meta) {
    const auto found = meta.find(kPutAway);
    return found == meta.end() ? PutAway() : PutAway(found->second);
}

std::string PutAway::text() const {
    std::string out;
    for (const auto& [log, ends] : ends_) {
        if (ends.empty()) continue;
        std::vector<SeqRange> ranges;
        for (const auto& [from, end] : ends) ranges.emplace_back(from, end - 1);
        out += base::format("{}{} {}", out.empty() ? "" : ";", model::log_name(log), text_of(ranges));
    }
    return out;
}

base::Result<> PutAway::add(model::Log log, const std::vector<SeqRange>& ranges) {
    auto with = *this;
    for (const auto& range : ranges) with.add(log, range);
    if (with.ranges() > kMost && with.ranges() > this->ranges())
        return base::Error{kNotStored,
                           "too many letters are done with one by one; tributary dead purge --all makes "
                           "one of them"};
    *this = std::move(with);
    return {};
}

void PutAway::add(model::Log log, SeqRange range) {
    auto& ends = ends_[log];
    uint64_t from = range.first, end = range.second + 1;
    auto next = ends.upper_bound(from);
    if (next != ends.begin() && std::prev(next)->second >= from) --next;
    while (next != ends.end() && next->first <= end) {
        from = std::min(from, next->first), end = std::max(end, next->second);
        next = ends.erase(next);
    }
    ends[from] = end;
}

uint64_t PutAway::behind(model::Log log, uint64_t seq) const {
    const auto ends = ends_.find(log);
    if (ends == ends_.end()) return seq;
    const auto next = ends->second.upper_bound(seq);
    return next == ends->second.begin() ? seq : std::max(seq, std::prev(next)->second);
}

void PutAway::forget_below(model::Log log, uint64_t seq) {
    std::erase_if(ends_[log], [&](const auto& range) { return range.second <= seq; });
}

size_t PutAway::ranges() const {
    size_t sum = 0;
    for (const auto& [log, ends] : ends_) sum += ends.size();
    return sum;
}

// --- letters ---

std::string Letter::name() const { return base::format("{}/{}", model::log_name(log), seq); }

std::optional<std::pair<model::Log, uint64_t>> letter_name(std::string_view text, model::Log log) {
    if (const size_t slash = text.find('/'); slash != std::string_view::npos) {
        const auto named = model::log_by_name(text.substr(0, slash));
        if (!named || !holds_letters(*named)) return std::nullopt;
        log = *named;
        text.remove_prefix(slash + 1);
    }
    const auto seq = number(text);
    return seq ? std::optional(std::pair(log, *seq)) : std::nullopt;
}

// True: block_ holds seq, or is the next one above it. A damaged block is passed over.
base::Result<bool> Letters::load(model::Log log, uint64_t seq) {
    if (block_ && block_->log == log && block_->first_seq <= seq && seq < block_->end_seq()) return true;
    block_.reset();
    records_.clear();
    while (true) {
        auto found = reader_.block_at(log, seq);
        if (found) {
            if (!*found) return false;
            block_ = std::move(**found);
            break;
        }
        if (found.error().code != store::kFormat) return found.error();
        const auto behind = reader_.seq_behind(log, seq);
        if (!behind || *behind <= seq) return found.error();
        seq = *behind;
    }
    if (log != model::Log::intake)
        model::for_each_output(block_->body, [&](uint32_t, std::string_view bytes) { records_.push_back(bytes); });
    return true;
}

base::Result<std::optional<Letter>> Letters::at(model::Log log, uint64_t seq) {
    using Found = std::optional<Letter>;
    const auto loaded = load(log, seq);
    if (!loaded) return loaded.error();
    if (!*loaded || block_->first_seq > seq || seq - block_->first_seq >= records_.size()) return Found{};
    auto output = model::decode_output(records_[seq - block_->first_seq]);
    if (!output) return output.error();
    Letter letter{log, seq, block_->incarnation, {}};
    if (auto* dead = std::get_if<model::DeadLetter>(&*output))
        letter.what = std::move(*dead);
    else if (auto* refused = std::get_if<model::RefusedRecord>(&*output))
        letter.what = std::move(*refused);
    else
        return Found{};
    return Found(std::move(letter));
}

base::Result<std::vector<Letter>> Letters::newest(model::Log log, const PutAway& away, uint64_t limit) {
    std::vector<Letter> found;
    const auto next = reader_.next_seq(log);
    if (!next) return next.error();
    uint64_t first = *next;
    const auto looked = reader_.facts(log, false, [&](const store::BlockFacts& block) {
        first = block.first_seq;
        return false;
    });
    if (!looked) return looked.error();
    const uint64_t step = limit == 0 ? *next : std::max(limit, kStep);
    for (uint64_t end = *next; end > first && (limit == 0 || found.size() < limit);) {
        const uint64_t from = end - first > step ? end - step : first;
        std::vector<Letter> part;
        for (uint64_t seq = from; seq < end; seq++) {
            if (const uint64_t behind = away.behind(log, seq); behind > seq) {
                seq = behind - 1;
                continue;
            }
            auto letter = at(log, seq);
            if (!letter && letter.error().code != "TRB-MODEL-001") return letter.error();
            if (!letter || !*letter) continue;
            if (auto* dead = std::get_if<model::DeadLetter>(&(**letter).what)) dead->payload.clear();
            part.push_back(std::move(**letter));
        }
        part.insert(part.end(), std::make_move_iterator(found.begin()), std::make_move_iterator(found.end()));
        found = std::move(part);
        end = from;
    }
    if (limit != 0 && found.size() > limit) found.erase(found.begin(), found.end() - static_cast<ptrdiff_t>(limit));
    return found;
}

base::Result<std::optional<std::string>> Letters::payload(const model::DeadLetter& letter) {
    using Found = std::optional<std::string>;
    if (letter.payload.size() == letter.size) return Found(letter.payload);
    const auto loaded = load(model::Log::intake, letter.seq);
    if (!loaded) return loaded.error();
    if (!*loaded || block_->first_seq > letter.seq) return Found{};
    model::IntakeBlockReader records(block_->body, block_->first_seq);
    for (model::IntakeRecord record; records.next(record) && record.seq <= letter.seq;) {
        const auto* message = record.message();
        if (record.seq == letter.seq && message != nullptr && base::sha256_hex(message->payload) == letter.sha256)
            return Found(std::string(message->payload));
    }
    return Found{};
}

}  // namespace tributary::gateway
