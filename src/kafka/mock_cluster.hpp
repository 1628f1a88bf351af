// SPDX-License-Identifier: Apache-2.0
// brokers = "mock": librdkafka's embedded one-broker cluster, for demonstrations and tests. It listens on loopback and
// keeps a bounded part of what it got. It has a handle of its own, so it outlives the producers that talk to it.
// Any thread. It does not persist and knows no transactions worth the name.
#pragma once

#include <memory>
#include <string>

#include "base/result.hpp"
#include "config/settings.hpp"

namespace tributary::kafka {

class MockCluster {
  public:
    static base::Result<std::unique_ptr<MockCluster>> start(const config::Settings& settings);
    virtual ~MockCluster() = default;
    virtual const std::string& brokers() const = 0;
};

// For commands beside the gateway: with brokers = "mock" there is no cluster that they can reach (TRB-KAFKA-012).
base::Result<> beside_the_gateway(const config::KafkaSettings& settings);

}  // namespace tributary::kafka
