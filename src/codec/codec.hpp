// SPDX-License-Identifier: Apache-2.0
// Payload bytes -> values: one file per format, one registry. A Decoder is compiled once per stream and reused for
// every message; it belongs to one thread. It knows nothing of topics, series or arrival. The reasons why a payload
// cannot be used are stable words: they stand in the dead log.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "config/settings.hpp"
#include "model/reading.hpp"

namespace tributary::codec {

enum class Reason : uint8_t {
    none,
    empty,
    too_large,
    utf8,
    json,
    not_a_value,
    missing_field,
    wrong_type,
    not_finite,
    bad_time,
    no_stream,
    poison,
    series_limit,
    command,
};

struct ReasonInfo {
    Reason reason;
    std::string_view word;  // stable; docs and the dead log use it
    std::string_view text;  // for people
};
std::span<const ReasonInfo> reasons();
const ReasonInfo& info(Reason reason);

inline constexpr size_t kMaxPayloadBytes = 1 << 20;
inline constexpr size_t kMaxTextBytes = 1024;  // of a text value
inline constexpr int kMaxDepth = 64;           // of JSON nesting

// Event and arrival times are kept inside +-this (years 1823 to 2116), so that adding a window's size, lateness and
// idle time to one never overflows. Later stamps are cut to it; the bounds on stamps replace them anyway.
inline constexpr int64_t kTimeLimitNs = INT64_MAX / 2;

struct Field {
    uint32_t index = 0;  // into StreamSettings::values
    model::Value value;  // text points into the payload or into the decoder: valid until its next decode()
};

struct Decoded {
    std::vector<Field> fields;  // in the order of StreamSettings::values
    std::optional<int64_t> event_ns;
    bool local = false;  // event_ns is local time, of a text without zone, read as if it were UTC
};

class Decoder {
  public:
    virtual ~Decoder() = default;
    // With any Reason but none, `out` holds nothing of use.
    virtual Reason decode(std::string_view payload, Decoded& out) = 0;
};

struct Format {
    std::string_view name;
    std::string_view summary;  // one line for `list`
    std::unique_ptr<Decoder> (*make)(const config::StreamSettings& stream);
};

std::span<const Format> registry();
const Format* find_format(std::string_view name);
bool valid_pointer(std::string_view pointer);  // RFC 6901: "" or "/a/0", ~ only as ~0 and ~1

std::unique_ptr<Decoder> make_json(const config::StreamSettings& stream);
std::unique_ptr<Decoder> make_scalar(const config::StreamSettings& stream);
std::unique_ptr<Decoder> make_auto(const config::StreamSettings& stream);

}  // namespace tributary::codec
