// SPDX-License-Identifier: Apache-2.0
// What Kafka's own books say of this gateway (delivery = "exactly-once"): up to where each log is committed, and by
// which run of which store. It travels as metadata of one offset of <prefix>.progress, inside the transaction of the
// records. Pure, any thread. Source: KIP-98 (offsets in transactions). What it does not do: talk to Kafka.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "model/log.hpp"

namespace tributary::record {

struct Position {
    uint64_t next = 1;        // every record below it is committed
    std::string incarnation;  // of the record before it: in a store that was rolled back another one stands there
    bool operator==(const Position&) const = default;
};

struct Progress {
    std::string writer;  // incarnation of the run that committed it
    std::map<model::Log, Position> logs;
    bool operator==(const Progress&) const = default;
};

std::string progress_text(const Progress& progress);  // JSON, docs/formats/kafka-records.md
std::optional<Progress> parse_progress(std::string_view text);

}  // namespace tributary::record
