// SPDX-License-Identifier: Apache-2.0
#include "downsample/deviation.hpp"

#include <algorithm>

#include "base/log.hpp"
#include "base/text.hpp"

namespace tributary::downsample {
namespace {

constexpr uint32_t kWarmUp = 24;   // differences before the estimate is believed
constexpr double kLeast = 1e-290;  // below it, slopes over a long time would leave the normal doubles
constexpr double kMost = 1e300;

struct Amount {
    enum class Kind : uint8_t { number, percent, learned, none } kind = Kind::none;
    double value = 0;
};

// "0.5", "1%", "auto".
Amount parse(std::string_view text) {
    if (text == "auto") return {Amount::Kind::learned, 0};
    const bool percent = text.ends_with('%');
    if (percent) text.remove_suffix(1);
    while (text.ends_with(' ')) text.remove_suffix(1);
    const auto number = base::parse_number(text);
    if (!number) return {};
    return {percent ? Amount::Kind::percent : Amount::Kind::number, *number};
}

Amount amount_option(const model::OptionMap& options, std::string_view name, std::string_view fallback) {
    const auto found = options.find(name);
    if (found == options.end()) return parse(fallback);
    if (const auto number = config::optional_number(options, name)) return {Amount::Kind::number, *number};
    return parse(std::get<std::string>(found->second.value));
}

double span_of(const model::OptionMap& options) {
    const auto span = config::numbers_option(options, "span");
    return span.size() == 2 ? span[1] - span[0] : 0;
}

double in_units(const Amount& amount, double span) {
    return amount.kind == Amount::Kind::percent ? amount.value / 100 * span : amount.value;
}

void check_amount(const model::OptionMap& options, std::string_view name, const Amount& amount, double least,
                  std::vector<std::string>& problems) {
    if (amount.kind == Amount::Kind::none)
        return problems.push_back(
            base::format("\"{}\" must be a number in the stream's unit (0.5) or a part of the span (\"1%\"){}", name,
                         name == "deviation" ? " or \"auto\"" : ""));
    if (amount.kind == Amount::Kind::percent && !options.contains("span"))
        return problems.push_back(base::format(
            "\"{}\" is a percentage, but of what? Set span = [lowest, highest] in the stream's unit", name));
    if (amount.kind == Amount::Kind::learned) return;
    const double value = in_units(amount, span_of(options));
    if (least > 0 ? !(value >= least) : !(value >= 0))
        problems.push_back(
            base::format("\"{}\" must be {}", name, least > 0 ? "above 0 (and not below 1e-290)" : "0 or more"));
    else if (value > kMost)
        problems.push_back(base::format("\"{}\" must be at most 1e300", name));
}

constexpr double kMiddle = 0x1.3988e1409212ep+0;  // sqrt(1.5)
constexpr double kStep = 65.0 / 64;

void follow(Noise& noise, double size, double share) {
    const bool above = size > noise.median * share;
    if (noise.learned == 0) {
        noise.median = size / share;
    } else if (noise.learned < 252) {  // large steps at first: nobody knows the magnitude
        const double step = 1 + 4 / (4.0 + noise.learned);
        noise.median = above ? noise.median * step : noise.median / step;
    } else {
        noise.median *= above ? kStep : 1 / kStep;
    }
    noise.median = std::clamp(noise.median, kLeast, kMost);
    if (noise.learned < UINT32_MAX) noise.learned++;
}

}  // namespace

std::array<model::OptionSpec, 4> deviation_options() {
    return {model::OptionSpec{.name = "deviation",
                              .kind = model::OptionKind::number_or_text,
                              .default_value = {},
                              .help = "the promised bound: a number in the stream's unit (`0.5`), a part of the span "
                                      "(`\"1%\"`), or `\"auto\"`: `k` times the noise of the series itself",
                              .required = true},
            model::OptionSpec{.name = "span",
                              .kind = model::OptionKind::numbers,
                              .default_value = {},
                              .help = "lowest and highest value of the sensor, `[0, 150]`: what percentages refer to"},
            model::OptionSpec{.name = "k",
                              .default_value = "4",
                              .help = "with `\"auto\"`: so many standard deviations of the noise",
                              .min = 0.1,
                              .max = 100},
            model::OptionSpec{.name = "max_deviation",
                              .kind = model::OptionKind::number_or_text,
                              .default_value = {},
                              .help = "with `\"auto\"`: never more than this (a number, or a part of the span)"}};
}

void check_deviation(const model::OptionMap& options, double least, std::vector<std::string>& problems) {
    if (options.contains("span")) {
        const auto span = config::numbers_option(options, "span");
        if (span.size() != 2 || !(span[0] < span[1]) || !std::isfinite(span[1] - span[0]))
            return problems.push_back("\"span\" must be two numbers, the lower one first: [0, 150]");
    }
    const Amount deviation = amount_option(options, "deviation", "");
    check_amount(options, "deviation", deviation, least, problems);
    if (options.contains("max_deviation")) {
        const Amount most = amount_option(options, "max_deviation", "");
        check_amount(options, "max_deviation", most.kind == Amount::Kind::learned ? Amount{} : most, kLeast, problems);
    }
    if (deviation.kind == Amount::Kind::learned) return;
    for (const auto* name : {"k", "max_deviation"})
        if (options.contains(name)) problems.push_back(base::format("\"{}\" is for deviation = \"auto\" only", name));
}

Deviation::Deviation(const model::OptionMap& options) {
    const Amount deviation = amount_option(options, "deviation", "");
    learns_ = deviation.kind == Amount::Kind::learned;
    if (!learns_) {
        fixed_ = in_units(deviation, span_of(options));
        return;
    }
    k_ = config::optional_number(options, "k").value_or(4);
    most_ = options.contains("max_deviation") ? in_units(amount_option(options, "max_deviation", ""), span_of(options))
                                              : kMost;
}

void Deviation::learn(Noise& noise, const Point& point) const {
    const int64_t whole_ms = point.time_ms - noise.before.time_ms, part_ms = noise.last.time_ms - noise.before.time_ms;
    if (noise.seen == 2 && part_ms > 0 && part_ms < whole_ms) {
        const bool middle = part_ms * 2 == whole_ms;  // the usual case needs neither division nor root
        const double w = middle ? 0.5 : static_cast<double>(part_ms) / static_cast<double>(whole_ms);
        const double share = middle ? kMiddle : std::sqrt(1 + w * w + (1 - w) * (1 - w));
        const double size = std::fabs(noise.last.value - (noise.before.value + (point.value - noise.before.value) * w));
        if (size > 0 && std::isfinite(size)) follow(noise, size, share);
    }
    noise.before = noise.last;
    noise.last = point;
    noise.seen = std::min(noise.seen + 1, 2U);
}

double Deviation::next(const Noise& noise) const {
    if (!learns_) return fixed_;
    if (noise.learned < kWarmUp) return 0;
    return std::clamp(k_ * (noise.median / 0.6745), kLeast, most_);
}

}  // namespace tributary::downsample
