// SPDX-License-Identifier: Apache-2.0
// model -> Kafka key, headers, value, timestamp: the mirror of codec. Shapes: docs/formats/kafka-records.md and section
// 5 of the design. Pure; appends into the caller's buffers so that the hot path does not allocate.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "model/intake.hpp"
#include "model/output.hpp"
#include "model/reading.hpp"

namespace tributary::record {

struct Source {  // who says it; the same for all records of a block
    std::string_view gateway;
    std::string_view prefix;       // of topics
    std::string_view incarnation;  // "replay" in replay
    bool replayed = false;         // header tb-replay
};

// One Kafka record. Strings are reused from record to record.
struct KafkaRecord {
    std::string topic;  // with prefix
    std::string key;
    std::string value;
    std::string id;              // header tb-id: <incarnation>/<log>/<seq>[.<n>]
    std::string_view time_mark;  // header tb-time; "" = no header
    bool replayed = false;       // header tb-replay
    bool json = true;            // false: value is the sensor's bytes (forward "raw")
    int64_t timestamp_ms = 0;
    std::vector<std::pair<std::string, std::string>> headers;  // besides the tb- ones (routing)
};

void append_id(std::string& out, std::string_view incarnation, model::Log log, uint64_t seq, uint32_t n, bool several);

void project(const Source& source, const model::Output& output, uint64_t seq, KafkaRecord& out);
// A reading (forward "all"): topic <prefix>.readings, key = series. n counts only when `several`. event_ids: of the
// events whose context it is; empty = none.
void project(const Source& source, std::string_view series, const model::Reading& reading, std::string_view unit,
             const model::Labels& labels, uint64_t seq, uint32_t n, bool several, KafkaRecord& out,
             std::span<const std::string> event_ids = {});
// A message as it came (forward "raw"): value = payload bytes (the caller may send its own copy-free view instead:
// with_value = false leaves value empty), key = MQTT topic. clock: its state when the message came.
void project_raw(const Source& source, const model::Message& message, uint64_t seq, int64_t arrival_ns,
                 model::ClockState clock, bool with_value, KafkaRecord& out);

// One JSON line as `replay` prints it: {"topic","partition_key","timestamp","headers":{...},"value"}. A raw value is
// printed as text, or as {"base64": "..."} when it is not UTF-8.
std::string to_json_line(const Source& source, const KafkaRecord& record);

}  // namespace tributary::record
