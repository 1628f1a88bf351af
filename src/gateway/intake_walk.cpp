// SPDX-License-Identifier: Apache-2.0
#include "gateway/intake_walk.hpp"

#include "base/log.hpp"
#include "gateway/ladder.hpp"

namespace tributary::gateway {

std::string incarnation_at(BlockSource& source, model::Log log, uint64_t seq) {
    const auto block = source.at(log, seq);
    return block && block->first_seq <= seq && seq < block->end_seq() ? block->incarnation : std::string();
}

// --- intake ---

void IntakeWalk::seek(uint64_t seq) {
    next_ = seq;
    block_ = nullptr;
    reader_ = nullptr;
    missed_ = false;
    placed_ = false;  // the configuration in force there may be another one
}

void IntakeWalk::configure(uint64_t seq, std::string_view text) {
    auto loaded = config::parse_engine_text(text);
    if (!loaded.ok()) {
        base::log::error(
            "TRB-ENGINE-002: a recorded configuration cannot be read; readings under it are not forwarded");
        settings_ = std::make_shared<const config::Settings>();
    } else {
        settings_ = std::make_shared<const config::Settings>(std::move(*loaded.settings));
    }
    projection_ = engine::make_projection(settings_);
    projection_->set_clock(clock_);
    configured_at_ = seq;
    generation_++;
}

bool IntakeWalk::load_clocks() {
    auto meta = source_.reader().meta();
    if (meta) clocks_ = ClockHistory((*meta)["clocks"]);
    return meta.ok();
}

bool IntakeWalk::load_configuration() {
    auto config = source_.reader().config_at(next_);
    if (!config || !load_clocks()) return false;
    clock_ = clocks_.at(next_);
    const uint64_t seq = *config ? (**config).first : 0;
    if (projection_ && seq == configured_at_)
        projection_->set_clock(clock_);
    else
        configure(seq, *config ? std::string_view((**config).second) : std::string_view());
    return placed_ = true;
}

bool IntakeWalk::load() {
    block_ = read_claimed(claims_, source_, model::Log::intake, next_, lane_);
    if (!block_) return false;
    if (model::grade_of(block_->block_class) == kGone) missed_ = true;
    if (block_->first_seq > next_) {  // and configurations with what is missing
        missed_ = true;
        placed_ = false;
        if (damage_ != nullptr)
            damage_->note(damaged_gap(source_, model::Log::intake, next_, block_->first_seq, block_.get()));
        next_ = block_->first_seq;
    }
    if (!placed_ && !load_configuration()) return false;
    reader_ = std::make_unique<model::IntakeBlockReader>(block_->body, block_->first_seq);
    return true;
}

bool IntakeWalk::next(uint64_t limit) {
    while (next_ < limit) {
        if (!reader_ && !load()) return false;
        if (!reader_->next(record_)) {
            next_ = std::max(next_, block_->end_seq());
            reader_ = nullptr;
            continue;
        }
        if (record_.seq < next_) continue;
        if (record_.seq >= limit) {
            reader_ = nullptr;  // looked one too far; read again when the limit is there
            next_ = limit;      // a hole may have been in between
            return false;
        }
        // Here a repair may begin, and the engine, which was here before us, knows it by now.
        if (std::holds_alternative<model::ClockRecord>(record_.body) && !load_clocks()) {
            reader_ = nullptr;
            return false;
        }
        stored_ = record_;
        clocks_.apply(record_);
        next_ = record_.seq + 1;
        if (const auto* config = std::get_if<model::ConfigRecord>(&record_.body)) configure(record_.seq, config->text);
        if (const auto* clock = std::get_if<model::ClockRecord>(&record_.body)) {
            clock_ = clock->state;
            projection_->set_clock(clock_);
        }
        return true;
    }
    return false;
}

// --- outputs ---

bool OutputWalk::load() {
    if (block_ && next_ >= block_->first_seq && next_ < block_->end_seq()) return true;
    block_ = read_claimed(claims_, source_, log_, next_, lane_);
    records_.clear();
    const uint64_t at = block_ ? block_->first_seq : source_.stopped_at(log_, next_);
    if (at > next_) {
        if (damage_ != nullptr) damage_->note(damaged_gap(source_, log_, next_, at, block_.get()));
        next_ = at;
    }
    if (!block_) return false;
    if (!model::for_each_output(block_->body, [&](uint32_t, std::string_view bytes) { records_.push_back(bytes); }))
        base::log::error("TRB-MODEL-001: {} block {} does not follow its format", model::log_name(log_),
                         block_->first_seq);
    return true;
}

bool OutputWalk::next() {
    const uint64_t before = next_;
    if (!load()) return next_ > before;  // the end of the log is gone, and passed like a record
    next_++;
    return true;
}

base::Result<model::Output> OutputWalk::output() {
    if (!block_) return base::Error{"TRB-MODEL-001", "gone"};
    const size_t index = seq() - block_->first_seq;
    auto output = index < records_.size() ? model::decode_output(records_[index])
                                          : base::Result<model::Output>(base::Error{"TRB-MODEL-001", "missing"});
    const bool thinned = index >= records_.size() && log_ == model::Log::thinned;  // an empty row stands for them
    if (!output && !thinned && damage_ != nullptr) {
        auto gap = damaged_gap(source_, log_, seq(), seq() + 1, block_.get());
        gap.incarnation = block_->incarnation;
        damage_->note(std::move(gap));
    }
    return output;
}

}  // namespace tributary::gateway
