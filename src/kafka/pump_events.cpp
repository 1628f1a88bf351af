// SPDX-License-Identifier: Apache-2.0
#include "kafka/pump.hpp"

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
    const std::string why = base::format("{} ({})", rd_kafka_err2str(message.err), lane.topic());
    if (trouble == Trouble::topic)
        hold(lane, "TRB-KAFKA-006",
             base::format("Kafka does not let us write to \"{}\": {}; its records wait in the "
                          "store",
                          lane.topic(), rd_kafka_err2str(message.err)));
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
        base::log::warning("kafka: record {} of {} is refused for good: {}", slot.seq, lane.topic(), record.detail);
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
        error_ = text;
    }
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
