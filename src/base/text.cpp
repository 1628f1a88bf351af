// SPDX-License-Identifier: Apache-2.0
#include "base/text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cmath>
#include <vector>

#include "base/clock.hpp"

namespace tributary::base {

bool valid_utf8(std::string_view text) {
    const auto* p = reinterpret_cast<const unsigned char*>(text.data());
    const auto* const end = p + text.size();
    while (p < end) {
        if (*p < 0x80) {
            p++;
            continue;
        }
        size_t more = 0;
        unsigned char low = 0x80, high = 0xbf;  // bounds of the second byte
        if (*p >= 0xc2 && *p <= 0xdf)
            more = 1;
        else if (*p >= 0xe0 && *p <= 0xef)
            more = 2, low = *p == 0xe0 ? 0xa0 : 0x80, high = *p == 0xed ? 0x9f : 0xbf;
        else if (*p >= 0xf0 && *p <= 0xf4)
            more = 3, low = *p == 0xf0 ? 0x90 : 0x80, high = *p == 0xf4 ? 0x8f : 0xbf;
        else
            return false;
        if (static_cast<size_t>(end - p) <= more) return false;
        if (p[1] < low || p[1] > high) return false;
        for (size_t i = 2; i <= more; i++)
            if ((p[i] & 0xc0) != 0x80) return false;
        p += more + 1;
    }
    return true;
}

std::string base64(std::string_view data) {
    static constexpr char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string out;
    out.reserve((data.size() + 2) / 3 * 4);
    for (size_t i = 0; i < data.size(); i += 3) {
        const size_t have = std::min<size_t>(3, data.size() - i);
        uint32_t group = 0;
        for (size_t k = 0; k < 3; k++) group = group << 8 | (k < have ? static_cast<uint8_t>(data[i + k]) : 0);
        for (size_t k = 0; k < 4; k++) out.push_back(k <= have ? kDigits[group >> (18 - 6 * k) & 63] : '=');
    }
    return out;
}

std::optional<std::string> from_base64(std::string_view text) {
    if (text.size() % 4 != 0) return std::nullopt;
    const auto value = [](char c) -> uint32_t {
        if (c >= 'A' && c <= 'Z') return static_cast<uint32_t>(c - 'A');
        if (c >= 'a' && c <= 'z') return static_cast<uint32_t>(c - 'a') + 26;
        if (c >= '0' && c <= '9') return static_cast<uint32_t>(c - '0') + 52;
        return c == '+' ? 62 : c == '/' ? 63 : 64;
    };
    std::string out;
    out.reserve(text.size() / 4 * 3);
    for (size_t at = 0; at < text.size(); at += 4) {
        const bool last = at + 4 == text.size();
        const size_t pad = !last || text[at + 3] != '=' ? 0 : text[at + 2] != '=' ? 1 : 2;
        uint32_t bits = 0;
        for (size_t i = 0; i < 4; i++) {
            const uint32_t six = i < 4 - pad ? value(text[at + i]) : 0;
            if (six > 63) return std::nullopt;
            bits = bits << 6 | six;
        }
        for (size_t i = 0; i < 3 - pad; i++) out.push_back(static_cast<char>(bits >> (16 - 8 * i)));
    }
    return out;
}

void append_number(std::string& out, double value) {
    std::array<char, 32> buffer;
    const auto result = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value);
    out.append(buffer.data(), result.ptr);
}

std::string number_text(double value) {
    std::string out;
    append_number(out, value);
    return out;
}

std::optional<double> parse_number(std::string_view text) {
    double value = 0;
    const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (status != std::errc{} || end != text.data() + text.size() || !std::isfinite(value)) return std::nullopt;
    return value;
}

