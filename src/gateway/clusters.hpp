// SPDX-License-Identifier: Apache-2.0
// Where Kafka clusters stand in the logs. The first [[kafka]] has the cursors "kafka:main:<log>": the ledger counts
// with them, thinning and disk budget go by them. A mirror (the second) has "mirror:<name>:<log>". When a mirror
// becomes the first, its places become the main ones; what only one of both clusters has is told to the feeds
// (kafka::Known), so that nothing is sent twice, left out or counted twice. Control's thread, at start. Docs:
// migration.md, formats/store.md.
#pragma once

#include <string>

#include "config/settings.hpp"
#include "model/log.hpp"
#include "store/store.hpp"

namespace tributary::gateway {

// Names of cursors.
std::string kafka_cursor(model::Log log);  // "kafka:main:<log>"
std::string mirror_cursor(const std::string& name, model::Log log);
std::string has_cursor(model::Log log);      // kafka::Known::has
std::string counted_cursor(model::Log log);  // kafka::Known::counted
std::string cursor_of(const config::KafkaSettings& kafka, model::Log log);

// The same gateway with the second cluster (there is one) in the place of the first.
config::Settings for_mirror(config::Settings settings);

// Before anybody reads: a mirror that is the first now takes over, and the one before may stay as mirror; a new mirror
// begins where the first stands.
base::Result<> settle_clusters(store::Store& store, store::Reader& reader, const config::Settings& settings);

}  // namespace tributary::gateway
