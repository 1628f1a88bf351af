// SPDX-License-Identifier: Apache-2.0
// TOML + drop-ins (conf.d/*.toml beside the file, in name order, later wins; [[stream]] entries add up, one of the same
// name replaces) into Settings, or a list of what is wrong with file:line:column and the fix. Any thread; no state.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "config/settings.hpp"

namespace tributary::config {

struct Diagnostic {
    enum class Level { error, warning };
    Level level = Level::error;
    std::string code;  // "TRB-CONFIG-003", a row of docs/errors.md
    std::string file;
    uint32_t line = 0, column = 0, length = 1;  // from 1; 0 = the whole file
    std::string message;                        // what is wrong
    std::string hint;                           // how to mend it: "did you mean \"lateness\"?"
};

struct Loaded {
    std::optional<Settings> settings;  // empty when there is an error
    std::vector<Diagnostic> diagnostics;
    bool ok() const { return settings.has_value(); }
};

Loaded load(const std::string& path);
Loaded load_text(std::string_view text, const std::string& file_name);  // no drop-ins

// Gateway id and streams as TOML: what a `config` record carries. parse_engine_text() reads it back; both give Settings
// whose engine part is equal. Contains no secret.
std::string engine_text(const Settings& settings);
std::string stream_text(const StreamSettings& stream);  // one stream of it: what StreamSettings::text has to be
Loaded parse_engine_text(std::string_view text);

// Checks a stage's options against its declaration: unknown names (did you mean), types, ranges, missing ones.
// context names the place for people: "stream \"temperature\", detector \"threshold\"".
std::vector<Diagnostic> check_options(const model::OptionMap& options, std::span<const model::OptionSpec> specs,
                                      std::string_view context, const model::SourcePosition& position);
// One option's value or its declared default. Only after check_options() found nothing.
double number_option(const model::OptionMap& options, std::span<const model::OptionSpec> specs, std::string_view name);
std::optional<double> optional_number(const model::OptionMap& options, std::string_view name);
std::vector<double> numbers_option(const model::OptionMap& options, std::string_view name);  // empty: not given
int64_t duration_option_ns(const model::OptionMap& options, std::span<const model::OptionSpec> specs,
                           std::string_view name);
int64_t integer_option(const model::OptionMap& options, std::span<const model::OptionSpec> specs,
                       std::string_view name);
bool boolean_option(const model::OptionMap& options, std::span<const model::OptionSpec> specs, std::string_view name);
std::string text_option(const model::OptionMap& options, std::span<const model::OptionSpec> specs,
                        std::string_view name);

// For people: file:line:column, the source line, a caret, the hint.
std::string render(const Diagnostic& diagnostic);
std::string render(std::span<const Diagnostic> diagnostics);       // a line, or some, each
std::string render_json(std::span<const Diagnostic> diagnostics);  // a JSON array

// All keys with type, default and meaning, as Markdown tables: `tributary list options`, docs/configuration.md.
std::string markdown_reference();

}  // namespace tributary::config
