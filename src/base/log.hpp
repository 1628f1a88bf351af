// SPDX-License-Identifier: Apache-2.0
// The process log: one line an event on stderr (journald reads it there, with priority prefixes when started by
// systemd). Any thread. Never hand it a payload, a password or a whole configuration.
#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>

namespace tributary::base::log {

enum class Level { debug, info, warning, error };

void set_level(Level level);
bool set_level(std::string_view name);  // "debug" | "info" | "warning" | "error"; false = no such level
bool enabled(Level level);
void write(Level level, std::string_view text);

template <class... Args>
void debug(fmt::format_string<Args...> format, Args&&... args) {
    if (enabled(Level::debug)) write(Level::debug, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void info(fmt::format_string<Args...> format, Args&&... args) {
    if (enabled(Level::info)) write(Level::info, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void warning(fmt::format_string<Args...> format, Args&&... args) {
    if (enabled(Level::warning)) write(Level::warning, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void error(fmt::format_string<Args...> format, Args&&... args) {
    write(Level::error, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace tributary::base::log

namespace tributary::base {
// fmt under our own name, so that no other room includes it.
using fmt::format;
}  // namespace tributary::base
