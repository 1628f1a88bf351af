// SPDX-License-Identifier: Apache-2.0
// Parts of a store's logs as feeds, to be sent to Kafka once more by a command: a range of each log, or single records.
// The same feeds the gateway sends with, so ids, keys and values are those Kafka got or should have got. One thread; a
// read-only connection, also beside a running gateway. What it does not do: send, move cursors, count in the ledger.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "config/settings.hpp"
#include "gateway/block_cache.hpp"
#include "kafka/replicator.hpp"

namespace tributary::gateway {

using RecordName = std::pair<uint64_t, uint32_t>;  // seq of the source record, and which of its Kafka records

struct Wanted {
    model::Log log = model::Log::intake;
    uint64_t from = 1, to = 0;  // both included
    std::set<RecordName> only;  // empty: all of them
};

class SelectedFeed final : public kafka::Feed {
  public:
    // replayed: marked as sent again on purpose.
    SelectedFeed(std::unique_ptr<kafka::Feed> feed, Wanted wanted, bool replayed)
        : feed_(std::move(feed)), wanted_(std::move(wanted)), replayed_(replayed), at_(wanted_.from) {}

    model::Log log() const override { return wanted_.log; }
    uint64_t cursor() const override { return wanted_.from; }
    void seek(uint64_t seq) override;
    bool next(kafka::Item& item) override;
    std::string incarnation(uint64_t seq) override { return feed_->incarnation(seq); }

    bool ended() const { return ended_; }            // nothing more to come, unless something has to be sent again
    uint64_t furthest() const { return furthest_; }  // seq of the newest item; 0 = none
    uint64_t from() const { return wanted_.from; }
    uint64_t to() const { return wanted_.to; }
    const std::set<RecordName>& given() const { return given_; }               // of `only`
    const std::map<std::string, uint64_t>& topics() const { return topics_; }  // records given, each once

  private:
    bool place();

    const std::unique_ptr<kafka::Feed> feed_;
    const Wanted wanted_;
    const bool replayed_;
    uint64_t at_;             // the next source record
    bool in_record_ = false;  // more Kafka records of the present one may come
    bool ended_ = false;
    uint64_t furthest_ = 0;
    RecordName counted_{0, 0};  // behind the last record that topics_ counts
    std::set<RecordName> given_;
    std::map<std::string, uint64_t> topics_;
    record::KafkaRecord record_;
};

class Selection {
  public:
    // settings and metrics outlive it. Of intake only what the engine has seen is given.
    static base::Result<std::unique_ptr<Selection>> open(const std::string& path, const config::Settings& settings,
                                                         std::vector<Wanted> wanted, bool replayed,
                                                         metrics::Registry& metrics);

    std::vector<kafka::Feed*> list() const;
    const std::vector<std::unique_ptr<SelectedFeed>>& feeds() const { return feeds_; }

  private:
    BlockCache cache_{0};
    std::unique_ptr<BlockSource> source_;
    std::vector<std::unique_ptr<SelectedFeed>> feeds_;
};

}  // namespace tributary::gateway
