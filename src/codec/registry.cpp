// SPDX-License-Identifier: Apache-2.0
#include <array>

#include "base/result.hpp"
#include "codec/codec.hpp"

namespace tributary::codec {
namespace {

constexpr std::array kFormats{
    Format{"auto", "JSON when the payload begins with { or [, else one scalar", make_auto},
    Format{"json", "JSON; values and time by JSON pointer (RFC 6901)", make_json},
    Format{"scalar", "one number, true, false or short text", make_scalar},
};

constexpr std::array kReasons{
    ReasonInfo{Reason::none, "", ""},
    ReasonInfo{Reason::empty, "empty", "the payload is empty"},
    ReasonInfo{Reason::too_large, "too-large", "the payload is larger than 1 MiB"},
    ReasonInfo{Reason::utf8, "utf8", "the payload is not valid UTF-8"},
    ReasonInfo{Reason::json, "json", "the payload is not JSON (or nests deeper than 64)"},
    ReasonInfo{Reason::not_a_value, "not-a-value", "neither a number nor a boolean nor short printable text"},
    ReasonInfo{Reason::missing_field, "missing-field", "no value at the configured JSON pointer"},
    ReasonInfo{Reason::wrong_type, "wrong-type", "null, an object or an array where a value should be"},
    ReasonInfo{Reason::not_finite, "not-finite", "NaN, infinite or outside the range of a double"},
    ReasonInfo{Reason::bad_time, "bad-time", "the time is missing or neither a number nor RFC 3339 text"},
    ReasonInfo{Reason::no_stream, "no-stream", "no stream is configured for this topic"},
    ReasonInfo{Reason::poison, "poison", "set aside: processing it failed before"},
    ReasonInfo{Reason::series_limit, "series-limit", "the stream has as many series as max_series allows"},
    ReasonInfo{Reason::command, "command", "not a command, or it cannot be obeyed"},
};

class Auto final : public Decoder {
  public:
    explicit Auto(const config::StreamSettings& stream) : json_(make_json(stream)), scalar_(make_scalar(stream)) {}

    Reason decode(std::string_view payload, Decoded& out) override {
        const size_t at = payload.find_first_not_of(" \t\r\n");
        const bool json = at != std::string_view::npos && (payload[at] == '{' || payload[at] == '[');
        return (json ? json_ : scalar_)->decode(payload, out);
    }

  private:
    std::unique_ptr<Decoder> json_, scalar_;
};

}  // namespace

std::span<const ReasonInfo> reasons() { return kReasons; }

const ReasonInfo& info(Reason reason) {
    const ReasonInfo& row = kReasons[static_cast<size_t>(reason)];
    TRB_ASSERT(row.reason == reason);
    return row;
}

std::span<const Format> registry() { return kFormats; }

const Format* find_format(std::string_view name) {
    for (const Format& format : kFormats)
        if (format.name == name) return &format;
    return nullptr;
}

bool valid_pointer(std::string_view pointer) {
    if (!pointer.empty() && pointer.front() != '/') return false;
    for (size_t i = 0; i < pointer.size(); i++)
        if (pointer[i] == '~' && (i + 1 == pointer.size() || (pointer[i + 1] != '0' && pointer[i + 1] != '1')))
            return false;
    return true;
}

std::unique_ptr<Decoder> make_auto(const config::StreamSettings& stream) { return std::make_unique<Auto>(stream); }

}  // namespace tributary::codec
