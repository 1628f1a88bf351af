// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "base/files.hpp"
#include "base/log.hpp"
#include "config/load.hpp"
#include "config/syntax.hpp"

namespace tributary::config {
namespace {

// Bytes of the character at the front; stray bytes count as one character.
size_t character_bytes(std::string_view text) {
    size_t bytes = 1;
    while (bytes < text.size() && bytes < 4 && (static_cast<unsigned char>(text[bytes]) & 0xc0) == 0x80) bytes++;
    return bytes;
}

// Columns on a terminal: wide East Asian and emoji characters take two. A rough table is enough for a caret.
size_t width(std::string_view character) {
    const auto lead = static_cast<unsigned char>(character[0]);
    if (character.size() == 4) return 2;
    if (character.size() == 2)
        return lead == 0xcc || (lead == 0xcd && static_cast<unsigned char>(character[1]) < 0xb0) ? 0 : 1;
    if (character.size() == 3) return (lead >= 0xe3 && lead <= 0xed) ? 2 : 1;
    return 1;
}

// The rest of the word, text or number that begins here.
std::string_view token(std::string_view rest) {
    if (rest.empty()) return rest;
    if (const char quote = rest.front(); quote == '"' || quote == '\'') {
        size_t end = 1;
        while (end < rest.size() && rest[end] != quote) end += quote == '"' && rest[end] == '\\' ? 2 : 1;
        return rest.substr(0, std::min(end + 1, rest.size()));
    }
    if (rest.front() == '[') return rest.substr(0, std::max<size_t>(1, rest.find_last_of(']') + 1));
    if (rest.front() == '{') return rest.substr(0, std::max<size_t>(1, rest.find_last_of('}') + 1));
    return rest.substr(0, std::max<size_t>(1, std::min(rest.find_first_of(" \t,]}=#"), rest.size())));
}

std::string caret_line(std::string_view line, uint32_t column) {
    std::string out;
    std::string_view rest = line;
    for (uint32_t n = 1; n < column && !rest.empty(); n++) {
        const auto character = rest.substr(0, character_bytes(rest));
        if (character == "\t")
            out += '\t';
        else
            out.append(width(character), ' ');
        rest.remove_prefix(character.size());
    }
    size_t columns = 0;
    for (auto word = token(rest); !word.empty(); word.remove_prefix(character_bytes(word)))
        columns += width(word.substr(0, character_bytes(word)));
    return out + '^' + std::string(columns > 1 ? columns - 1 : 0, '~');
}

// What a terminal would act on is shown as a question mark.
std::string printable(std::string_view text) {
    std::string out(text);
    for (char& c : out)
        if ((static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f) c = '?';
    return out;
}

void append_json(std::string& out, std::string_view key, std::string_view text) {
    out += base::format("\"{}\":\"", key);
    for (const char c : text) {
        if (c == '"' || c == '\\')
            out += {'\\', c};
        else if (static_cast<unsigned char>(c) < 0x20)
            out += base::format("\\u{:04x}", static_cast<int>(c));
        else
            out += c;
    }
    out += '"';
}

}  // namespace

std::string render(const Diagnostic& diagnostic) {
    std::string out = diagnostic.file;
    if (diagnostic.line > 0) out += base::format(":{}:{}", diagnostic.line, diagnostic.column);
    out += base::format(": {} {}: {}\n", diagnostic.level == Diagnostic::Level::error ? "error" : "warning",
                        diagnostic.code, printable(diagnostic.message));
    if (diagnostic.line > 0 && diagnostic.column > 0) {
        const auto document = base::read_file(diagnostic.file);
        const auto line = document ? source_line(*document, diagnostic.line) : std::string_view();
        if (!line.empty() && !may_hold_secret(line))
            out += base::format("    {}\n    {}\n", printable(line), caret_line(line, diagnostic.column));
    }
    if (!diagnostic.hint.empty()) out += base::format("hint: {}\n", printable(diagnostic.hint));
    return out;
}

std::string render(std::span<const Diagnostic> diagnostics) {
    std::string out;
    for (const auto& diagnostic : diagnostics) out += render(diagnostic) + "\n";
    return out;
}

std::string render_json(std::span<const Diagnostic> diagnostics) {
    std::string out = "[";
    for (const auto& diagnostic : diagnostics) {
        out += out.size() > 1 ? ",\n {" : "{";
        append_json(out, "level", diagnostic.level == Diagnostic::Level::error ? "error" : "warning");
        append_json(out += ',', "code", diagnostic.code);
        append_json(out += ',', "file", diagnostic.file);
        out += base::format(",\"line\":{},\"column\":{},", diagnostic.line, diagnostic.column);
        append_json(out, "message", diagnostic.message);
        append_json(out += ',', "hint", diagnostic.hint);
        out += '}';
    }
    return out + "]";
}

}  // namespace tributary::config
