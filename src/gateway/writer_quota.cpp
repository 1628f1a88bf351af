// SPDX-License-Identifier: Apache-2.0
// The part of the writer that knows who is over quota, and divides the messages to come into classes accordingly.
#include "gateway/writer_transaction.hpp"

namespace tributary::gateway {

void Writer::set_streams(const config::Settings& settings) {
    {
        const std::lock_guard lock(mutex_);
        new_streams_ = std::make_shared<const config::Settings>(settings);
    }
    if (!thread_.joinable()) return follow_streams();
    open_.wake();
}

void Writer::follow_streams() {
    {
        const std::lock_guard lock(mutex_);
        if (!new_streams_) return;
        streams_ = std::exchange(new_streams_, nullptr);
    }
    quotas_.configure(*streams_);
    quotas_.judge(cap_of(store_.usage()));
    divide_streams();
}

void Writer::divide_streams() {
    const auto over = quotas_.over();
    open_.set_classes(std::make_shared<Classes>(*streams_, over));
    std::string names;
    for (const auto& name : over) names += (names.empty() ? "" : ", ") + name;
    if (over.empty())
        metrics_.healthy("quota");
    else
        metrics_.degraded("quota", "TRB-DISK-004",
                          "over quota, so that what comes now gives way before all else: " + names);
    const std::lock_guard lock(mutex_);
    quota_status_ = quotas_.status();
}

// Of a block that was committed and begins at from.
void Writer::count_quotas(const ClosedBlock& block, uint64_t from) {
    if (block.counted.empty()) return;
    // Compressed; a process that has written nothing yet takes what JSON comes to.
    const auto usage = store_.usage();
    const double shrink =
        usage.body_bytes > 0 ? static_cast<double>(usage.stored_bytes) / static_cast<double>(usage.body_bytes) : 0.2;
    const auto& names = block.classes->with_quota();
    for (size_t i = 0; i < names.size(); i++)
        for (size_t p = 0; p < model::kPriorities; p++)
            quotas_.appended(
                names[i], static_cast<model::Priority>(p), from, from + block.count,
                static_cast<int64_t>(static_cast<double>(block.counted[i * model::kPriorities + p]) * shrink));
}

void Writer::judge_quotas(const Transaction& t) {
    if (!quotas_.any()) return;
    quotas_.delivered(cursor(kafka_cursor(model::Log::intake)));
    if (t.thins) quotas_.removed(*t.thins, t.batch.cut->from_seq(), t.batch.cut->to_seq());
    const bool changed = quotas_.judge(cap_of(store_.usage()));
    {
        const std::lock_guard lock(mutex_);
        quota_status_ = quotas_.status();
    }
    if (changed) divide_streams();
}

std::vector<Quotas::Status> Writer::quotas() const {
    const std::lock_guard lock(mutex_);
    return quota_status_;
}

}  // namespace tributary::gateway
