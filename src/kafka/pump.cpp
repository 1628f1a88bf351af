// SPDX-License-Identifier: Apache-2.0
#include "kafka/pump.hpp"

#include <chrono>
#include <utility>

namespace tributary::kafka {

using base::kNsPerMs;
using base::kNsPerSecond;

void Pump::step(int64_t timeout_ns) {
    const int64_t now_ns = clock_.boot_ns();
    if (!producer_ && !ended_ && now_ns >= start_at_ns_) start_producer();
    bool busy = false;
    if (rotate_.exchange(false)) begin_rotation();
    if (rotate_until_ns_ != 0) rotate_now();
    if (producer_) {
        busy = drain(0);
        if (!restart_as_ && check_due(now_ns)) {
            check(timeout_ns);
            busy = true;
        }
        const auto up = [&] { return !restart_as_ && connected_ && !progress_missing_; };
        if (exact_ && up()) busy |= transact();
        if ((!exact_ || exact_->ready()) && up()) busy |= pull();
    }
    if (!busy) wait(timeout_ns);
    advance();
    publish();
}

void Pump::wait(int64_t timeout_ns) {
    if (!producer_) timeout_ns = std::min(timeout_ns, std::max<int64_t>(start_at_ns_ - clock_.boot_ns(), kNsPerMs));
    if (next_batch_ns_ > clock_.boot_ns()) timeout_ns = std::min(timeout_ns, next_batch_ns_ - clock_.boot_ns());
    if (pace_.resume_ns() > clock_.boot_ns()) timeout_ns = std::min(timeout_ns, pace_.resume_ns() - clock_.boot_ns());
    if (exact_ && exact_->open())  // it is to be closed in time
        timeout_ns = std::min(timeout_ns, std::max(exact_->opened_ns() + kTransactionNs - clock_.boot_ns(), kNsPerMs));
    const bool idle = !producer_ || (!restart_as_ && connected_ && !more_);
    if (!idle) {
        drain(to_ms(std::min(timeout_ns, restart_as_ ? 50 * kNsPerMs : timeout_ns)));
        return;
    }
    // Nothing to send: a delivery report alone is no reason to run; they are read together a little later.
    if (in_flight() > 0 || creating_) timeout_ns = std::min(timeout_ns, kGatherReportsNs);
    {
        std::unique_lock lock(mutex_);
        woken_up_.wait_for(lock, std::chrono::nanoseconds(timeout_ns), [&] { return woken_; });
        woken_ = false;
    }
    if (producer_) drain(0);
}

void Pump::wake() {
    const std::lock_guard lock(mutex_);
    woken_ = true;
    woken_up_.notify_one();
    if (producer_) producer_->wake();
}

bool Pump::flush(int64_t timeout_ns) {
    const int64_t until_ns = clock_.boot_ns() + timeout_ns;
    ending_ = true;
    const auto open = [&] { return exact_ && exact_->open() && !restart_as_; };
    while (producer_ && (in_flight() > 0 || open()) && clock_.boot_ns() < until_ns) {
        rd_kafka_flush(producer_->handle(), 10);  // sends without lingering
        drain(10);
        if (open()) {
            int budget = kItemsPerStep;  // of what is begun, the rest
            for (size_t i = 0; i < lanes_.size() && !restart_as_; i++)
                if (lanes_[i].usable() && lanes_[i].mid_record()) pull(i, budget, SIZE_MAX);
            if (open()) transact();
        }
        advance();
        publish();
    }
    ending_ = false;
    return in_flight() == 0 && !open();
}

void Pump::advance() {
    const int64_t now_ns = clock_.boot_ns();
    if (!restart_as_ && sending_ == Sending::singly && !(exact_ && exact_->open()) &&
        std::all_of(lanes_.begin(), lanes_.end(), [](const Lane& lane) {
            return !lane.rewind_wanted && (lane.singly_done() || (lane.held_until_ns != 0 && lane.flying() == 0));
        }))
        restart(Sending::batched, "");
    if (restart_as_ && (in_flight() == 0 || now_ns >= drain_until_ns_)) end_producer();
    for (auto& lane : lanes_)
        if (lane.rewind_wanted && lane.flying() == 0) lane.rewind();
    if (connected_ && in_flight() > 0 && now_ns - last_report_ns_ > kSilenceNs) {
        last_report_ns_ = now_ns;
        silent_ = true;  // are they still there, and why do they take nothing?
    }
}

void Pump::publish() {
    for (auto& lane : lanes_) lane.report(progress_);
    now_.in_flight = in_flight();
    counters_.in_flight.set(static_cast<int64_t>(now_.in_flight));
    counters_.connected.set(connected_ ? 1 : 0);
    const std::lock_guard lock(mutex_);
    counters_.delivered.add(now_.delivered - shown_.delivered);
    counters_.refused.add(now_.refused - shown_.refused);
    counters_.resent.add(now_.resent - shown_.resent);
    counters_.clamped.add(now_.clamped - shown_.clamped);
    counters_.producers.add(now_.producers - shown_.producers);
    counters_.sent_bytes.add(now_.sent_bytes - shown_.sent_bytes);
    counters_.received_bytes.add(now_.received_bytes - shown_.received_bytes);
    counters_.throttle.set(now_.throttle_ms);
    shown_.delivered = now_.delivered, shown_.refused = now_.refused, shown_.resent = now_.resent;
    shown_.clamped = now_.clamped, shown_.producers = now_.producers, shown_.in_flight = now_.in_flight;
    shown_.sent_bytes = now_.sent_bytes, shown_.received_bytes = now_.received_bytes;
    shown_.throttle_ms = now_.throttle_ms;
    shown_.connected = connected_;
    if (shown_.error != error_) shown_.error = error_;
}

bool Pump::start_producer() {
    auto handle = make_producer(settings_, brokers_, sending_);
    if (!handle) {  // create() has tried the same configuration: this is memory, threads, files of keys
        error_ = handle.error().text();
        metrics_.degraded("kafka", handle.error().code, handle.error().message);
        healthy_ = false;
        start_at_ns_ = clock_.boot_ns() + kHoldNs;
        return false;
    }
    auto producer = std::make_unique<Producer>(std::move(*handle));
    const std::lock_guard lock(mutex_);
    producer_ = std::move(producer);
    now_.producers++;
    connected_ = creating_ = false;
    life_ = {};
    return true;
}

// Files that this client does not take are found out before anything is given up.
void Pump::begin_rotation() {
    const auto trial = make_producer(settings_, brokers_, sending_);
    if (!trial) {
        metrics_.degraded(
            "tls-kafka", "TRB-TLS-002",
            "the new certificate files of kafka are not used, the ones before stay in force: " + trial.error().message);
        return;
    }
    if (producer_) rotate_until_ns_ = clock_.boot_ns() + kRotateNs;
}

// Nothing more is pulled (see pull()), and what is in flight lands. Then the next producer begins.
void Pump::rotate_now() {
    if (!producer_ || restart_as_) {  // it is new, or will be
        rotate_until_ns_ = 0;
        return;
    }
    const bool empty = in_flight() == 0 && !(exact_ && exact_->open());
    if (!empty && clock_.boot_ns() < rotate_until_ns_) return;
    rotate_until_ns_ = 0;
    backoff_ns_ = 0;
    restart(sending_, empty ? "" : "the certificates have changed");
    base::log::info("kafka: a producer with the new certificates takes over");
}

// The next life begins at the cursors; what is known to be delivered is not sent again.
void Pump::restart(Sending next, const std::string& why) {
    if (restart_as_) {
        if (next == Sending::singly) restart_as_ = next;
        return;
    }
    restart_as_ = next;
    drain_until_ns_ = clock_.boot_ns() + kDrainNs;
    producer_->stop_sending();
    if (why.empty()) return;
    error_ = why;
    base::log::warning("kafka: a new producer takes over at the cursors: {}", why);
}

void Pump::end_producer() {
    std::unique_ptr<Producer> old;
    {
        const std::lock_guard lock(mutex_);
        old = std::move(producer_);
    }
    old.reset();  // only now are the bytes of what was in flight free
    if (*restart_as_ == Sending::singly && sending_ == Sending::batched)
        for (auto& lane : lanes_) lane.begin_singly();
    if (exact_) exact_->forget_producer();
    sending_ = *restart_as_;
    restart_as_.reset();
    connected_ = creating_ = false;
    for (auto& lane : lanes_) {
        lane.abandon();
        lane.rewind();
    }
    start_at_ns_ = clock_.boot_ns() + backoff_ns_;
    backoff_ns_ = std::clamp(backoff_ns_ * 2, 500 * kNsPerMs, 30 * kNsPerSecond);
}

void Pump::hold(Lane& lane, const std::string& code, const std::string& text) {
    lane.held_until_ns = clock_.boot_ns() + kHoldNs;
    error_ = text;
    metrics_.degraded("kafka", code, text);
    healthy_ = false;
}

}  // namespace tributary::kafka
