// SPDX-License-Identifier: Apache-2.0
#include "gateway/clusters.hpp"

#include <algorithm>

#include "base/log.hpp"

namespace tributary::gateway {
namespace {

constexpr const char* kFirst = "cluster";  // a fact in the store: the name of the first cluster

// A cluster of that name was a mirror here, some time or other.
bool was_mirror(const store::Cursors& cursors, const std::string& name) {
    return std::any_of(model::kLogs.begin(), model::kLogs.end(),
                       [&](model::Log log) { return cursors.contains(mirror_cursor(name, log)); });
}

// One log changes hands. The ledger and the first cluster stand where the cursor does, or further.
void hand_over(const store::Cursors& cursors, model::Log log, const std::string& before, const std::string& now,
               uint64_t first_kept, store::Cursors& out) {
    const uint64_t cursor = store::cursor(cursors, kafka_cursor(log));
    const uint64_t counted = std::max(cursor, store::cursor(cursors, counted_cursor(log), 0));
    const uint64_t sent = std::max(cursor, store::cursor(cursors, has_cursor(log), 0));
    const uint64_t place = std::max(store::cursor(cursors, mirror_cursor(now, log), counted), first_kept);
    out[mirror_cursor(before, log)] = sent;
    out[kafka_cursor(log)] = std::min(place, counted);
    out[has_cursor(log)] = place;
    out[counted_cursor(log)] = counted;
}

}  // namespace

std::string kafka_cursor(model::Log log) { return base::format("kafka:main:{}", model::log_name(log)); }
std::string mirror_cursor(const std::string& name, model::Log log) {
    return base::format("mirror:{}:{}", name, model::log_name(log));
}
std::string has_cursor(model::Log log) { return base::format("has:{}", model::log_name(log)); }
std::string counted_cursor(model::Log log) { return base::format("counted:{}", model::log_name(log)); }
std::string cursor_of(const config::KafkaSettings& kafka, model::Log log) {
    return kafka.mirror ? mirror_cursor(kafka.name, log) : kafka_cursor(log);
}

config::Settings for_mirror(config::Settings settings) {
    settings.kafka = *settings.mirror;
    return settings;
}

base::Result<> settle_clusters(store::Store& store, store::Reader& reader, const config::Settings& settings) {
    auto cursors = reader.cursors();
    auto meta = reader.meta();
    if (!cursors) return cursors.error();
    if (!meta) return meta.error();
    store::Batch batch;
    const auto known = meta->find(kFirst);
    const std::string before = known == meta->end() ? "main" : known->second;
    const std::string& now = settings.kafka.name;
    if (now != before) {
        batch.meta[kFirst] = now;
        // Just another name, or other brokers without anything sent before: everything goes on where it stands.
        if (was_mirror(*cursors, now)) {
            for (const auto log : model::kLogs)
                hand_over(*cursors, log, before, now, store.first_seq(log), batch.cursors);
            base::log::info("kafka: {} takes the place of {}, from where each of them stands", now, before);
        }
    }
    if (settings.mirror)
        for (const auto log : model::kLogs) {
            const auto name = mirror_cursor(settings.mirror->name, log);
            if (cursors->contains(name) || batch.cursors.contains(name)) continue;
            const uint64_t stands = store::cursor(*cursors, kafka_cursor(log), store.first_seq(log));
            batch.cursors[name] = store::cursor(batch.cursors, kafka_cursor(log), stands);
        }
    if (batch.empty()) return {};
    if (auto done = store.commit(batch); !done) return done.error();
    return {};
}

}  // namespace tributary::gateway
