// SPDX-License-Identifier: Apache-2.0
#include "kafka/pump.hpp"

#include <charconv>
#include <utility>

namespace tributary::kafka {

using State = Lane::State;

bool Pump::drain(int timeout_ms) {
    bool any = false;
    for (auto event = producer_->event(timeout_ms); event; event = producer_->event(0)) {
        any = true;
        on_event(event.get());
    }
    return any;
}

void Pump::on_event(rd_kafka_event_t* event) {
    switch (rd_kafka_event_type(event)) {
        case RD_KAFKA_EVENT_DR:
            last_report_ns_ = clock_.boot_ns();
            while (const auto* message = rd_kafka_event_message_next(event)) on_report(*message);
            break;
        case RD_KAFKA_EVENT_ERROR:
            on_error(event);
            break;
        case RD_KAFKA_EVENT_LOG:
            on_log(event);
            break;
        case RD_KAFKA_EVENT_CREATETOPICS_RESULT:
            on_topics_made(event);
            break;
        case RD_KAFKA_EVENT_STATS:
            on_statistics(rd_kafka_event_stats(event));
            break;
        default:
            break;
    }
}

void Pump::on_report(const rd_kafka_message_t& message) {
    const auto id = reinterpret_cast<uintptr_t>(message._private);
    Lane& lane = lanes_[id >> Lane::kPositionBits];
    Lane::Slot& slot = lane.slot(id & ((uintptr_t{1} << Lane::kPositionBits) - 1));
    if (message.err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        stamps_.accepted(slot.stamp_ms);
        lane.land(slot, exact_ ? State::taken : State::delivered);
        now_.delivered += exact_ ? 0 : 1;
        backoff_ns_ = 0;
        if (std::exchange(stuck_, false)) {
            metrics_.healthy("kafka");
            healthy_ = true;
            error_.clear();
        }
        return;
    }
    // Never look at message.offset here: it can look like a real one.
    const Trouble trouble = trouble_of(message.err);
    const bool alone = sending_ == Sending::singly;
    const bool other_stamp =
        trouble == Trouble::stamp && alone && stamps_.refused(slot.stamp_ms, slot.stamp_refused, clock_);
    if (alone && !other_stamp && (trouble == Trouble::stamp || trouble == Trouble::record)) {
        refuse(lane, slot, rd_kafka_topic_name(message.rkt), {static_cast<const char*>(message.key), message.key_len},
               message.err, message.len);
        lane.land(slot, State::refused);
        if (exact_) restart(sending_, "");  // the transaction is spoilt; what was in it is sent again without that one
        return;
    }
    lane.land(slot, State::waiting);
    lane.rewind_wanted = true;
    if (other_stamp) {
        slot.stamp_refused = true;
        if (exact_) restart(sending_, "");
        return;
    }
    if (message.err == RD_KAFKA_RESP_ERR__PURGE_QUEUE || message.err == RD_KAFKA_RESP_ERR__PURGE_INFLIGHT) return;
    const std::string topic = rd_kafka_topic_name(message.rkt);
    const std::string why = base::format("{} ({})", rd_kafka_err2str(message.err), topic);
    if (trouble == Trouble::topic) {
        lane.add_topic(topic);
        hold(lane, "TRB-KAFKA-006",
             base::format("Kafka does not let us write to \"{}\", its records wait in the store. {}", topic,
                          in_plain_words(message.err, topic)));
    }
    const bool apart = trouble == Trouble::stamp || trouble == Trouble::record;
    if (apart && !restart_as_) backoff_ns_ = 0;
    restart(apart ? Sending::singly : sending_, why);
}

void Pump::refuse(Lane& lane, const Lane::Slot& slot, std::string_view topic, std::string_view key,
                  rd_kafka_resp_err_t error, size_t size) {
    now_.refused++;
    backoff_ns_ = 0;
    model::RefusedRecord record;
    record.source = lane.log(), record.seq = slot.seq, record.n = slot.n;
    record.topic = topic, record.key = key;
    record.code = rd_kafka_err2name(error), record.detail = rd_kafka_err2str(error);
    record.time_ns = clock_.wall_ns(), record.size = size;
    if (log_limit_.allow(clock_.boot_ns()))
        base::log::warning("kafka: record {} of {} is refused for good: {}", slot.seq, topic,
                           in_plain_words(error, record.topic));
    progress_.refused(std::move(record));
}

void Pump::on_error(rd_kafka_event_t* event) {
    const auto error = rd_kafka_event_error(event);
    const std::string text = rd_kafka_event_error_string(event);
    if (rd_kafka_event_error_is_fatal(event) != 0) {
        if (exact_ && fencing(rd_kafka_fatal_error(producer_->handle(), nullptr, 0)))
            fenced(text);
        else
            restart(sending_, text);
    } else if (error == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN) {
        down(error_.empty() ? text : error_);
    } else {
        const auto advice = what_to_do(error, "");
        if (!advice.empty())
            error_ = base::format("{}: {}", text, advice);
        else if (!advised_)
            error_ = text;
        advised_ |= !advice.empty();
    }
}

// librdkafka's statistics (STATISTICS.md there): of the whole client "tx_bytes" and "rx_bytes", each named once; of
// each broker {"throttle": {..., "max": ms, ...}}.
void Pump::on_statistics(std::string_view json) {
    constexpr int64_t kWorthSaying = 1'000;
    const auto number = [](std::string_view text, std::string_view name) -> uint64_t {
        const size_t at = text.find(name);
        uint64_t value = 0;
        if (at != std::string_view::npos)
            std::from_chars(text.data() + at + name.size(), text.data() + text.size(), value);
        return value;
    };
    const uint64_t sent = number(json, "\"tx_bytes\":"), received = number(json, "\"rx_bytes\":");
    now_.sent_bytes += sent - std::min(std::exchange(life_.sent, sent), sent);
    now_.received_bytes += received - std::min(std::exchange(life_.received, received), received);
    now_.throttle_ms = 0;
    for (size_t at = json.find("\"throttle\":"); at != std::string_view::npos;
         at = json.find("\"throttle\":", at + 1)) {
        const auto one = json.substr(at, std::min(json.find('}', at), json.size()) - at);
        now_.throttle_ms = std::max(now_.throttle_ms, static_cast<int64_t>(number(one, "\"max\":")));
    }
    const bool throttled = now_.throttle_ms >= kWorthSaying;
    if (throttled)
        metrics_.degraded("kafka-quota", "TRB-KAFKA-014",
                          base::format("the brokers slow us down by up to {} ms a request: this client is over its "
                                       "quota. Nothing is lost, it takes longer; raise producer_byte_rate "
                                       "(kafka-configs.sh --entity-type clients)",
                                       now_.throttle_ms));
    else if (throttled_)
        metrics_.healthy("kafka-quota");
    throttled_ = throttled;
}

void Pump::on_log(rd_kafka_event_t* event) {
    const char *facility = nullptr, *text = nullptr;
    int level = 7;
    if (rd_kafka_event_log(event, &facility, &text, &level) != 0) return;
    const std::string_view line = text;
    if (line.find("enable.gapless.guarantee") != std::string_view::npos) return;  // we know, and chose it
    if (level < 7 && !log_limit_.allow(clock_.boot_ns())) return;
    // Whatever it is, the gateway goes on: nothing here is worse than a warning.
    if (level <= 4)
        base::log::warning("kafka client: {}: {}", facility, line);
    else if (level <= 6)
        base::log::info("kafka client: {}: {}", facility, line);
    else
        base::log::debug("kafka client: {}: {}", facility, line);
}

}  // namespace tributary::kafka
