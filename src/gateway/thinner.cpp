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
// What is stored: about so many bytes of a summary (its numbers do not compress), and a fifth of messages' bytes
// (measured on JSON: research in docs/outages.md).
constexpr size_t kSummaryBytes = 64, kMessagesShrink = 5;
constexpr int64_t kOldNs = 24 * 3600 * base::kNsPerSecond;

// Not more than half of what they stand for.
bool worth_it(size_t summaries, size_t message_bytes) {
    return summaries * kSummaryBytes * 2 <= message_bytes / kMessagesShrink;
}

}  // namespace

std::optional<ThinPlan> Thinner::plan(Step step, const ThinLimits& limits) {
    now_ns_ = limits.now_ns;
    keep_.follow(limits.context_cursor);
    const uint64_t thin_from = std::max(limits.intake_from, hopeless_below_);
    switch (step) {
        case Step::compact:
            return plan_intake(1, std::min(limits.delivered, limits.intake_to), true, Mode::release);
        case Step::thin_raw:
            return plan_intake(thin_from, limits.intake_to, false, Mode::summarise);
        case Step::thin_raw_now:
            return plan_intake(thin_from, limits.intake_to_now, true, Mode::summarise);
        case Step::thin_1s:
            return plan_coarser(kSeconds, limits, false);
        case Step::thin_1min_old:
            return plan_coarser(kMinutes, limits, true);
        case Step::thin_1min:
            return plan_coarser(kMinutes, limits, false);
        case Step::drop_15min:
            return plan_drop(kQuarters, limits);
        case Step::drop_1min:
            return plan_drop(kMinutes, limits);
        case Step::drop_1s:
            return plan_drop(kSeconds, limits);
        case Step::drop_raw:
            return plan_intake(limits.intake_from, limits.intake_to_now, true, Mode::evict);
        case Step::drop_kept:
            return plan_drop_kept(limits);
    }
    return std::nullopt;
}

// The first one of that class at or above from; from moves over damaged ones.
std::optional<store::Block> Thinner::block(model::Log log, uint8_t grade, uint64_t& from) {
    for (int i = 0; i < 100; i++) {
        auto found = source_.reader().block_of_class(log, from, grade);
        if (found) return std::move(*found);
        const auto behind = source_.reader().seq_behind(log, from);
        if (!behind || *behind <= from) return std::nullopt;
        from = *behind;
    }
    return std::nullopt;
}

// In the intake log without a hole between them.
Thinner::Range Thinner::range(model::Log log, uint8_t grade, uint64_t from, uint64_t limit, size_t most_bytes) {
    Range range;
    range.grade = grade;
    while (range.bytes < most_bytes && range.blocks < kStepBlocks) {
        const auto next = block(log, grade, from);
        if (!next || next->end_seq() > limit) break;
        if (range.blocks == 0) {
            range.from = next->first_seq;
            range.incarnation = next->incarnation;
        } else if (next->incarnation != range.incarnation ||
                   (log == model::Log::intake && next->first_seq != range.to)) {
            break;
        }
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
    block.add(model::Gap{log, range.incarnation, range.from, range.to - 1, count, thinned, range.first_ns,
                         range.last_ns, now_ns_});
    plan.appends.push_back({model::Log::gaps, {block.take(), 1}});
}

void Thinner::put(const Summaries& summaries, ThinPlan& plan) const {
    model::OutputBlockWriter block;
    const auto close = [&] {
        const uint32_t count = block.count();
        if (count > 0) plan.appends.push_back({model::Log::thinned, {block.take(), count}});
    };
    plan.block_class = summaries.grade();
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

// One row stands for the range afterwards: what is kept, and holes.
bool Thinner::walk_through(const Range& range, Mode mode, Summaries& summaries, ThinPlan& plan) {
    const bool for_good = range.grade != 0;  // raw context gives way as well
    keep_.select(range.from, range.to);
    model::IntakeBlockWriter kept;
    uint64_t behind = range.from, thinned = 0, evicted = 0;  // behind: the last one kept
    const auto keep = [&](const auto& body) {
        const uint64_t seq = walk_.record().seq;
        kept.hole(static_cast<uint32_t>(seq - behind));
        kept.add(walk_.stored().arrival_ns, body);
        behind = seq + 1;
    };
    walk_.seek(range.from);
    while (walk_.next(range.to)) {
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
    if (walk_.position() < range.to) return false;  // cannot be read now
    kept.hole(static_cast<uint32_t>(range.to - behind));
    plan.cut = {model::Log::intake, range.from, range.to, range.grade, {}};
    plan.cut.kept.push_back({range.from, static_cast<uint32_t>(range.to - range.from), range.first_ns, range.last_ns,
                             for_good ? kGone : kKept, range.incarnation, kept.take()});
    gap(range, model::Log::intake, thinned, true, plan);
    gap(range, model::Log::intake, evicted, false, plan);
    return true;
}

std::optional<ThinPlan> Thinner::plan_intake(uint64_t from, uint64_t limit, bool few, Mode mode) {
    const auto range =
        this->range(model::Log::intake, 0, from, limit, mode == Mode::summarise ? step_bytes_ : kStepBytes);
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
    // Slow series: more of them at once, or they stay as they are.
    if (range.bytes >= step_bytes_ && step_bytes_ < kMostStepBytes)
        step_bytes_ *= 2;
    else if (range.bytes >= step_bytes_)
        hopeless_below_ = range.to;
    return std::nullopt;
}

std::optional<ThinPlan> Thinner::plan_drop_kept(const ThinLimits& limits) {
    const auto range = this->range(model::Log::intake, kKept, std::max(limits.intake_from, kept_from_),
                                   limits.intake_to_now, kDropBytes);
    if (range.blocks == 0) return std::nullopt;
    kept_from_ = range.to;
    ThinPlan plan;
    Summaries none(kSeconds);
    if (!walk_through(range, Mode::evict, none, plan)) return std::nullopt;
    if (plan.cut.kept[0].body.size() * 2 > range.bytes) return std::nullopt;  // nothing was kept in there
    return plan;
}

// --- summaries ---

// The blocks of the range out of the log, an empty row for those that stand side by side in their place.
template <class Each>
uint64_t Thinner::take_out(const Range& range, ThinPlan& plan, Each each) {
    plan.cut = {model::Log::thinned, range.from, range.to, range.grade, {}};
    auto& rows = plan.cut.kept;
    uint64_t records = 0;
    for (uint64_t at = range.from; at < range.to;) {
        const auto one = block(model::Log::thinned, range.grade, at);
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
    uint64_t from = std::max(limits.thinned_from, next_[grade]);
    const auto first = block(model::Log::thinned, grade, from);
    if (!first) return std::nullopt;
    next_[grade] = first->first_seq;
    if (old && first->last_time_ns > limits.now_ns - kOldNs) return std::nullopt;
    const auto range = this->range(model::Log::thinned, grade, from, limits.thinned_to, kStepBytes);
    if (range.blocks == 0 || range.bytes < kGoodBytes) return std::nullopt;
    Summaries coarse(grade + 1);
    ThinPlan plan;
    const uint64_t records = take_out(range, plan, [&](const model::Thinned& part) { coarse.add(part); });
    if (coarse.size() * 2 > records) return std::nullopt;
    gap(range, model::Log::thinned, records, true, plan);
    put(coarse, plan);
    return plan;
}

std::optional<ThinPlan> Thinner::plan_drop(uint8_t grade, const ThinLimits& limits) {
    const auto range = this->range(model::Log::thinned, grade, limits.thinned_from, limits.thinned_to, kDropBytes);
    if (range.blocks == 0) return std::nullopt;
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
