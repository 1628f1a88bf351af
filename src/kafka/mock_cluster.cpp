// SPDX-License-Identifier: Apache-2.0
#include "kafka/mock_cluster.hpp"

#include "kafka/client.hpp"
// After rdkafka.h, which it needs and does not include.
#include <librdkafka/rdkafka_mock.h>

namespace tributary::kafka {

namespace {

struct EndCluster {
    void operator()(rd_kafka_mock_cluster_t* cluster) const { rd_kafka_mock_cluster_destroy(cluster); }
};

class Embedded final : public MockCluster {
  public:
    Embedded(Owned<rd_kafka_t> host, rd_kafka_mock_cluster_t* cluster)
        : host_(std::move(host)), cluster_(cluster), brokers_(rd_kafka_mock_cluster_bootstraps(cluster)) {}
    const std::string& brokers() const override { return brokers_; }

  private:
    Owned<rd_kafka_t> host_;
    std::unique_ptr<rd_kafka_mock_cluster_t, EndCluster> cluster_;
    std::string brokers_;
};

}  // namespace

base::Result<std::unique_ptr<MockCluster>> MockCluster::start(const config::Settings& settings) {
    Owned<rd_kafka_conf_t> conf(rd_kafka_conf_new());
    rd_kafka_conf_set_log_cb(conf.get(), nullptr);  // it would say that it has no brokers
    auto host = make_producer(std::move(conf));
    if (!host) return host.error();
    auto* cluster = rd_kafka_mock_cluster_new(host->get(), 1);
    if (cluster == nullptr) return base::Error{"TRB-KAFKA-003", "the embedded mock cluster cannot be started"};
    auto mock = std::make_unique<Embedded>(std::move(*host), cluster);
    for (const auto& topic : topics_of(settings))
        rd_kafka_mock_topic_create(cluster, topic.c_str(), settings.kafka.partitions, 1);
    return std::unique_ptr<MockCluster>(std::move(mock));
}

base::Result<> beside_the_gateway(const config::KafkaSettings& settings) {
    if (!settings.mock) return {};
    return base::Error{"TRB-KAFKA-012",
                       "brokers = \"mock\" lives inside the gateway; `tributary status --json` names its address "
                       "(kafka.mock_brokers): --brokers ADDRESS"};
}

}  // namespace tributary::kafka
