// SPDX-License-Identifier: Apache-2.0
// All that goes to Kafka, in the order of its priority, each log from where it stands: one feed per log, and two for a
// log whose backlog goes apart (catch_up). Made by KafkaLoop; kafka's thread. What it does not do: send.
#pragma once

#include <map>
#include <memory>
#include <vector>

#include "gateway/context_feed.hpp"
#include "gateway/feeds.hpp"
#include "gateway/status_feed.hpp"
#include "gateway/writer.hpp"

namespace tributary::gateway {

class KafkaFeeds {
  public:
    // settings, source and writer outlive it.
    static base::Result<std::unique_ptr<KafkaFeeds>> create(const config::Settings& settings,
                                                            const std::string& incarnation, BlockSource& source,
                                                            Writer& writer,
                                                            const std::function<uint64_t()>& engine_position,
                                                            metrics::Registry& metrics);

    std::vector<kafka::Feed*> list() const;
    StatusFeed& status() { return *status_; }
    uint64_t context_incomplete() const { return context_->incomplete(); }
    // What is to be stored with each cursor of the log: only together do they say what is done.
    std::optional<std::string> catch_up(model::Log log);
    // What damage took below the log's cursor, and was not told before.
    std::vector<model::Gap> gone(model::Log log, uint64_t cursor) { return damage_.take(log, cursor); }
    uint64_t backlog() const;  // records left to the backfill feeds

  private:
    struct Apart {
        std::unique_ptr<CatchUp> state;
        bool stored = false;  // there is a text in the store
    };

    base::Result<> make(const config::Settings& settings, const std::string& incarnation, BlockSource& source,
                        Writer& writer, const std::function<uint64_t()>& engine_position, metrics::Registry& metrics);

    Damage damage_;  // that the feeds came upon
    std::map<model::Log, Apart> apart_;
    std::vector<std::unique_ptr<kafka::Feed>> feeds_;
    StatusFeed* status_ = nullptr;    // one of feeds_
    ContextFeed* context_ = nullptr;  // another
};

}  // namespace tributary::gateway