std::string nearest(std::string_view word, std::span<const std::string_view> candidates) {
    const auto distance = [](std::string_view a, std::string_view b) {
        std::vector<std::vector<size_t>> d(a.size() + 1, std::vector<size_t>(b.size() + 1));
        for (size_t i = 0; i <= a.size(); i++) d[i][0] = i;
        for (size_t j = 0; j <= b.size(); j++) d[0][j] = j;
        for (size_t i = 1; i <= a.size(); i++)
            for (size_t j = 1; j <= b.size(); j++) {
                d[i][j] =
                    std::min({d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)});
                if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                    d[i][j] = std::min(d[i][j], d[i - 2][j - 2] + 1);
            }
        return d[a.size()][b.size()];
    };
    std::string best;
    size_t best_distance = std::max<size_t>(2, word.size() / 3) + 1;
    for (const auto candidate : candidates)
        if (const size_t found = distance(word, candidate); found < best_distance)
            best_distance = found, best = candidate;
    return best;
}

std::optional<int64_t> parse_time_ns(std::string_view text) {
    bool local = false;
    return parse_time_ns(text, local);
}

std::optional<int64_t> parse_time_ns(std::string_view text, bool& local) {
    local = true;
    size_t at = 0;
    const auto digits = [&](size_t count) -> std::optional<int> {
        if (at + count > text.size()) return std::nullopt;
        int value = 0;
        for (size_t i = 0; i < count; i++) {
            const char c = text[at + i];
            if (c < '0' || c > '9') return std::nullopt;
            value = value * 10 + (c - '0');
        }
        at += count;
        return value;
    };
    const auto mark = [&](std::string_view any) {
        if (at < text.size() && any.find(text[at]) != std::string_view::npos) return at++, true;
        return false;
    };
    const auto year = digits(4);
    if (!year || !mark("-")) return std::nullopt;
    const auto month = digits(2);
    if (!month || !mark("-")) return std::nullopt;
    const auto day = digits(2);
    if (!day) return std::nullopt;
    int hour = 0, minute = 0, second = 0;
    int64_t fraction_ns = 0, zone_s = 0;
    if (at < text.size()) {
        if (!mark("Tt ")) return std::nullopt;
        const auto h = digits(2);
        if (!h || !mark(":")) return std::nullopt;
        const auto m = digits(2);
        if (!m) return std::nullopt;
        hour = *h, minute = *m;
        if (mark(":")) {
            const auto s = digits(2);
            if (!s) return std::nullopt;
            second = *s;
        }
        if (mark(".,")) {
            int64_t scale = 100'000'000;
            const size_t start = at;
            for (; at < text.size() && text[at] >= '0' && text[at] <= '9'; at++, scale /= 10)
                fraction_ns += (text[at] - '0') * scale;
            if (at == start) return std::nullopt;
        }
        local = at == text.size();
        if (!mark("Zz") && !local) {
            const bool west = text[at] == '-';
            if (!mark("+-")) return std::nullopt;
            const auto zh = digits(2);
            if (!zh) return std::nullopt;
            mark(":");
            const auto zm = at < text.size() ? digits(2) : std::optional<int>(0);
            if (!zm || *zh > 23 || *zm > 59) return std::nullopt;
            zone_s = (*zh * 3600 + *zm * 60) * (west ? -1 : 1);
        }
    }
    if (at != text.size() || hour > 23 || minute > 59 || second > 60) return std::nullopt;
    const std::chrono::year_month_day date{std::chrono::year(*year), std::chrono::month(static_cast<unsigned>(*month)),
                                           std::chrono::day(static_cast<unsigned>(*day))};
    if (!date.ok()) return std::nullopt;
    const int64_t days = std::chrono::sys_days(date).time_since_epoch().count();
    const int64_t seconds = days * 86400 + hour * 3600 + minute * 60 + second - zone_s;
    if (seconds > INT64_MAX / kNsPerSecond - 1 || seconds < INT64_MIN / kNsPerSecond + 1) return std::nullopt;
    return seconds * kNsPerSecond + fraction_ns;
}

std::string format_time_ms(int64_t ms) {
    const int64_t days = ms >= 0 ? ms / 86'400'000 : -((-ms + 86'399'999) / 86'400'000);
    const int64_t in_day = ms - days * 86'400'000;
    const std::chrono::year_month_day date{std::chrono::sys_days(std::chrono::days(days))};
    return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", static_cast<int>(date.year()),
                       static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()), in_day / 3'600'000,
                       in_day / 60'000 % 60, in_day / 1000 % 60, in_day % 1000);
}

}  // namespace tributary::base
