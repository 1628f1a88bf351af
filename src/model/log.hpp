// SPDX-License-Identifier: Apache-2.0
// The named logs of the store. The number stands on disk (docs/formats/store.md), the name in tb-id and topics.
// Static data, any thread. A new log gets a new number; numbers are never used again.
// What it does not do: say who writes which log (engine: windows, events, late, dead, reduced, context; kafka:
// refused; writer: intake, thinned, gaps).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace tributary::model {

enum class Log : uint8_t {
    intake = 1,
    windows = 2,
    events = 3,
    late = 4,
    dead = 5,
    refused = 6,
    status = 7,
    reduced = 8,
    context = 9,
    thinned = 10,
    gaps = 11
};
constexpr size_t kLogNumbers = 12;  // all numbers are below it

// The ones in the store. `status` is none of them: the newest word about the gateway itself, made when it is sent.
constexpr std::array kLogs{Log::intake,  Log::windows, Log::events,  Log::late,    Log::dead,
                           Log::refused, Log::reduced, Log::context, Log::thinned, Log::gaps};

constexpr std::string_view log_name(Log log) {
    switch (log) {
        case Log::intake:
            return "intake";
        case Log::windows:
            return "windows";
        case Log::events:
            return "events";
        case Log::late:
            return "late";
        case Log::dead:
            return "dead";
        case Log::refused:
            return "refused";
        case Log::status:
            return "status";
        case Log::reduced:
            return "reduced";
        case Log::context:
            return "context";
        case Log::thinned:
            return "thinned";
        case Log::gaps:
            return "gaps";
    }
    return "?";
}

constexpr std::optional<Log> log_by_name(std::string_view name) {
    for (const Log log : kLogs)
        if (log_name(log) == name) return log;
    return std::nullopt;
}

}  // namespace tributary::model
