// SPDX-License-Identifier: Apache-2.0
// Small things done to text: numbers in and out without locale, UTF-8 validity, base64, nearest word, RFC 3339.
// Pure functions, any thread.
// What it does not do: JSON (record writes it, codec reads it).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace tributary::base {

bool valid_utf8(std::string_view text);  // well-formed (Unicode 15, table 3-7): no surrogates, no overlong forms

std::string base64(std::string_view data);                      // RFC 4648, padded
std::optional<std::string> from_base64(std::string_view text);  // padded, no blanks; nothing = it is none

// The shortest text that reads back as the same double (std::to_chars), "1e+30" style; appended to out.
void append_number(std::string& out, double value);
std::string number_text(double value);
// Whole text or nothing; no locale, no leading '+', no blanks, neither NaN nor infinity.
std::optional<double> parse_number(std::string_view text);

// The candidate nearest to word by Damerau-Levenshtein distance, if it is near enough to be a slip; else empty.
std::string nearest(std::string_view word, std::span<const std::string_view> candidates);

// RFC 3339 ("2026-05-01T12:00:00.25Z", blank instead of T allowed, zone optional = UTC) to ns since 1970 UTC. A leap
// second, 23:59:60, is the second that follows it.
std::optional<int64_t> parse_time_ns(std::string_view text);
// The same; local: the text names no zone.
std::optional<int64_t> parse_time_ns(std::string_view text, bool& local);
std::string format_time_ms(int64_t ms);  // "2026-05-01T12:00:00.250Z"

}  // namespace tributary::base
