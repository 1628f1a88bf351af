// SPDX-License-Identifier: Apache-2.0
// One line of JSON -> one intake record, for replay: {"topic": "...", "payload": text or JSON, "arrival": ms?}, and
// the control records a recorded input needs: {"control": "mute", "series": "...", "until": ms}, {"control": "clock",
// "state": "synced|holdover|unsynced", "epoch": n}, {"control": "config", "text": TOML}, {"control": "tick"}, each with
// "arrival". A payload that is JSON is handed on as compact JSON text; write it as text to keep its bytes.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "base/result.hpp"
#include "model/intake.hpp"

namespace tributary::codec {

struct MessageLine {
    std::optional<int64_t> arrival_ns;
    std::string topic, payload, text;  // what the views in record point to
    decltype(model::IntakeRecord::body) body;
};

// Error TRB-CODEC-001. `out` is reused; its body points into its texts.
base::Result<> parse_message_line(std::string_view line, MessageLine& out);

}  // namespace tributary::codec
