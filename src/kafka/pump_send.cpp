// SPDX-License-Identifier: Apache-2.0
#include "kafka/pump.hpp"

namespace tributary::kafka {

bool Pump::check_due(int64_t now_ns) const {
    if (!connected_ || silent_ || (progress_missing_ && now_ns >= progress_retry_ns_)) return true;
    return std::any_of(lanes_.begin(), lanes_.end(),
                       [&](const Lane& lane) { return lane.held_until_ns != 0 && now_ns >= lane.held_until_ns; });
}

// The wait of an outage happens in here: a broker that comes back ends it.
void Pump::check(int64_t timeout_ns) {
    std::vector<std::string> names;
    for (const auto& lane : lanes_)
        for (const auto& topic : lane.topics())  // intake, reduced and context share one
            if (std::find(names.begin(), names.end(), topic) == names.end()) names.push_back(topic);
    if (exact_) names.push_back(exact_->topic());
    const int limit_ms = std::max(1, std::min(to_ms(timeout_ns), static_cast<int>(check_ms_)));
    const bool silent = std::exchange(silent_, false);
    const TopicCheck found = check_topics(producer_->handle(), names, limit_ms);
    if (!found.reached) {
        check_ms_ = std::min(check_ms_ * 2, kLongestCheckMs);
        if (silent) error_ = "no answer from the brokers";
        connected_ = false;
        if (error_.empty()) error_ = found.error;
        // Again when the reason is known better than at first.
        if (++failed_checks_ == 2 || (failed_checks_ > 2 && advised_ && !told_advice_)) {
            healthy_ = false;
            told_advice_ = advised_;
            metrics_.degraded("kafka", "TRB-KAFKA-004",
                              base::format("no Kafka broker answers: {}; records wait in the store", error_));
        }
        return;
    }
    if (!connected_)
        for (auto& lane : lanes_) lane.linked();
    connected_ = true;
    check_ms_ = kFirstCheckMs, failed_checks_ = 0;
    advised_ = told_advice_ = false;
    const int64_t now_ns = last_report_ns_ = clock_.boot_ns();
    bool all_there = true;
    for (auto& lane : lanes_) {
        if (lane.held_until_ns > now_ns) {  // being there is not enough for a topic we may not write to
            all_there = false;
            continue;
        }
        lane.held_until_ns = 0;
        const auto missing = std::find_if(found.missing.begin(), found.missing.end(),
                                          [&](const auto& topic) { return lane.sends_to(topic); });
        if (missing == found.missing.end()) continue;
        all_there = false;
        if (settings_.kafka.create_topics)
            lane.held_until_ns = now_ns + kHoldNs;
        else
            hold(lane, "TRB-KAFKA-005", missing_topic_text(*missing, settings_.kafka, "create_topics is off"));
    }
    if (exact_) {
        progress_missing_ =
            std::find(found.missing.begin(), found.missing.end(), exact_->topic()) != found.missing.end();
        all_there = all_there && !progress_missing_;
        progress_retry_ns_ = now_ns + kHoldNs;
        if (progress_missing_ && !settings_.kafka.create_topics) {
            error_ = missing_topic_text(exact_->topic(), settings_.kafka, "create_topics is off");
            metrics_.degraded("kafka", "TRB-KAFKA-005", error_);
            healthy_ = false;
        }
    }
    if (silent)
        return say_stuck("TRB-KAFKA-013", found.partitions.empty()
                                              ? "the brokers answer, but have not taken a record for a while"
                                              : found.partitions);
    if (ended_ || stuck_) return;  // nothing gets better by itself
    if (all_there) {
        if (!healthy_) metrics_.healthy("kafka");
        healthy_ = true;
        error_.clear();
    } else if (settings_.kafka.create_topics && !creating_) {
        creating_ = true;
        create_topics(producer_->handle(), producer_->queue(), found.missing, settings_.kafka, false);
    }
}

void Pump::on_topics_made(rd_kafka_event_t* event) {
    creating_ = false;
    const Creation result = creation_result(event);
    if (exact_ && std::find(result.done.begin(), result.done.end(), exact_->topic()) != result.done.end())
        progress_missing_ = false;
    for (const auto& [name, why] : result.failures)
        if (exact_ && name == exact_->topic()) {
            error_ = missing_topic_text(name, settings_.kafka, base::format("cannot be created ({})", why));
            metrics_.degraded("kafka", "TRB-KAFKA-005", error_);
            healthy_ = false;
        }
    for (auto& lane : lanes_) {
        for (const auto& name : result.done)
            if (lane.sends_to(name)) {
                lane.held_until_ns = 0;
                base::log::info("kafka: topic \"{}\" is there", name);
            }
        for (const auto& [name, why] : result.failures)
            if (lane.held_until_ns != 0 && (name.empty() || lane.sends_to(name)))
                hold(lane, "TRB-KAFKA-005",
                     missing_topic_text(name.empty() ? lane.topics().front() : name, settings_.kafka,
                                        base::format("cannot be created ({})", why)));
    }
    if (result.failures.empty()) {
        metrics_.healthy("kafka");
        healthy_ = true;
        error_.clear();
    }
}

// Brokers are there and take nothing.
void Pump::say_stuck(const std::string& code, const std::string& why) {
    stuck_ = true;
    healthy_ = false;
    error_ = why;
    metrics_.degraded("kafka", code, base::format("{}; records wait in the store", error_));
}

bool Pump::pull() {
    int budget = kItemsPerStep;
    bool any = false;
    more_ = false;
    const int64_t now_ns = clock_.boot_ns();
    const bool due = now_ns >= next_batch_ns_;  // over a metered link: it is time for a batch, or one is under way
    const auto now = [&](const Lane& lane) {
        return due || lane.log() == model::Log::events;
    };  // somebody waits for them
    for (size_t i = 0; i < lanes_.size() && !restart_as_; i++)
        if (!lanes_[i].backfill() && lanes_[i].usable() && now(lanes_[i])) any |= pull(i, budget, SIZE_MAX);
    if (due) any |= pull_backfill(budget);
    if (settings_.kafka.metered() && due && !any && !more_ && budget == kItemsPerStep)
        next_batch_ns_ = now_ns + settings_.kafka.send_every_ns;
    return any || budget < kItemsPerStep;
}

bool Pump::pull_backfill(int& budget) {
    const auto flying = [&] {
        size_t sum = 0;
        for (const auto& lane : lanes_) sum += lane.backfill() ? lane.flying() : 0;
        return sum;
    };
    const int64_t now_ns = clock_.boot_ns();
    const size_t before = flying();
    if (before == 0) pace_.landed(now_ns);
    bool any = false;
    for (size_t i = 0; i < lanes_.size() && !restart_as_; i++) {
        if (!lanes_[i].backfill() || !lanes_[i].usable()) continue;
        const size_t sent = flying() - before, room = pace_.room(now_ns);
        if (sent < room) any |= pull(i, budget, room - sent);
    }
    pace_.sent(flying() - before, now_ns);
    more_ |= flying() > 0;  // its end is to be seen when it comes: the next batch waits for it
    return any;
}

bool Pump::pull(size_t index, int& budget, size_t most) {
    Lane& lane = lanes_[index];

    const size_t window = kWindow - std::min(index, size_t{8}) * kReservePerLane;
    size_t others = in_flight() - lane.flying();
    bool any = false;
    const size_t before = lane.flying();
    while (others + lane.flying() < window && lane.flying() - before < most) {
        if ((rotate_until_ns_ != 0 || (exact_ && exact_->open() && closing())) && !lane.mid_record()) break;
        const Item* item = lane.fetch(budget);
        if (item == nullptr) {
            more_ |= budget == 0 || lane.busy();
            return any;
        }
        if (sending_ == Sending::singly && !lane.may_send_singly(item->record->key)) break;
        if (!send(lane, index, *item)) break;
        any = true;
    }
    more_ = true;
    return any;
}

// False: not now.
bool Pump::send(Lane& lane, size_t index, const Item& item) {
    const record::KafkaRecord& record = *item.record;
    Lane::Slot& slot = lane.pending();
    const auto stamp = stamps_.stamp(record.timestamp_ms, slot.stamp_refused, clock_);
    const bool own = item.keep == nullptr && item.value.data() == nullptr;
    const uintptr_t id =
        (uintptr_t{index} << Lane::kPositionBits) | (lane.position() & ((uintptr_t{1} << Lane::kPositionBits) - 1));
    slot.stamp_ms = stamp.ms;
    const std::string_view value = own ? std::string_view(record.value) : item.value;
    if (exact_ && !exact_->open()) {
        outcome(exact_->begin(producer_->handle(), clock_.boot_ns()));
        if (!exact_->open()) return false;
    }
    const auto error = producer_->send({record, value, item.keep == nullptr, stamp.ms,
                                        stamp.unsynced ? std::string_view("unsynced") : record.time_mark,
                                        settings_.gateway.id, reinterpret_cast<void*>(id)});
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR) {
        now_.resent += slot.sent_before ? 1 : 0;
        now_.clamped += stamp.clamped && !slot.sent_before ? 1 : 0;
        lane.sent();
        if (exact_) exact_->sent();
        return true;
    }
    if (error == RD_KAFKA_RESP_ERR__QUEUE_FULL) return false;
    switch (trouble_of(error)) {
        case Trouble::stamp:
        case Trouble::record:
            refuse(lane, slot, record.topic, record.key, error, value.size());
            lane.refuse_pending();
            return true;
        case Trouble::topic:
            lane.add_topic(record.topic);
            hold(lane, "TRB-KAFKA-006",
                 base::format("Kafka does not know \"{}\" any more, its records wait in the store. {}", record.topic,
                              in_plain_words(error, record.topic)));
            return false;
        case Trouble::passing:
            restart(sending_, rd_kafka_err2str(error));
            return false;
    }
    return false;
}

}  // namespace tributary::kafka
