// SPDX-License-Identifier: Apache-2.0
// JSON written straight into the caller's string: no document tree, no allocation once the string has grown. Used by
// record alone. Pure. It does not check that calls nest properly: the shapes in record.cpp are fixed.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace tributary::record {

// A JSON string, quotes included. Any bytes are allowed: what is not well-formed UTF-8 becomes U+FFFD (one per maximal
// ill-formed part, as Unicode recommends), control characters are escaped.
void append_json_text(std::string& out, std::string_view text);
// A sensor's bytes: a JSON string, or {"base64": "..."} when they are not UTF-8.
void append_json_bytes(std::string& out, std::string_view bytes);
void append_json_number(std::string& out, double value);  // NaN and infinity, which JSON has not: null
void append_integer(std::string& out, int64_t value);
void append_integer(std::string& out, uint64_t value);

// One object, members in the order of the calls.
class JsonObject {
  public:
    explicit JsonObject(std::string& out) : out_(out) { out_.push_back('{'); }

    JsonObject& text(std::string_view name, std::string_view value) {
        append_json_text(key(name), value);
        return *this;
    }
    JsonObject& number(std::string_view name, double value) {
        append_json_number(key(name), value);
        return *this;
    }
    template <class Integer>
    JsonObject& integer(std::string_view name, Integer value) {
        append_integer(key(name), value);
        return *this;
    }
    JsonObject& boolean(std::string_view name, bool value) {
        key(name) += value ? "true" : "false";
        return *this;
    }
    template <class Texts>
    JsonObject& texts(std::string_view name, const Texts& values) {
        auto& out = key(name);
        out += '[';
        bool first = true;
        for (const auto& value : values) {
            if (!std::exchange(first, false)) out += ',';
            append_json_text(out, value);
        }
        out += ']';
        return *this;
    }
    // The member's name; the caller appends its value.
    std::string& key(std::string_view name) {
        if (!first_) out_.push_back(',');
        first_ = false;
        append_json_text(out_, name);
        out_.push_back(':');
        return out_;
    }
    void end() { out_.push_back('}'); }

  private:
    std::string& out_;
    bool first_ = true;
};

}  // namespace tributary::record
