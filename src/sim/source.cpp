// SPDX-License-Identifier: Apache-2.0
#include "sim/source.hpp"

#include "base/log.hpp"
#include "base/text.hpp"

namespace tributary::sim {

std::string json_text(std::string_view text) {
    std::string out = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') {
            out.push_back('\\');
            out.push_back(c);
        } else if (static_cast<unsigned char>(c) < 0x20) {
            out += base::format("\\u{:04x}", static_cast<unsigned>(c));
        } else {
            out.push_back(c);
        }
    }
    return out + '"';
}

std::string payload_json(int64_t time_ms, double value) {
    return base::format(R"({{"ts":{},"value":{}}})", time_ms, base::number_text(value));
}

std::string replay_json(const SimMessage& message) {
    return base::format(R"({{"topic":{},"payload":{},"arrival":{}}})", json_text(message.topic), message.payload,
                        message.time_ms);
}

std::string fault_json(const Fault& fault) {
    return base::format(R"({{"series":{},"topic":{},"fault":"{}","start":{},"end":{},"size":{}}})",
                        json_text(fault.series), json_text(fault.topic), fault.kind, fault.start_ms, fault.end_ms,
                        base::number_text(fault.size));
}

}  // namespace tributary::sim
