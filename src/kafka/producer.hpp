// SPDX-License-Identifier: Apache-2.0
// One life of a librdkafka producer: the handle, its event queue and topic handles, freed in the right order. A fatal
// error ends a life; the replicator makes the next one. Owned by the replicator's thread; wake() from any thread.
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <string>

#include "kafka/client.hpp"
#include "record/record.hpp"

namespace tributary::kafka {

class Producer {
  public:
    explicit Producer(Owned<rd_kafka_t> handle)
        : handle_(std::move(handle)), queue_(rd_kafka_queue_get_main(handle_.get())) {}
    ~Producer();
    Producer(const Producer&) = delete;
    Producer& operator=(const Producer&) = delete;

    rd_kafka_t* handle() const { return handle_.get(); }
    rd_kafka_queue_t* queue() const { return queue_.get(); }

    struct Outgoing {
        const record::KafkaRecord& record;
        std::string_view value;
        bool copy = true;  // false: value stays where it is until the delivery report
        int64_t timestamp_ms = 0;
        std::string_view time_mark, gateway;
        void* id = nullptr;  // comes back with the delivery report
    };
    rd_kafka_resp_err_t send(const Outgoing& out);

    // The next event, or null after timeout_ms.
    Owned<rd_kafka_event_t> event(int timeout_ms) {
        return Owned<rd_kafka_event_t>(rd_kafka_queue_poll(queue_.get(), timeout_ms));
    }
    void wake() { rd_kafka_queue_yield(queue_.get()); }
    // What has not left yet comes back as failed; what is on the wire is waited for.
    void stop_sending() { rd_kafka_purge(handle_.get(), RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_NON_BLOCKING); }

  private:
    rd_kafka_topic_t* topic(const std::string& name);

    Owned<rd_kafka_t> handle_;
    Owned<rd_kafka_queue_t> queue_;
    std::map<std::string, Owned<rd_kafka_topic_t>, std::less<>> topics_;
};

}  // namespace tributary::kafka
