// SPDX-License-Identifier: Apache-2.0
// From the tree to the parts of Settings, by hand where keys.hpp cannot say it all: URLs, broker lists, streams.
// check_* look at a whole part once it is read. Everything wrong goes to the Reader; a part is always returned.
#pragma once

#include "config/reader.hpp"

namespace tributary::config {

void read_gateway(Reader& reader, const Node& table, GatewaySettings& into);
void read_mqtt(Reader& reader, const Node& table, MqttSettings& into);
void read_kafka(Reader& reader, const Node& table, KafkaSettings& into);
void read_mirror(Reader& reader, const Node& table, Settings& into);  // the second [[kafka]]; behind the first
// Behind read_kafka() and the streams: templates against every stream; over a metered link not all of it goes.
void check_routing(Reader& reader, const Node& table, const KafkaSettings& kafka, Settings& settings);
void read_store(Reader& reader, const Node& table, StoreSettings& into);
void read_events(Reader& reader, const Node& table, EventSettings& into);
StreamSettings read_stream(Reader& reader, const Node& table);
void read_windows(Reader& reader, const Entry& entry, StreamSettings& stream);
void read_detectors(Reader& reader, const Entry& entry, StreamSettings& stream);
void read_downsample(Reader& reader, const Entry& entry, StreamSettings& stream);
void read_context(Reader& reader, const Entry& entry, StreamSettings& stream);  // last: looks at the other stages

// A table, or a list of tables; anything else is a diagnostic.
std::vector<const Node*> tables_of(Reader& reader, const Entry& entry);
bool plain_name(std::string_view name);                 // letters digits - _ .
std::string wrong_address(std::string_view address);    // "host", "host:port", "[v6]:port": what is wrong; "" = nothing
std::string stream_text(const StreamSettings& stream);  // canonical TOML of one stream

}  // namespace tributary::config
