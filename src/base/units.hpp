// SPDX-License-Identifier: Apache-2.0
// Durations and sizes as people write them ("500ms", "1.5h", "2GiB"), and back.
// Pure functions, any thread. Durations are int64_t ns, sizes int64_t bytes.
// Errors say what is wrong with the text and show a right one.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace tributary::base {

// Units ns, us, ms, s, min (or m), h, d. A bare number is refused: the unit belongs to the value.
Result<int64_t> parse_duration_ns(std::string_view text);
// Units B, kB, MB, GB (powers of 1000) and KiB, MiB, GiB, TiB (powers of 1024).
Result<int64_t> parse_size_bytes(std::string_view text);

std::string format_duration(int64_t ns);  // "500ms", "10s", "2.5h": the largest unit that keeps it short
std::string format_size(int64_t bytes);   // "1.5 GiB"

}  // namespace tributary::base
