// SPDX-License-Identifier: Apache-2.0
// What the writer deletes.
#include <algorithm>

#include "gateway/writer_transaction.hpp"

namespace tributary::gateway {
namespace {

constexpr int kTrimBlocks = 48;  // of one log, at once

}  // namespace

bool Writer::trim(bool at_any_price) {
    Transaction alone;
    plan_trim(alone.batch, at_any_price);
    if (alone.batch.trim_below.empty()) return false;
    name(alone);
    return commit(alone);
}

// Delivered intake stays for `history`, or until the file is half full; delivered outputs likewise. Letters, which are
// few and wait for a person, stay longer.
void Writer::plan_trim(store::Batch& batch, bool at_any_price) {
    blocks_since_trim_ = 0;
    const auto cursor_of = [&](const std::string& name) {
        const auto found = batch.cursors.find(name);
        return found != batch.cursors.end() ? found->second : cursor(name);
    };
    const auto usage = store_.usage();
    const int64_t used = usage.used_bytes, cap = cap_of(usage);
    const bool tight = used > cap / 2, full = at_any_price || level_of(used, cap) == Level::full;
    const bool roomy = !at_any_price && level_of(used, cap) == Level::roomy;
    const int64_t keep_from = tight ? INT64_MAX : arrival_.now_ns() - settings_.history_ns;
    for (const auto log :
         {model::Log::intake, model::Log::windows, model::Log::events, model::Log::late, model::Log::dead,
          model::Log::refused, model::Log::reduced, model::Log::context, model::Log::thinned, model::Log::gaps}) {
        // What was refused nobody is owed.
        uint64_t floor = log == model::Log::refused ? store_.next_seq(log) : cursor_of(kafka_cursor(log));
        if (log == model::Log::events && settings_.publishes_events) floor = std::min(floor, cursor_of(kEventsCursor));
        if (log == model::Log::intake) floor = std::min({floor, checkpoint_seq_, cursor_of(kEngineCursor)});
        // Raw context gives way as the last: it must not stop intake.
        if (log == model::Log::intake && !full)
            floor = std::min(floor, context_.first(cursor_of(kafka_cursor(model::Log::context))));
        const uint64_t mirrored = log == model::Log::refused || settings_.mirror.empty()
                                      ? kLogEnd
                                      : cursor_of(mirror_cursor(settings_.mirror, log));
        if (!tight && !at_any_price) floor = std::min(floor, mirrored);
        const auto letters = holds_letters(log) ? letters_kept(log, roomy, cap) : LettersKept();
        const auto stays = [&](const store::Block& block) {
            if (block.end_seq() <= letters.purged) return false;
            return block.last_time_ns >= keep_from ||
                   (block.last_time_ns >= letters.from_ns && block.end_seq() > letters.from_seq);
        };
        uint64_t below = store_.first_seq(log);
        for (int i = 0; i < kTrimBlocks && below < floor; i++) {
            auto block = reader_->block_at(log, below);
            if (!block && block.error().code == store::kFormat) {
                // Damaged: it goes when everybody has passed it, whatever its age.
                auto behind = reader_->seq_behind(log, below);
                if (!behind || *behind <= below || *behind > floor) break;
                below = *behind;
                continue;
            }
            if (!block || !*block || (**block).end_seq() > floor || stays(**block)) break;
            below = (**block).end_seq();
        }
        if (below > store_.first_seq(log)) batch.trim_below[log] = below;
        if (below > mirrored) mirror_misses(below - std::max(mirrored, store_.first_seq(log)));
    }
}

}  // namespace tributary::gateway
