// SPDX-License-Identifier: Apache-2.0
#include "gateway/thinner.hpp"

#include <algorithm>

#include "base/log.hpp"

namespace tributary::gateway {
namespace {

constexpr size_t kStepBytes = 2 << 20, kMostStepBytes = 16 << 20;  // uncompressed
constexpr size_t kStepBlocks = 4096;
constexpr size_t kGoodBytes = 256 << 10;   // less is not worth a step while there is time
constexpr size_t kDropBytes = 64 << 10;    // no more than needed
constexpr size_t kBlockBytes = 256 << 10;  // of summaries
constexpr size_t kBridgeBytes = 4 << 10;   // what an old row keeps at most to be written anew with its neighbours
// What is stored: about so many bytes of a summary (its numbers do not compress), and a fifth of messages' bytes
// (measured on JSON: research in docs/outages.md).
constexpr size_t kSummaryBytes = 64, kMessagesShrink = 5;
constexpr int64_t kOldNs = 24 * 3600 * base::kNsPerSecond;

// Not more than half of what they stand for.
bool worth_it(size_t summaries, size_t message_bytes) {
    return summaries * kSummaryBytes * 2 <= message_bytes / kMessagesShrink;
}

}  // namespace

std::optional<ThinPlan> Thinner::plan(const Try& what, const ThinLimits& limits) {
    now_ns_ = limits.now_ns;
    priority_ = what.priority;
    keep_.follow(limits.context_cursor);
    // Step by step over the whole backlog, which may lie in pieces (catch_up).
    const auto oldest = [&](const std::vector<Stretch>& stretches, auto of) -> std::optional<ThinPlan> {
        for (const auto& stretch : stretches)
            if (auto found = of(stretch)) return found;
        return std::nullopt;
    };
    const auto thin = [&](uint64_t limit, bool any) {
        return oldest(limits.free, [&](const Stretch& s) {
            return plan_intake(std::max(s.from, mine().hopeless_below), std::min(s.to, limit), any, Mode::summarise,
                               s.to <= limit);
        });
    };
    const bool over = priority_ == model::Priority::over_quota, few = !what.good_part_only;
    switch (what.step) {
        case Step::compact:
            return oldest(limits.done, [&](const Stretch& s) {
                return plan_intake(s.from, std::min(s.to, limits.intake_to), true, Mode::release);
            });
        case Step::thin_raw:
            return thin(over ? limits.intake_to_over : limits.intake_to, false);
        case Step::thin_raw_now:
            return thin(limits.intake_to_now, true);
        case Step::thin_1s:
            return plan_coarser(kSeconds, limits, false);
        case Step::thin_1min_old:
            return plan_coarser(kMinutes, limits, true);
        case Step::thin_1min:
            return plan_coarser(kMinutes, limits, false);
        case Step::drop_15min:
            return plan_drop(kQuarters, limits, what.good_part_only);
        case Step::drop_1min:
            return plan_drop(kMinutes, limits, what.good_part_only);
        case Step::drop_1s:
            return plan_drop(kSeconds, limits, what.good_part_only);
        case Step::drop_raw:
            return oldest(limits.free, [&](const Stretch& s) {
                return plan_intake(s.from, std::min(s.to, few ? limits.intake_to_now : limits.intake_to_over), few,
                                   Mode::evict);
            });
        case Step::drop_kept:
            return oldest(limits.free,
                          [&](const Stretch& s) { return plan_drop_kept(s, std::min(s.to, limits.intake_to_now)); });
    }
    return std::nullopt;
}

PrioritiesUsed Thinner::used(const ThinLimits& limits) {
    PrioritiesUsed used{};
    const auto some_of = [&](model::Priority priority) {
        uint64_t from = 1;
        bool some = block(model::Log::intake, model::block_class(priority, 0), from).has_value();
        for (const uint8_t grade : {kSeconds, kMinutes, kQuarters}) {
            from = limits.thinned_from;
            some = some || block(model::Log::thinned, model::block_class(priority, grade), from);
        }
        return used[model::rank(priority)] = some;
    };
    bool others = false;
    for (const auto priority : {model::Priority::over_quota, model::Priority::low, model::Priority::high})
        others |= some_of(priority);
    if (others) some_of(model::Priority::normal);  // else it is the only one, or there is none
    return used;
}

// The first one of that class at or above from; from moves over damaged ones.
std::optional<store::Block> Thinner::block(model::Log log, uint8_t block_class, uint64_t& from) {
    const bool thinned = log == model::Log::thinned;
    uint64_t* none_below = thinned                             ? &none_below_thinned_[block_class]
                           : model::grade_of(block_class) == 0 ? &none_below_intake_[block_class]
                                                               : nullptr;
    const auto end = source_.reader().next_seq(log);  // before the question: what comes behind it is not asked for
    const bool at_front = none_below != nullptr && from <= *none_below && end;
    if (at_front) from = *none_below;
    for (int i = 0; i < 100; i++) {
        auto found = source_.reader().block_of_class(log, from, block_class);
        if (found) {
            if (at_front) *none_below = *found ? (**found).first_seq : *end;
            return std::move(*found);
        }
        const auto behind = source_.reader().seq_behind(log, from);
        if (!behind || *behind <= from) return std::nullopt;
        from = *behind;
    }
    return std::nullopt;
}

void Thinner::Range::add(const store::Block& block) {
    if (runs.empty() || runs.back().to != block.first_seq) runs.push_back({block.first_seq, block.first_seq});
    auto& run = runs.back();
    run.to = block.end_seq();
    run.first_ns = std::min(run.first_ns, block.first_time_ns);
    run.last_ns = std::max(run.last_ns, block.last_time_ns);
    const auto other = model::priority_of(block.block_class);
    if (model::grade_of(block.block_class) != kGone) priority = model::higher(priority, other);
}

// What was thinned already between two blocks of the range, of whatever priority, comes into one row with them: else
// the leavings of a lower priority would stay a row each.
void Thinner::bridge(Range& range, uint64_t to) {
    const bool kept = model::grade_of(range.block_class) == 0;  // what they keep may be looked at again
    while (range.to < to) {
        const auto between = source_.reader().block_at(model::Log::intake, range.to);
        if (!between || !*between) return;
        const auto& one = **between;
        const uint8_t grade = model::grade_of(one.block_class);
        const bool fits = (grade == kGone || (grade == kKept && kept)) && one.body.size() <= kBridgeBytes;
        if (!fits || one.first_seq != range.to || one.end_seq() > to || one.incarnation != range.incarnation) return;
        range.add(one);
        range.to = one.end_seq();
    }
}

Thinner::Range Thinner::range(model::Log log, uint8_t block_class, uint64_t from, uint64_t limit, size_t most_bytes) {
    Range range;
    range.block_class = block_class;
    range.priority = model::priority_of(block_class);
    while (range.bytes < most_bytes) {
        if (range.blocks == kStepBlocks) {
            range.ended = true;
            break;
        }
        const auto next = block(log, block_class, from);
        if (!next || next->end_seq() > limit) break;
        if (range.blocks == 0) {
            range.from = next->first_seq;
            range.incarnation = next->incarnation;
        } else if (next->incarnation != range.incarnation) {
            range.ended = true;
            break;
        } else if (log == model::Log::intake) {
            bridge(range, next->first_seq);
        }
        range.add(*next);
        from = range.to = next->end_seq();
        range.bytes += next->body.size(), range.records += next->count, range.blocks++;
        range.first_ns = std::min(range.first_ns, next->first_time_ns);
        range.last_ns = std::max(range.last_ns, next->last_time_ns);
    }
    return range;
}

void Thinner::gap(const Range& range, model::Log log, uint64_t count, bool thinned, ThinPlan& plan) const {
    if (count == 0) return;
    (thinned ? plan.thinned : plan.evicted) += count;
    model::OutputBlockWriter block;
    const auto reason = thinned ? model::GapReason::thinned : model::GapReason::evicted;
    block.add(model::Gap{log, range.incarnation, range.from, range.to - 1, count, reason, range.first_ns, range.last_ns,
                         now_ns_});
    plan.appends.push_back({model::Log::gaps, {block.take(), 1}});
}

void Thinner::put(const Summaries& summaries, ThinPlan& plan) const {
    model::OutputBlockWriter block;
    const auto close = [&] {
        const uint32_t count = block.count();
        if (count > 0) plan.appends.push_back({model::Log::thinned, {block.take(), count}});
    };
    plan.block_class = of_class(summaries.grade());
    plan.from_ns = summaries.from_ns(), plan.to_ns = summaries.to_ns();
    summaries.for_each([&](model::Thinned&& one) {
        block.add(one);
        if (block.data().size() >= kBlockBytes) close();
    });
    close();
}

// --- messages ---

// The message goes. Streams that give nothing of it to Kafka have their fate from the engine.
Thinner::Settled Thinner::settle(const model::Message& message, Mode mode, Summaries& summaries,
                                 model::Ledger& ledger) {
    auto settled = Settled::nothing;
    for (const uint32_t index : walk_.projection().streams_of(message.topic)) {
        const auto& stream = walk_.settings().streams[index];
        const bool raw = stream.forwards(config::kForwardRaw), all = stream.forwards(config::kForwardAll);
        if (!raw && !all) continue;
        const bool read = !walk_.poison() &&
                          walk_.projection().readings(message, walk_.record().arrival_ns, index, projected_) &&
                          !projected_.empty();
        if (!read && !raw) continue;
        if (!read || mode == Mode::evict) {
            ledger.settle(stream.name, model::Fate::evicted);
            if (settled == Settled::nothing) settled = Settled::evicted;
            continue;
        }
        for (const auto& one : projected_) summaries.add(stream, one.series, one.reading, one.n == 0);
        ledger.settle(stream.name, model::Fate::summarised);
        settled = Settled::summarised;
    }
    return settled;
}

// One row stands for each run of the range afterwards: what is kept, and holes.
bool Thinner::walk_through(const Range& range, Mode mode, Summaries& summaries, ThinPlan& plan) {
    const bool for_good = model::grade_of(range.block_class) != 0;  // raw context gives way as well
    keep_.select(range.from, range.to);
    plan.cut.log = model::Log::intake;
    uint64_t thinned = 0, evicted = 0;
    for (const auto& run : range.runs) {
        model::IntakeBlockWriter kept;
        uint64_t behind = run.from;  // the last one kept
        const auto keep = [&](const auto& body) {
            const uint64_t seq = walk_.record().seq;
            kept.hole(static_cast<uint32_t>(seq - behind));
            kept.add(walk_.stored().arrival_ns, body);
            behind = seq + 1;
        };
        walk_.seek(run.from);
        while (walk_.next(run.to)) {
            if (const auto* message = walk_.record().message()) {
                if (!for_good && keep_.wants(walk_)) {
                    keep(*message);
                } else if (mode != Mode::release) {
                    const auto settled = settle(*message, mode, summaries, plan.ledger);
                    thinned += settled == Settled::summarised ? 1 : 0;
                    evicted += settled == Settled::evicted ? 1 : 0;
                }
                continue;
            }
            std::visit(
                [&](const auto& body) {
                    using Body = std::decay_t<decltype(body)>;
                    if constexpr (!std::is_same_v<Body, model::Message> && !std::is_same_v<Body, model::TickRecord>)
                        keep(body);
                },
                walk_.stored().body);
        }
        if (walk_.position() < run.to) return false;  // cannot be read now
        kept.hole(static_cast<uint32_t>(run.to - behind));
        plan.cut.kept.push_back({run.from, static_cast<uint32_t>(run.to - run.from), run.first_ns, run.last_ns,
                                 model::block_class(range.priority, for_good ? kGone : kKept), range.incarnation,
                                 kept.take()});
    }
    if (!for_good) of_priority_[static_cast<size_t>(range.priority)].may_keep = true;
    gap(range, model::Log::intake, thinned, true, plan);
    gap(range, model::Log::intake, evicted, false, plan);
    return true;
}

std::optional<ThinPlan> Thinner::plan_intake(uint64_t from, uint64_t limit, bool few, Mode mode, bool closed) {
    if (mode == Mode::summarise && !closed && limit < mine().again_at) return std::nullopt;
    const auto range = this->range(model::Log::intake, of_class(0), from, limit,
                                   mode == Mode::summarise ? mine().step_bytes : kStepBytes);
    if (range.blocks == 0 || (!few && range.bytes < kGoodBytes)) return std::nullopt;
    ThinPlan plan;
    Summaries fine(kSeconds);
    if (!walk_through(range, mode, fine, plan)) return std::nullopt;
    if (fine.size() == 0) return plan;
    if (worth_it(fine.size(), range.bytes)) return put(fine, plan), plan;
    for (const uint8_t grade : {kMinutes, kQuarters}) {
        Summaries coarse(grade);
        coarse.add(fine);
        if (worth_it(coarse.size(), range.bytes)) return put(coarse, plan), plan;
    }
    // Slow series: more of them at once, or they stay as they are. What is over quota is dropped if it stays.
    auto& own = mine();
    if (range.bytes >= own.step_bytes && own.step_bytes < kMostStepBytes) {
        own.step_bytes *= 2;
        if (priority_ == model::Priority::over_quota) return plan_intake(from, limit, few, mode, closed);
    } else if (range.bytes >= own.step_bytes || closed || range.ended) {
        own.hopeless_below = range.to;
    } else {  // a look costs as much as a step: the next one when there is clearly more
        own.again_at = range.to + (range.to - range.from) / 4 + 1;
    }
    return std::nullopt;
}

std::optional<ThinPlan> Thinner::plan_drop_kept(const Stretch& stretch, uint64_t limit) {
    auto& own = mine();
    if (!own.may_keep) return std::nullopt;
    uint64_t from = std::max(stretch.from, own.kept_from);
    if (stretch.to == kLogEnd) own.may_keep = block(model::Log::intake, of_class(kKept), from).has_value();
    const auto range = this->range(model::Log::intake, of_class(kKept), from, limit, kDropBytes);
    if (range.blocks == 0) return std::nullopt;
    own.kept_from = range.to;
    ThinPlan plan;
    Summaries none(kSeconds);
    if (!walk_through(range, Mode::evict, none, plan)) return std::nullopt;
    size_t left = 0;
    for (const auto& row : plan.cut.kept) left += row.body.size();
    if (left * 2 > range.bytes) return std::nullopt;  // nothing was kept in there
    return plan;
}

// --- summaries ---

// The blocks of the range out of the log, an empty row for those that stand side by side in their place.
template <class Each>
uint64_t Thinner::take_out(const Range& range, ThinPlan& plan, Each each) {
    plan.cut.log = model::Log::thinned;
    auto& rows = plan.cut.kept;
    uint64_t records = 0;
    for (uint64_t at = range.from; at < range.to;) {
        const auto one = block(model::Log::thinned, range.block_class, at);
        if (!one || one->first_seq >= range.to) break;
        model::for_each_output(one->body, [&](uint32_t, std::string_view bytes) {
            const auto output = model::decode_output(bytes);
            if (const auto* part = output ? std::get_if<model::Thinned>(&*output) : nullptr) each(*part);
        });
        records += one->count;
        at = one->end_seq();
        if (!rows.empty() && rows.back().first_seq + rows.back().count == one->first_seq) {
            rows.back().count += one->count;
            rows.back().last_time_ns = std::max(rows.back().last_time_ns, one->last_time_ns);
            continue;
        }
        rows.push_back({one->first_seq, one->count, one->first_time_ns, one->last_time_ns, 0, one->incarnation,
                        model::OutputBlockWriter().take()});
    }
    plan.ledger.logs[model::Log::thinned].thinned = records;
    return records;
}

std::optional<ThinPlan> Thinner::plan_coarser(uint8_t grade, const ThinLimits& limits, bool old) {
    auto& next = mine().next[grade];
    uint64_t from = std::max(limits.thinned_from, next);
    const auto first = block(model::Log::thinned, of_class(grade), from);
    if (!first) return std::nullopt;
    next = first->first_seq;
    if (old && first->last_time_ns > limits.now_ns - kOldNs) return std::nullopt;
    const auto range = this->range(model::Log::thinned, of_class(grade), from, limits.thinned_to, kStepBytes);
    if (range.blocks == 0 || range.bytes < kGoodBytes) return std::nullopt;
    Summaries coarse(grade + 1);
    ThinPlan plan;
    const uint64_t records = take_out(range, plan, [&](const model::Thinned& part) { coarse.add(part); });
    if (coarse.size() * 2 > records) return std::nullopt;
    gap(range, model::Log::thinned, records, true, plan);
    put(coarse, plan);
    return plan;
}

std::optional<ThinPlan> Thinner::plan_drop(uint8_t grade, const ThinLimits& limits, bool good_part_only) {
    const size_t most_bytes = good_part_only ? kGoodBytes : kDropBytes;
    const auto range =
        this->range(model::Log::thinned, of_class(grade), limits.thinned_from, limits.thinned_to, most_bytes);
    if (range.blocks == 0 || (good_part_only && range.bytes < kGoodBytes)) return std::nullopt;
    ThinPlan plan;
    const uint64_t records = take_out(range, plan, [&](const model::Thinned& part) {
        if (part.messages == 0) return;
        // Their fate changes: a summary that is gone stands for nothing.
        const auto& stream = part.window.origin.stream;
        plan.ledger.settle(stream, model::Fate::summarised, uint64_t{0} - part.messages);
        plan.ledger.settle(stream, model::Fate::evicted, part.messages);
    });
    gap(range, model::Log::thinned, records, false, plan);
    return plan;
}

}  // namespace tributary::gateway
