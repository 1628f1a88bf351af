// SPDX-License-Identifier: Apache-2.0
// The gateway's word about itself on its way to the compacted status topic: only the newest counts, so nothing of it is
// stored. Control sets it, kafka's thread pulls it. Key = gateway. What it does not do: say what is in it (status.cpp).
#pragma once

#include <mutex>
#include <string>

#include "kafka/replicator.hpp"
#include "record/routing.hpp"

namespace tributary::gateway {

class StatusFeed final : public kafka::Feed {
  public:
    StatusFeed(record::Routing routing, std::string incarnation)
        : routing_(std::move(routing)), incarnation_(std::move(incarnation)) {}

    // Any thread. json: an object without its closing brace; the id is added here.
    void set(std::string json, int64_t time_ms);

    model::Log log() const override { return model::Log::status; }
    uint64_t cursor() const override { return 1; }
    void seek(uint64_t seq) override;
    bool next(kafka::Item& item) override;

  private:
    const record::Routing routing_;
    const std::string incarnation_;
    std::mutex mutex_;
    std::string json_;
    int64_t time_ms_ = 0;
    uint64_t newest_ = 0;  // number of the newest word; 0 = none yet
    uint64_t next_ = 1;    // kafka's thread
    record::KafkaRecord record_;
};

}  // namespace tributary::gateway
