// SPDX-License-Identifier: Apache-2.0
#include "gateway/feeds.hpp"

#include "base/log.hpp"
#include "gateway/writer.hpp"

namespace tributary::gateway {

// --- outputs ---

bool OutputFeed::load() {
    if (block_ && next_ >= block_->first_seq && next_ < block_->end_seq()) return true;
    block_ = source_.at(log_, next_);
    records_.clear();
    if (!block_) return false;
    next_ = std::max(next_, block_->first_seq);
    if (!model::for_each_output(block_->body, [&](uint32_t, std::string_view bytes) { records_.push_back(bytes); }))
        base::log::error("TRB-MODEL-001: {} block {} does not follow its format", model::log_name(log_),
                         block_->first_seq);
    return true;
}

bool OutputFeed::next(kafka::Item& item) {
    item = {};
    if (!load()) return false;
    item.seq = next_++;
    const size_t index = item.seq - block_->first_seq;
    auto output = index < records_.size() ? model::decode_output(records_[index])
                                          : base::Result<model::Output>(base::Error{"TRB-MODEL-001", "missing"});
    if (!output) {
        item.nothing = true;
        return true;
    }
    record::project({gateway_, prefix_, block_->incarnation}, *output, item.seq, record_);
    item.record = &record_;
    item.value = record_.value;
    return true;
}

// --- intake ---

void IntakeFeed::seek(uint64_t seq) {
    next_ = seq;
    block_ = nullptr;
    reader_ = nullptr;
    parts_.clear();
    part_ = 0;
    passed_ = 0;
    projection_ = nullptr;  // the configuration in force there may be another one
}

void IntakeFeed::configure(std::string_view text) {
    auto loaded = config::parse_engine_text(text);
    if (!loaded.ok()) {
        base::log::error(
            "TRB-ENGINE-002: a recorded configuration cannot be read; readings under it are not forwarded");
        settings_ = std::make_shared<config::Settings>();
    } else {
        settings_ = std::make_shared<const config::Settings>(std::move(*loaded.settings));
    }
    projection_ = engine::make_projection(settings_);
    projection_->set_clock(clock_);
    anything_ = false;
    for (const auto& stream : settings_->streams)
        if (stream.forwards(config::kForwardAll) || stream.forwards(config::kForwardRaw)) anything_ = true;
    for (auto& [streams, accounts] : accounts_) old_accounts_.push_back(std::move(accounts));
    accounts_.clear();
}

bool IntakeFeed::load(uint64_t limit) {
    if (next_ >= limit) return false;
    if (!projection_) {
        auto config = source_.reader().config_at(next_);
        if (!config) return false;
        if (!load_clocks()) return false;
        clock_ = clocks_.at(next_);
        configure(*config ? std::string_view((**config).second) : std::string_view());
    }
    block_ = source_.at(model::Log::intake, next_);
    if (!block_) return false;
    reader_ = std::make_unique<model::IntakeBlockReader>(block_->body, block_->first_seq);
    return true;
}

bool IntakeFeed::load_clocks() {
    auto meta = source_.reader().meta();
    if (meta) clocks_ = ClockHistory((*meta)["clocks"]);
    return meta.ok();
}

bool IntakeFeed::begin_message(const model::IntakeRecord& record) {
    parts_.clear();
    part_ = 0;
    account_ = nullptr;
    const auto* message = record.message();
    if (message == nullptr || !anything_) return false;
    forwarding_.clear();
    size_t names = 0;
    bool raw = false;
    for (const uint32_t stream : projection_->streams_of(message->topic)) {
        const auto& settings = settings_->streams[stream];
        bool forwarded = false;
        if (settings.forwards(config::kForwardRaw)) {
            if (!raw) parts_.push_back({true, {}});  // the same bytes for every stream: once
            raw = forwarded = true;
        }
        if (settings.forwards(config::kForwardAll)) {
            projected_.clear();
            if (projection_->readings(*message, record.arrival_ns, stream, projected_)) {
                forwarded = true;
                for (auto& one : projected_) {
                    if (series_.size() <= names) series_.emplace_back();
                    series_[names++].assign(one.series);
                    parts_.push_back({false, one});
                }
            }
        }
        if (forwarded) forwarding_.push_back(stream);
    }
    names = 0;
    for (auto& part : parts_)
        if (!part.raw) part.projected.series = series_[names++];
    if (parts_.empty()) return false;
    auto& accounts = accounts_[forwarding_];
    if (!accounts) {
        accounts = std::make_unique<kafka::Accounts>();
        for (const uint32_t stream : forwarding_) accounts->push_back(settings_->streams[stream].name);
    }
    account_ = accounts.get();
    return true;
}

record::Source IntakeFeed::source_of_block() const { return {gateway_, prefix_, block_->incarnation}; }

void IntakeFeed::fill(kafka::Item& item) {
    const auto& part = parts_[part_];
    const bool several = parts_.size() > 1;
    const auto n = static_cast<uint32_t>(part_);
    const auto& message = *current_.message();
    if (part.raw) {
        record::project_raw(source_of_block(), message, current_.seq, current_.arrival_ns, clock_, false, record_);
        if (several) {
            record_.id.clear();
            record::append_id(record_.id, block_->incarnation, model::Log::intake, current_.seq, n, true);
        }
        item.value = message.payload;
        item.keep = block_;
    } else {
        const auto& stream = *part.projected.stream;
        record::project(source_of_block(), part.projected.series, part.projected.reading, stream.unit, stream.labels,
                        current_.seq, n, several, record_);
        item.value = record_.value;
    }
    item.seq = current_.seq;
    item.n = n;
    item.last = ++part_ == parts_.size();
    item.record = &record_;
    item.accounts = account_;
}

bool IntakeFeed::next(kafka::Item& item) {
    item = {};
    if (part_ < parts_.size()) return fill(item), true;
    const uint64_t limit = limit_();
    while (next_ < limit) {
        if (!reader_ && !load(limit)) break;
        if (!reader_->next(current_)) {
            next_ = std::max(next_, block_->end_seq());
            reader_ = nullptr;
            passed_ = next_ - 1;
            continue;
        }
        if (current_.seq < next_) continue;
        if (current_.seq >= limit) {
            reader_ = nullptr;  // looked one too far; read again when the engine is there
            break;
        }
        // Here a repair may begin, and the engine, which was here before us, knows it by now.
        if (std::holds_alternative<model::ClockRecord>(current_.body) && !load_clocks()) {
            reader_ = nullptr;
            break;
        }
        clocks_.apply(current_);
        next_ = current_.seq + 1;
        if (const auto* config = std::get_if<model::ConfigRecord>(&current_.body)) configure(config->text);
        if (const auto* clock = std::get_if<model::ClockRecord>(&current_.body)) {
            clock_ = clock->state;
            projection_->set_clock(clock_);
        }
        if (begin_message(current_)) {
            passed_ = 0;
            return fill(item), true;
        }
        passed_ = current_.seq;
    }
    if (passed_ == 0) return false;
    item.seq = passed_;
    item.nothing = true;
    passed_ = 0;
    return true;
}

}  // namespace tributary::gateway
