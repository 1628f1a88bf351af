// SPDX-License-Identifier: Apache-2.0
#include "codec/value.hpp"

#include <algorithm>
#include <cmath>

#include "base/text.hpp"

namespace tributary::codec {

bool is_integer_text(std::string_view text) {
    if (text.starts_with('-')) text.remove_prefix(1);
    return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

Reason scaled(const config::StreamSettings& stream, double number, model::Value& out) {
    if (stream.scale != 1.0 || stream.offset != 0.0) number = number * stream.scale + stream.offset;
    if (!std::isfinite(number)) return Reason::not_finite;
    out = {model::ValueKind::number, number, {}};
    return Reason::none;
}

int64_t time_from_integer(int64_t value, int64_t unit_ns) {
    const int64_t most = kTimeLimitNs / unit_ns;
    return std::clamp(value, -most, most) * unit_ns;
}

int64_t time_from_number(double value, int64_t unit_ns) {
    const int64_t most_units = kTimeLimitNs / unit_ns;
    const auto most = static_cast<double>(most_units);
    // At the edges the conversion to `most` may have rounded up, hence the second cut.
    if (value >= most) return most_units * unit_ns;
    if (value <= -most) return -most_units * unit_ns;
    auto whole = static_cast<int64_t>(value);
    double fraction = value - static_cast<double>(whole);
    if (fraction < 0) whole--, fraction += 1;
    const int64_t step_ns = std::min<int64_t>(unit_ns, base::kNsPerUs);
    const int64_t steps_a_unit = unit_ns / step_ns;
    const int64_t steps = std::llround(fraction * static_cast<double>(steps_a_unit));
    return std::clamp(whole * unit_ns + steps * step_ns, -kTimeLimitNs, kTimeLimitNs);
}

std::optional<int64_t> time_from_text(std::string_view text, bool& local) {
    const auto time = base::parse_time_ns(text, local);
    if (!time) return std::nullopt;
    return std::clamp(*time, -kTimeLimitNs, kTimeLimitNs);
}

}  // namespace tributary::codec
