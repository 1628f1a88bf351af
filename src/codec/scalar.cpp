// SPDX-License-Identifier: Apache-2.0
#include <charconv>
#include <cmath>

#include "base/text.hpp"
#include "codec/codec.hpp"
#include "codec/value.hpp"

namespace tributary::codec {
namespace {

std::string_view trimmed(std::string_view text) {
    const size_t first = text.find_first_not_of(" \t\r\n");
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

class Scalar final : public Decoder {
  public:
    explicit Scalar(const config::StreamSettings& stream) : stream_(stream) {}

    Reason decode(std::string_view payload, Decoded& out) override {
        out.fields.clear();
        out.event_ns.reset();
        const auto text = trimmed(payload);
        if (text.empty()) return Reason::empty;
        model::Value value;
        if (const Reason reason = parse(text, value); reason != Reason::none) return reason;
        // One scalar can be neither several values nor a value and its time.
        if (stream_.values.size() != 1) return Reason::missing_field;
        if (!stream_.time_pointer.empty()) return Reason::bad_time;
        out.fields.push_back({0, value});
        return Reason::none;
    }

  private:
    Reason parse(std::string_view text, model::Value& value) const {
        if (text == "true" || text == "false") {
            value = {model::ValueKind::boolean, text == "true" ? 1.0 : 0.0, {}};
            return Reason::none;
        }
        auto digits = text;
        if (digits.size() > 1 && digits[0] == '+' && digits[1] != '-') digits.remove_prefix(1);
        double number = 0;
        const auto [end, status] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
        if (end == digits.data() + digits.size() && status != std::errc::invalid_argument) {
            if (status == std::errc::result_out_of_range || !std::isfinite(number)) return Reason::not_finite;
            if (!is_integer_text(digits) || exact(digits)) return scaled(stream_, number, value);
        }
        return plain_text(text, value);
    }

    static bool exact(std::string_view digits) {
        int64_t whole = 0;
        const auto status = std::from_chars(digits.data(), digits.data() + digits.size(), whole).ec;
        return status == std::errc{} && whole >= -kExactInteger && whole <= kExactInteger;
    }

    static Reason plain_text(std::string_view text, model::Value& value) {
        if (!base::valid_utf8(text)) return Reason::utf8;
        if (text.size() > kMaxTextBytes) return Reason::not_a_value;
        for (const char c : text)
            if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) return Reason::not_a_value;
        value = {model::ValueKind::text, 0, text};
        return Reason::none;
    }

    const config::StreamSettings stream_;
};

}  // namespace

std::unique_ptr<Decoder> make_scalar(const config::StreamSettings& stream) { return std::make_unique<Scalar>(stream); }

}  // namespace tributary::codec
