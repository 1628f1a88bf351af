// SPDX-License-Identifier: Apache-2.0
#include "gateway/open_block.hpp"

#include <algorithm>
#include <chrono>
#include <type_traits>

namespace tributary::gateway {
namespace {

// What a message costs us besides its bytes: ticket, lengths, dictionary.
constexpr size_t kOverhead = 32;

}  // namespace

void OpenBlock::opened() {
    opened_ns_ = clock_.boot_ns();
    to_writer_.notify_one();  // it has a time to wait for now
}

void OpenBlock::close() {
    ClosedBlock block;
    for (size_t i = 0; i < used_; i++) {
        auto& writer = writers_[static_cast<size_t>(order_[i])];
        block.parts.push_back(
            {order_[i], writer.count(), writer.first_time_ns(), writer.last_time_ns(), writer.take()});
    }
    block.count = std::exchange(records_, 0);
    used_ = 0, bytes_ = 0;
    block.newest_ns = stamped_ns_;
    if (!counted_.empty()) {
        block.counted = counted_;
        block.classes = classes_;
        std::fill(counted_.begin(), counted_.end(), 0);
    }
    const size_t tickets = tickets_.size();
    block.tickets = std::move(tickets_);
    tickets_ = {};
    tickets_.reserve(tickets);
    block.configs = std::exchange(configs_, {});
    block.clocks = std::exchange(clocks_, {});
    block.duplicates = std::exchange(duplicates_, 0);
    block.session = session_;
    block.cost_bytes = std::exchange(open_cost_bytes_, 0);
    closed_.push_back(std::move(block));
    to_writer_.notify_one();
}

// Lock held. In the resolution of the log, so that everybody who reads it there sees the same.
int64_t OpenBlock::stamp() {
    int64_t now = base::floor_to(arrival_.now_ns(), base::kNsPerUs);
    if (now < stamped_ns_ && now >= stamped_ns_ - model::kSmallStepNs) now = stamped_ns_;
    return stamped_ns_ = now;
}

// Lock held.
model::IntakeBlockWriter& OpenBlock::part(model::Priority priority) {
    auto& writer = writers_[static_cast<size_t>(priority)];
    if (writer.count() == 0) {
        order_[used_++] = priority;
        bytes_ += writer.bytes();
    }
    return writer;
}

// Lock held. Whatever came before it stands before it in the log, and what comes after it behind it.
model::IntakeBlockWriter& OpenBlock::for_control() {
    if (used_ > 1) {
        close();
        opened();
    }
    return part(used_ == 0 ? model::Priority::normal : order_[0]);
}

// Messages of a topic may change their class: what came before stands in a block before.
void OpenBlock::set_classes(std::shared_ptr<Classes> classes) {
    const std::lock_guard lock(mutex_);
    if (used_ > 0) close();
    if (classes && classes->plain()) classes = nullptr;  // nothing to ask
    classes_ = std::move(classes);
    counted_.assign(classes_ ? classes_->with_quota().size() * model::kPriorities : 0, 0);
}

bool OpenBlock::message(const model::Message& message, const mqtt::Ticket* ticket) {
    const std::lock_guard lock(mutex_);
    const size_t cost = message.topic.size() + message.payload.size() + kOverhead;
    if (in_use_bytes_ > 0 && in_use_bytes_ + cost > limits_.queue_bytes) return false;
    in_use_bytes_ += cost;
    open_cost_bytes_ += cost;
    if (!has_content()) opened();
    last_message_ns_ = clock_.boot_ns();
    const auto* topic = classes_ ? &classes_->of(message.topic) : nullptr;
    const auto priority = topic != nullptr ? topic->priority : model::Priority::normal;
    auto& writer = part(priority);
    const size_t before = writer.bytes();
    writer.add(stamp(), message);
    records_++;
    bytes_ += writer.bytes() - before;
    if (topic != nullptr)
        for (const uint32_t index : topic->counted)
            counted_[index * model::kPriorities + static_cast<size_t>(priority)] += writer.bytes() - before;
    if (ticket != nullptr) tickets_.push_back(*ticket);
    session_ = std::max(session_, message.session);  // what is taken in again has none
    if (records_ >= limits_.messages || bytes_ >= limits_.bytes)
        close();
    else if (limits_.stall_messages > 0 && tickets_.size() == limits_.stall_messages)
        to_writer_.notify_one();
    return true;
}

void OpenBlock::acknowledge_only(const mqtt::Ticket& ticket) {
    const std::lock_guard lock(mutex_);
    if (!has_content()) opened();
    tickets_.push_back(ticket);
    duplicates_++;
    last_message_ns_ = clock_.boot_ns();
    if (tickets_.size() >= limits_.messages) close();
}

bool OpenBlock::wait_for_room(int64_t timeout_ns) {
    std::unique_lock lock(mutex_);
    // Full means: do not gather any longer either.
    if (has_content()) close();
    return to_sender_.wait_for(lock, std::chrono::nanoseconds(timeout_ns),
                               [&] { return in_use_bytes_ < limits_.queue_bytes / 2; });
}

void OpenBlock::session(const model::SessionRecord& record) {
    const std::lock_guard lock(mutex_);
    if (!has_content()) opened();
    auto& writer = for_control();
    writer.add(stamp(), record);
    records_++;
    session_ = record.session;
}

template <class Record>
void OpenBlock::control(const Record& record, bool at_once) {
    const std::lock_guard lock(mutex_);
    if (!has_content()) opened();
    auto& writer = for_control();
    if constexpr (std::is_same_v<Record, model::ConfigRecord>) configs_.emplace_back(writer.count(), record.text);
    const int64_t before_ns = stamped_ns_;
    if constexpr (std::is_same_v<Record, model::ClockRecord>) arrival_.set_anchor_ns(record.anchor_ns);
    const int64_t now_ns = stamp();
    if constexpr (std::is_same_v<Record, model::ClockRecord>)
        clocks_.push_back(
            {writer.count(), now_ns, writer.count() > 0 ? std::optional(before_ns) : std::nullopt, record});
    const size_t before = writer.bytes();
    writer.add(now_ns, record);
    records_++;
    bytes_ += writer.bytes() - before;
    if (at_once) close();
}

template void OpenBlock::control(const model::ClockRecord&, bool);
template void OpenBlock::control(const model::ConfigRecord&, bool);
template void OpenBlock::control(const model::MuteRecord&, bool);
template void OpenBlock::control(const model::SkipRecord&, bool);
template void OpenBlock::control(const model::TickRecord&, bool);

bool OpenBlock::due() const {
    if (!has_content()) return false;
    const int64_t now = clock_.boot_ns();
    if (now >= opened_ns_ + gather_ns()) return true;
    return limits_.stall_messages > 0 && tickets_.size() >= limits_.stall_messages &&
           now >= last_message_ns_ + limits_.stall_ns;
}

std::optional<ClosedBlock> OpenBlock::take(int64_t until_ns) {
    std::unique_lock lock(mutex_);
    while (true) {
        if (closed_.empty() && due()) close();
        if (!closed_.empty()) {
            auto block = std::move(closed_.front());
            closed_.pop_front();
            return block;
        }
        const int64_t now = clock_.boot_ns();
        if (std::exchange(woken_, false) || now >= until_ns) return std::nullopt;
        int64_t wait = until_ns == base::kNever ? 3600 * base::kNsPerSecond : until_ns - now;
        if (has_content()) {
            wait = std::min(wait, opened_ns_ + gather_ns() - now);
            if (limits_.stall_messages > 0 && tickets_.size() >= limits_.stall_messages)
                wait = std::min(wait, last_message_ns_ + limits_.stall_ns - now);
        }
        to_writer_.wait_for(lock, std::chrono::nanoseconds(std::max<int64_t>(wait, 0)));
    }
}

std::optional<ClosedBlock> OpenBlock::take_now() {
    const std::lock_guard lock(mutex_);
    if (closed_.empty() && has_content()) close();
    if (closed_.empty()) return std::nullopt;
    auto block = std::move(closed_.front());
    closed_.pop_front();
    return block;
}

void OpenBlock::committed(size_t bytes) {
    const std::lock_guard lock(mutex_);
    in_use_bytes_ -= std::min(bytes, in_use_bytes_);
    to_sender_.notify_all();
}

void OpenBlock::wake() {
    const std::lock_guard lock(mutex_);
    woken_ = true;
    to_writer_.notify_one();
}

size_t OpenBlock::bytes_in_use() const {
    const std::lock_guard lock(mutex_);
    return in_use_bytes_;
}

}  // namespace tributary::gateway
