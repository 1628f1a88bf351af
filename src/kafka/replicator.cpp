// SPDX-License-Identifier: Apache-2.0
#include "kafka/replicator.hpp"

#include "kafka/pump.hpp"

namespace tributary::kafka {

base::Result<std::unique_ptr<Replicator>> Replicator::create(const config::Settings& settings, std::vector<Feed*> feeds,
                                                             Progress& progress, metrics::Registry& metrics,
                                                             const base::Clock& clock, const std::string& run) {
    std::unique_ptr<MockCluster> mock;
    if (settings.kafka.mock) {
        auto started = MockCluster::start(settings);
        if (!started) return started.error();
        mock = std::move(*started);
    }
    // Refuses a bad property now, while someone is looking, and not at the first step. A file that cannot be read may
    // come.
    auto trial = settings;
    trial.kafka.password_file.clear();
    for (const auto sending : {Sending::batched, Sending::singly}) {
        auto conf = producer_conf(trial, mock ? mock->brokers() : settings.kafka.brokers, sending);
        if (!conf) return conf.error();
    }
    return std::unique_ptr<Replicator>(
        std::make_unique<Pump>(settings, feeds, progress, metrics, clock, run, std::move(mock)));
}

}  // namespace tributary::kafka
