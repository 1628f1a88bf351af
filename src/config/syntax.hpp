// SPDX-License-Identifier: Apache-2.0
// TOML syntax errors in words that help: what the parser said, looked at together with the line it said it about.
// Pure; fills message and hint of a diagnostic whose position is set.
#pragma once

#include <string_view>

#include "config/load.hpp"

namespace tributary::config {

void explain_syntax(std::string_view document, std::string_view parser_says, Diagnostic& problem);

// The n-th line (from 1) without its end; empty when there is none.
std::string_view source_line(std::string_view document, uint32_t line);

// A password, a key or a URL with a login: such a line is not repeated, for diagnostics go to logs and tickets.
bool may_hold_secret(std::string_view line);

}  // namespace tributary::config
