// SPDX-License-Identifier: Apache-2.0
// The pump's transactions. One is begun by the first record and closed after a second or a window of records: then no
// more is pulled, what is in flight lands, and the places of all logs go with it. Whatever fails ends the producer; the
// next one reads from Kafka what came of it, so a commit in doubt is never guessed at.
#include "kafka/pump.hpp"

namespace tributary::kafka {

using Kind = Outcome::Kind;

// True: something was done.
bool Pump::transact() {
    if (!exact_->ready()) return begin_life();
    if (!exact_->open() || !closing() || in_flight() > 0) return false;
    // Its records are together: the cursor stands between messages.
    if (std::any_of(lanes_.begin(), lanes_.end(), [](const Lane& lane) { return lane.mid_record(); })) return false;
    return close_transaction();
}

bool Pump::closing() const {
    return ending_ || rotate_until_ns_ != 0 || exact_->records() >= kWindow ||
           clock_.boot_ns() - exact_->opened_ns() >= kTransactionNs;
}

bool Pump::begin_life() {
    if (ended_) return false;
    if (suspicious_) {
        // Made to end by somebody: one of our name that has committed meanwhile, or the coordinator, because a
        // transaction took too long. Only the first must not be fought.
        const auto seen = exact_->read(kTransactMs);
        if (!(seen == Kind::done)) return outcome(seen);
        const auto& writer = exact_->stored().writer;
        if (writer != run_ && exact_->stored() != known_) {
            ended_ = true;
            const auto text = base::format(
                "another gateway named \"{}\" (run {}) sends to this Kafka cluster and has taken over; this one does "
                "not "
                "send any more and keeps everything. Give one of them another gateway.id, then restart it",
                settings_.gateway.id, writer);
            base::log::error("TRB-KAFKA-008: {}", text);
            metrics_.degraded("kafka", "TRB-KAFKA-008", text);
            healthy_ = false;
            error_ = text;
            return true;
        }
        suspicious_ = false;
    }
    const int64_t now_ns = clock_.boot_ns();
    if (begins_at_ns_ == 0) begins_at_ns_ = now_ns;
    const auto begun = exact_->begin_life(producer_->handle(), kTransactMs);
    if (begun == Kind::done) {
        begins_at_ns_ = 0;
        adopt();
    } else if (now_ns - begins_at_ns_ > kSilenceNs && !stuck_) {
        say_stuck("TRB-KAFKA-017", "exactly-once cannot begin: " + begun.why);
    }
    return outcome(begun);
}

// What Kafka has beyond our cursors is settled without being sent, if it is of this store.
void Pump::adopt() {
    const auto& stored = exact_->stored();
    known_ = stored;
    std::string strange;
    for (auto& lane : lanes_) {
        const auto found = stored.logs.find(lane.log());
        if (found == stored.logs.end() || found->second.next <= lane.cursor()) continue;
        const auto& position = found->second;
        if (!position.incarnation.empty() && lane.incarnation(position.next - 1) == position.incarnation)
            lane.skip_below(position.next);
        else
            strange += base::format("{}{} (ours {}, Kafka's {})", strange.empty() ? "" : ", ",
                                    model::log_name(lane.log()), lane.cursor(), position.next);
    }
    if (strange.empty()) return;
    const auto text = base::format(
        "Kafka has committed records of this gateway that this store does not have: {}. The store was rolled back, or "
        "it "
        "is a copy. Nothing is skipped: everything from the store's own cursors on is sent, under new ids",
        strange);
    base::log::error("TRB-KAFKA-009: {}", text);
    metrics_.degraded("progress", "TRB-KAFKA-009", text);
}

bool Pump::close_transaction() {
    record::Progress progress{run_, {}};
    for (const auto& lane : lanes_) {
        if (lane.log() == model::Log::status) continue;  // only its newest counts: it has no place
        const uint64_t next = lane.cursor_when_committed();
        const auto known = known_.logs.find(lane.log());
        const bool is_known = known != known_.logs.end();
        if (is_known && known_.writer == run_ && known->second.next == next) {  // most logs stand still
            progress.logs[lane.log()] = known->second;
            continue;
        }
        std::string of = next > 1 ? lane.incarnation(next - 1) : "";
        // Trimmed or thinned meanwhile: the place that is known still holds.
        progress.logs[lane.log()] =
            next > 1 && of.empty() && is_known ? known->second : record::Position{next, std::move(of)};
    }
    const auto done = exact_->commit(producer_->handle(), progress, kTransactMs);
    if (done == Kind::done) {
        for (auto& lane : lanes_) now_.delivered += lane.commit();
        known_ = exact_->stored();
    }
    return outcome(done);
}

// What it asks for; true: something was done.
bool Pump::outcome(const Outcome& outcome) {
    switch (outcome.kind) {
        case Kind::done:
            return true;
        case Kind::again:
            if (!exact_->ready()) error_ = outcome.why;
            return false;
        case Kind::failed:
            restart(sending_, outcome.why);
            return true;
        case Kind::fenced:
            fenced(outcome.why);
            return true;
    }
    return false;
}

void Pump::fenced(const std::string& why) {
    if (ended_) return;
    suspicious_ = true;
    backoff_ns_ = kSuspicionNs;
    restart(sending_, "our transactions were taken over or took too long: " + why);
}

}  // namespace tributary::kafka
