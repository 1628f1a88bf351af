// SPDX-License-Identifier: Apache-2.0
#include "gateway/feeds.hpp"

#include "base/log.hpp"
#include "gateway/writer.hpp"

namespace tributary::gateway {

// --- parts of a log ---

Stretch Part::stretch(uint64_t seq) const {
    if (catch_up == nullptr) return {seq, kLogEnd};
    return backfill ? catch_up->backfill(seq) : catch_up->live(seq);
}

uint64_t Part::done(uint64_t cursor) const {
    if (catch_up == nullptr) return cursor;
    backfill ? catch_up->backfill_done(cursor) : catch_up->live_done(cursor);
    return catch_up->cursor();
}

// What has piled up goes apart, and what comes now goes at once.
void Part::linked(model::Log log, uint64_t position, uint64_t end) const {
    if (catch_up == nullptr || backfill) return;
    position = catch_up->live(position).from;  // it may not have moved since the last time
    if (end <= position || end - position < least) return;
    if (!catch_up->leave(position, end)) return;
    if (claims != nullptr) claims->leave(log, {position, end});
    base::log::info("kafka: {} records of {} that waited go to the backfill topic; new ones go at once", end - position,
                    model::log_name(log));
}

void Part::address(record::KafkaRecord& record) const {
    if (backfill) record.topic += kafka::kBackfill;
}

// --- outputs ---

void OutputFeed::linked() {
    if (const auto end = source_.reader().next_seq(log()))
        part_.linked(log(), std::max(furthest_, walk_.position()), *end);
}

void OutputFeed::seek(uint64_t seq) {
    furthest_ = std::max(furthest_, walk_.position());
    walk_.seek(seq);
}

bool OutputFeed::next(kafka::Item& item) {
    item = {};
    const auto pass_to = [&](uint64_t seq) {
        walk_.seek(seq);
        item.seq = seq - 1;
        item.nothing = true;
        return true;
    };
    const auto stretch = part_.stretch(walk_.position());
    if (stretch.from == kLogEnd) return false;
    if (stretch.from > walk_.position()) return pass_to(stretch.from);  // the other feed's
    if (!walk_.next()) return false;
    if (walk_.seq() >= stretch.to) return pass_to(stretch.to);  // records were missing up to there
    item.seq = walk_.seq();
    auto output = walk_.output();
    if (!output) {
        item.nothing = true;
        return true;
    }
    record::project(routing_.source(walk_.block()->incarnation), *output, item.seq, record_);
    routing_.address(*output, record_);
    part_.address(record_);
    item.record = &record_;
    item.value = record_.value;
    return true;
}

// --- intake ---

void IntakeFeed::seek(uint64_t seq) {
    furthest_ = std::max(furthest_, walk_.position());
    walk_.seek(seq);
    parts_.clear();
    part_ = 0;
    reported_ = seq - 1;
}

// Accounts of another configuration: Items in flight point to the old ones.
void IntakeFeed::follow_configuration() {
    if (walk_.generation() == generation_) return;
    generation_ = walk_.generation();
    anything_ = false;
    for (const auto& stream : walk_.settings().streams)
        if (stream.forwards(config::kForwardAll) || stream.forwards(config::kForwardRaw)) anything_ = true;
    for (auto& [streams, accounts] : accounts_) old_accounts_.push_back(std::move(accounts));
    accounts_.clear();
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
    for (const uint32_t stream : walk_.projection().streams_of(message->topic)) {
        const auto& settings = walk_.settings().streams[stream];
        bool forwarded = false;
        if (settings.forwards(config::kForwardRaw)) {
            if (!raw) parts_.push_back({true, stream, {}});  // the same bytes for every stream: once
            raw = forwarded = true;
        }
        if (settings.forwards(config::kForwardAll) && !walk_.poison()) {
            projected_.clear();
            if (walk_.projection().readings(*message, record.arrival_ns, stream, projected_)) {
                forwarded = true;
                for (auto& one : projected_) {
                    if (series_.size() <= names) series_.emplace_back();
                    series_[names++].assign(one.series);
                    parts_.push_back({false, stream, one});
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
        for (const uint32_t stream : forwarding_) accounts->push_back(walk_.settings().streams[stream].name);
    }
    account_ = accounts.get();
    return true;
}

void IntakeFeed::fill(kafka::Item& item) {
    const auto& part = parts_[part_];
    const bool several = parts_.size() > 1;
    const auto n = static_cast<uint32_t>(part_);
    const auto& current = walk_.record();
    const auto& message = *current.message();
    const auto source = routing_.source(walk_.block()->incarnation);
    if (part.raw) {
        record::project_raw(source, message, current.seq, current.arrival_ns, walk_.clock(), false, record_);
        if (several) {
            record_.id.clear();
            record::append_id(record_.id, walk_.block()->incarnation, model::Log::intake, current.seq, n, true);
        }
        routing_.address(walk_.settings().streams[part.stream], message.topic, record_);
        item.value = message.payload;
        item.keep = walk_.block();
    } else {
        const auto& stream = *part.projected.stream;
        record::project(source, part.projected.series, part.projected.reading, stream.unit, stream.labels, current.seq,
                        n, several, record_);
        routing_.address(stream, part.projected.series, record_);
        item.value = record_.value;
    }
    item.seq = current.seq;
    item.n = n;
    part_of_log_.address(record_);
    item.last = ++part_ == parts_.size();
    item.record = &record_;
    item.accounts = account_;
}

bool IntakeFeed::next(kafka::Item& item) {
    item = {};
    if (part_ < parts_.size()) return fill(item), true;
    const uint64_t limit = limit_();
    for (auto stretch = part_of_log_.stretch(walk_.position()); stretch.from < limit;
         stretch = part_of_log_.stretch(stretch.to)) {
        if (stretch.from > walk_.position()) walk_.seek(stretch.from);  // the other feed's
        while (walk_.next(std::min(limit, stretch.to))) {
            follow_configuration();
            if (!begin_message(walk_.record())) continue;
            reported_ = walk_.record().seq;
            return fill(item), true;
        }
        if (walk_.position() < stretch.to) break;  // not there yet
    }
    if (walk_.position() <= reported_ + 1) return false;
    reported_ = item.seq = walk_.position() - 1;
    item.nothing = true;
    return true;
}

}  // namespace tributary::gateway
