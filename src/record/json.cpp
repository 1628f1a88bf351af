// SPDX-License-Identifier: Apache-2.0
#include "record/json.hpp"

#include <array>
#include <charconv>
#include <cmath>

#include "base/text.hpp"

namespace tributary::record {

namespace {

constexpr std::string_view kReplacement = "\xef\xbf\xbd";

// Bytes that go out as they are: printable ASCII but quote and backslash.
constexpr auto kPlain = [] {
    std::array<bool, 256> plain{};
    for (size_t c = 0x20; c < 0x7f; c++) plain[c] = c != '"' && c != '\\';
    return plain;
}();

void append_escape(std::string& out, unsigned char c) {
    static constexpr char kHex[] = "0123456789abcdef";
    switch (c) {
        case '"':
        case '\\':
            out.push_back('\\');
            out.push_back(static_cast<char>(c));
            return;
        case '\n':
            out.append("\\n");
            return;
        case '\r':
            out.append("\\r");
            return;
        case '\t':
            out.append("\\t");
            return;
        default:
            out.append("\\u00");
            out.push_back(kHex[c >> 4]);
            out.push_back(kHex[c & 15]);
    }
}

struct Sequence {
    size_t bytes = 1;
    bool valid = false;  // false: bytes = the maximal ill-formed part
};

// The multi-byte sequence that text begins with (Unicode 15, table 3-7).
Sequence first_sequence(std::string_view text) {
    const auto at = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
    const unsigned char lead = at(0);
    size_t need = 0;
    unsigned char low = 0x80, high = 0xbf;
    if (lead >= 0xc2 && lead <= 0xdf)
        need = 2;
    else if (lead >= 0xe0 && lead <= 0xef)
        need = 3, low = lead == 0xe0 ? 0xa0 : 0x80, high = lead == 0xed ? 0x9f : 0xbf;
    else if (lead >= 0xf0 && lead <= 0xf4)
        need = 4, low = lead == 0xf0 ? 0x90 : 0x80, high = lead == 0xf4 ? 0x8f : 0xbf;
    else
        return {};
    for (size_t i = 1; i < need; i++) {
        if (i >= text.size() || at(i) < low || at(i) > high) return {i, false};
        low = 0x80, high = 0xbf;
    }
    return {need, true};
}

template <class Integer>
void append_digits(std::string& out, Integer value) {
    std::array<char, 24> buffer;
    const auto result = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value);
    out.append(buffer.data(), result.ptr);
}

}  // namespace

void append_json_text(std::string& out, std::string_view text) {
    out.push_back('"');
    while (!text.empty()) {
        size_t plain = 0;
        while (plain < text.size() && kPlain[static_cast<unsigned char>(text[plain])]) plain++;
        out.append(text.substr(0, plain));
        text.remove_prefix(plain);
        if (text.empty()) break;
        const auto c = static_cast<unsigned char>(text.front());
        Sequence sequence;
        if (c < 0x80) {
            append_escape(out, c);
        } else if (sequence = first_sequence(text); sequence.valid) {
            out.append(text.substr(0, sequence.bytes));
        } else {
            out.append(kReplacement);
        }
        text.remove_prefix(sequence.bytes);
    }
    out.push_back('"');
}

void append_json_bytes(std::string& out, std::string_view bytes) {
    if (base::valid_utf8(bytes))
        append_json_text(out, bytes);
    else
        JsonObject(out).text("base64", base::base64(bytes)).end();
}

void append_json_number(std::string& out, double value) {
    if (std::isfinite(value))
        base::append_number(out, value);
    else
        out.append("null");
}

void append_integer(std::string& out, int64_t value) { append_digits(out, value); }
void append_integer(std::string& out, uint64_t value) { append_digits(out, value); }

}  // namespace tributary::record
