// SPDX-License-Identifier: Apache-2.0
// What the formats share: numbers with scale and offset, integers too large for a double, numbers as times. Pure.
// Pure; engine's and kafka's threads.
// What it does not do: look into JSON (json.cpp).
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "codec/codec.hpp"

namespace tributary::codec {

inline constexpr int64_t kExactInteger = int64_t{1} << 53;  // up to here every integer is a double

bool is_integer_text(std::string_view text);  // -?[0-9]+

// value * scale + offset; not_finite when that leaves the range.
Reason scaled(const config::StreamSettings& stream, double number, model::Value& out);

// A number in time_unit -> ns, cut to kTimeLimitNs. Fractions are rounded to the microsecond for units that have one:
// a double of seconds carries no more.
int64_t time_from_integer(int64_t value, int64_t unit_ns);
int64_t time_from_number(double value, int64_t unit_ns);
std::optional<int64_t> time_from_text(std::string_view text, bool& local);  // local: it names no zone

}  // namespace tributary::codec
