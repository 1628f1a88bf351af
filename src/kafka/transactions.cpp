// SPDX-License-Identifier: Apache-2.0
#include "kafka/transactions.hpp"

#include <cstdlib>

#include "base/log.hpp"

namespace tributary::kafka {
namespace {

using Kind = Outcome::Kind;

// Takes the error over.
Outcome judge(rd_kafka_error_t* raw, const std::string& id) {
    const Owned<rd_kafka_error_t> error(raw);
    if (!error) return {};
    const auto code = rd_kafka_error_code(error.get());
    std::string why = rd_kafka_error_string(error.get());
    if (fencing(code)) return {Kind::fenced, std::move(why)};
    if (code == RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED ||
        code == RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED)
        why += base::format(
            " (this user needs Write and Describe on the transactional id \"{}\" and Read on the group "
            "of that name)",
            id);
    const bool again = rd_kafka_error_is_retriable(error.get()) != 0 && rd_kafka_error_is_fatal(error.get()) == 0 &&
                       rd_kafka_error_txn_requires_abort(error.get()) == 0;
    return {again || code == RD_KAFKA_RESP_ERR__TIMED_OUT ? Kind::again : Kind::failed, std::move(why)};
}

}  // namespace

bool fencing(rd_kafka_resp_err_t error) {
    return error == RD_KAFKA_RESP_ERR__FENCED || error == RD_KAFKA_RESP_ERR_PRODUCER_FENCED ||
           error == RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH;
}

std::string transactional_id(const config::Settings& settings) {
    return settings.kafka.prefix + "-" + settings.gateway.id;
}

std::string progress_topic(const config::KafkaSettings& settings) { return settings.prefix + ".progress"; }

Outcome Transactions::begin_life(rd_kafka_t* producer, int timeout_ms) {
    if (!initialised_) {
        if (auto outcome = judge(rd_kafka_init_transactions(producer, timeout_ms), id_); !(outcome == Kind::done))
            return outcome;
        initialised_ = true;
    }
    auto outcome = read(timeout_ms);
    ready_ = outcome == Kind::done;
    return outcome;
}

// By a consumer that joins no group: asked for by an admin request of a producer, librdkafka (2.0 to 2.10 at least)
// follows a null pointer when the broker is not the coordinator any more.
Outcome Transactions::read(int timeout_ms) {
    if (!reader_) {
        auto made = make_consumer(settings_, brokers_, id_);
        if (!made) return {Kind::again, made.error().message};
        reader_ = std::move(*made);
    }
    const auto list = one_partition(topic_, 0);
    const auto error = rd_kafka_committed(reader_.get(), list.get(), timeout_ms);
    const auto& one = list->elems[0];
    const std::string name = base::format("the place of group \"{}\" in {} cannot be read: ", id_, topic_);
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR) return {Kind::again, name + rd_kafka_err2str(error)};
    if (one.err != RD_KAFKA_RESP_ERR_NO_ERROR) return {Kind::again, name + rd_kafka_err2str(one.err)};
    stored_ = {};
    if (one.offset >= 0) {  // else never committed, or expired
        const auto progress = record::parse_progress({static_cast<const char*>(one.metadata), one.metadata_size});
        if (progress)
            stored_ = *progress;
        else
            base::log::warning("TRB-KAFKA-011: {}it is not ours; the store's own cursors count", name);
    }
    reader_.reset();
    return {};
}

Outcome Transactions::begin(rd_kafka_t* producer, int64_t now_ns) {
    auto outcome = judge(rd_kafka_begin_transaction(producer), id_);
    if (outcome == Kind::done) open_ = true, offsets_sent_ = false, records_ = 0, opened_ns_ = now_ns;
    return outcome;
}

Outcome Transactions::commit(rd_kafka_t* producer, const record::Progress& progress, int timeout_ms) {
    if (!offsets_sent_) {
        const auto list = one_partition(topic_, 0);
        const std::string text = record::progress_text(progress);
        auto& one = list->elems[0];
        uint64_t sum = 0;  // an offset that grows, for people who look at it
        for (const auto& [log, position] : progress.logs) sum += position.next - 1;
        one.offset = static_cast<int64_t>(sum);
        one.metadata = malloc(text.size());  // freed with the list
        if (one.metadata == nullptr) return {Kind::failed, "no memory"};
        text.copy(static_cast<char*>(one.metadata), text.size());
        one.metadata_size = text.size();
        const Owned<rd_kafka_consumer_group_metadata_t> group(rd_kafka_consumer_group_metadata_new(id_.c_str()));
        auto outcome = judge(rd_kafka_send_offsets_to_transaction(producer, list.get(), group.get(), timeout_ms), id_);
        if (!(outcome == Kind::done)) return outcome;
        offsets_sent_ = true;
        stored_ = progress;  // if it fails this is read again
    }
    auto outcome = judge(rd_kafka_commit_transaction(producer, timeout_ms), id_);
    if (outcome == Kind::done) open_ = false, records_ = 0;
    return outcome;
}

}  // namespace tributary::kafka
