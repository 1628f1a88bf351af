// SPDX-License-Identifier: Apache-2.0
// A Source is where simulated messages come from: the invented factory or a CSV file. It knows event time only;
// pacing and sending are simulate's. One thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tributary::sim {

struct SimMessage {
    int64_t time_ms = 0;  // event time, also in the payload
    std::string topic;
    std::string payload;  // {"ts":ms,"value":number}
};

// What was done to a series on purpose. Both ends are stamps of readings and belong to it; of a gap, of missing ones.
struct Fault {
    std::string series;  // the topic without the prefix
    std::string topic;
    std::string_view kind;  // "spike" | "drift" | "stuck" | "gap"
    int64_t start_ms = 0, end_ms = 0;
    double size = 0;  // spike, drift: the greatest distance from the true value, in the unit of the series
};

class Source {
  public:
    virtual ~Source() = default;
    virtual bool next(SimMessage& message) = 0;  // in order of time; false: no more
    // Faults that ended since the last call; at the end of everything also those that were cut short.
    virtual std::vector<Fault> take_faults(bool at_the_end) = 0;
};

std::string json_text(std::string_view text);  // quoted and escaped
std::string payload_json(int64_t time_ms, double value);
std::string replay_json(const SimMessage& message);  // one line for `tributary replay`, without line end
std::string fault_json(const Fault& fault);

}  // namespace tributary::sim
