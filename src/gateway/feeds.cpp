// SPDX-License-Identifier: Apache-2.0
#include "gateway/feeds.hpp"

#include "base/log.hpp"
#include "gateway/writer.hpp"

namespace tributary::gateway {

// --- outputs ---

bool OutputFeed::next(kafka::Item& item) {
    item = {};
    if (!walk_.next()) return false;
    item.seq = walk_.seq();
    auto output = walk_.output();
    if (!output) {
        item.nothing = true;
        return true;
    }
    record::project({gateway_, prefix_, walk_.block()->incarnation}, *output, item.seq, record_);
    item.record = &record_;
    item.value = record_.value;
    return true;
}

// --- intake ---

void IntakeFeed::seek(uint64_t seq) {
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
            if (!raw) parts_.push_back({true, {}});  // the same bytes for every stream: once
            raw = forwarded = true;
        }
        if (settings.forwards(config::kForwardAll) && !walk_.poison()) {
            projected_.clear();
            if (walk_.projection().readings(*message, record.arrival_ns, stream, projected_)) {
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
        for (const uint32_t stream : forwarding_) accounts->push_back(walk_.settings().streams[stream].name);
    }
    account_ = accounts.get();
    return true;
}

record::Source IntakeFeed::source_of_block() const { return {gateway_, prefix_, walk_.block()->incarnation}; }

void IntakeFeed::fill(kafka::Item& item) {
    const auto& part = parts_[part_];
    const bool several = parts_.size() > 1;
    const auto n = static_cast<uint32_t>(part_);
    const auto& current = walk_.record();
    const auto& message = *current.message();
    if (part.raw) {
        record::project_raw(source_of_block(), message, current.seq, current.arrival_ns, walk_.clock(), false, record_);
        if (several) {
            record_.id.clear();
            record::append_id(record_.id, walk_.block()->incarnation, model::Log::intake, current.seq, n, true);
        }
        item.value = message.payload;
        item.keep = walk_.block();
    } else {
        const auto& stream = *part.projected.stream;
        record::project(source_of_block(), part.projected.series, part.projected.reading, stream.unit, stream.labels,
                        current.seq, n, several, record_);
        item.value = record_.value;
    }
    item.seq = current.seq;
    item.n = n;
    item.last = ++part_ == parts_.size();
    item.record = &record_;
    item.accounts = account_;
}

bool IntakeFeed::next(kafka::Item& item) {
    item = {};
    if (part_ < parts_.size()) return fill(item), true;
    const uint64_t limit = limit_();
    while (walk_.next(limit)) {
        follow_configuration();
        if (!begin_message(walk_.record())) continue;
        reported_ = walk_.record().seq;
        return fill(item), true;
    }
    if (walk_.position() <= reported_ + 1) return false;
    reported_ = item.seq = walk_.position() - 1;
    item.nothing = true;
    return true;
}

}  // namespace tributary::gateway
