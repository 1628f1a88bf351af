// SPDX-License-Identifier: Apache-2.0
#include "config/syntax.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <string>

#include "base/log.hpp"
#include "base/text.hpp"

namespace tributary::config {
namespace {

bool has(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

std::string_view trim(std::string_view text) {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
    return text;
}

struct Slip {
    std::string message, hint;
};

// What stands right of "=" without quotes: the commonest slip of all.
Slip bare_value(std::string_view key, std::string_view value) {
    const std::string word(value.substr(0, value.find_first_of(" \t#,")));
    std::string lower = word;
    std::transform(lower.begin(), lower.end(), lower.begin(), [](unsigned char c) { return std::tolower(c); });
    if (value.empty() || value.front() == '#')
        return {base::format("\"{}\" has no value", key), "write a value behind \"=\", or take the line out"};
    if (lower == "true" || lower == "yes" || lower == "on")
        return {base::format("{} is not a TOML value", word), base::format("write {} = true", key)};
    if (lower == "false" || lower == "no" || lower == "off")
        return {base::format("{} is not a TOML value", word), base::format("write {} = false", key)};
    const auto digits = value.find_first_not_of("+-0123456789");
    if (digits != 0 && digits != std::string_view::npos && value[digits] == ',')
        return {"a number has a decimal point, not a comma", "write 1.5 instead of 1,5"};
    const auto first = static_cast<unsigned char>(value.front());
    if (std::isalnum(first) != 0 || first == '/' || first == '.' || first == '+') {
        const auto shown =
            may_hold_secret(base::format("{} = {}", key, value)) ? "..." : trim(value.substr(0, value.find('#')));
        return {base::format("the value of \"{}\" is not a TOML value", key),
                base::format("a text stands in quotes: {} = \"{}\"", key, shown)};
    }
    return {};
}

Slip from_line(std::string_view line, std::string_view says) {
    if (has(line, "\u201c") || has(line, "\u201d") || has(line, "\u201e") || has(line, "\u2018") || has(line, "\u2019"))
        return {"the line has typographic quotes", "use straight quotes: \" or '"};
    if (has(says, "escape"))
        return {"a backslash in double quotes begins an escape sequence",
                "write the text in single quotes ('C:\\data') or double the backslash"};
    const auto equals = line.find('=');
    const auto key = trim(line.substr(0, equals));
    if (!key.empty() && (key.front() == ';' || key.substr(0, 2) == "//"))
        return {"this is not a comment in TOML", "comments begin with #"};
    if (equals == std::string_view::npos) {
        if (const auto colon = line.find(':'); colon != std::string_view::npos && !key.empty() && key.front() != '[')
            return {"a key and its value are divided by \"=\", not by \":\"",
                    base::format("write {} = ...", trim(line.substr(0, colon)))};
        if (!key.empty() && key.front() == '[')
            return {"the table header is not closed", "a table is [name], an entry of a list of tables [[name]]"};
        return {};
    }
    if (!key.empty() && key.front() != '[') return bare_value(key, trim(line.substr(equals + 1)));
    return {};
}

}  // namespace

bool may_hold_secret(std::string_view line) {
    std::string lower(line);
    std::transform(lower.begin(), lower.end(), lower.begin(), [](unsigned char c) { return std::tolower(c); });
    return has(lower, "password") || has(lower, "secret") || has(lower, "sasl.") || has(lower, ".pem\"") ||
           (has(lower, "://") && has(lower, "@"));
}

std::string_view source_line(std::string_view document, uint32_t line) {
    for (uint32_t n = 1; n < line; n++) {
        const auto end = document.find('\n');
        if (end == std::string_view::npos) return {};
        document.remove_prefix(end + 1);
    }
    document = document.substr(0, document.find('\n'));
    if (!document.empty() && document.back() == '\r') document.remove_suffix(1);
    return document;
}

void explain_syntax(std::string_view document, std::string_view says, Diagnostic& problem) {
    if (!base::valid_utf8(document)) {
        problem.message = "the file is not UTF-8";
        problem.hint = "save it as UTF-8 (the offending character is here or just before)";
        return;
    }
    const auto set = [&](std::string_view message, std::string_view hint) {
        problem.message = message, problem.hint = hint;
    };
    // The parser notices a missing end of line or text one line too late.
    std::string_view line = source_line(document, problem.line);
    if (has(says, "redefine") || has(says, "already defined"))
        return set("this key or table stands here for the second time", "keep one of the two");
    if (has(says, "string") && (has(says, "end-of-line") || has(says, "end-of-file") || has(says, "control character")))
        return set("the text is not closed", "put the closing quote at the end of the text");
    if (auto slip = from_line(line, says); !slip.message.empty()) return set(slip.message, slip.hint);
    if (has(says, "array")) return set("the list is not complete", "values stand in [ ] and are divided by commas");
    if (has(says, "inline table"))
        return set("the table in braces is not complete",
                   "{ key = value, key = value }: on one line, divided by commas, no comma at the end");
    if (has(says, "end-of-file")) return set("the file ends in the middle of something", "");
    if (has(says, "leading zeroes")) return set("a number does not begin with 0", "");
    // "Error while parsing key-value pair: expected ..." -> "expected ..."
    const auto colon = says.find(": ");
    problem.message = "this is not TOML: " + std::string(says.substr(colon == std::string_view::npos ? 0 : colon + 2));
}

}  // namespace tributary::config
