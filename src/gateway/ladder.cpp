// SPDX-License-Identifier: Apache-2.0
#include "gateway/ladder.hpp"

#include <algorithm>
#include <array>

#include "base/clock.hpp"

namespace tributary::gateway {
namespace {

using enum Step;

constexpr std::array kFilling{compact, thin_raw, thin_1s, thin_1min_old};
constexpr std::array kTight{compact, thin_raw, thin_1s, thin_1min_old, thin_1min};
constexpr std::array kFull{compact,    thin_raw,  thin_1s, thin_1min_old, thin_1min, thin_raw_now,
                           drop_15min, drop_1min, drop_1s, drop_raw,      drop_kept};
constexpr std::array kDropFull{compact, drop_15min, drop_1min, drop_1s, drop_raw, drop_kept};
constexpr std::array kCompactOnly{compact};
// What is over quota goes on giving way before others begin to, as long as there is a good part of it.
constexpr std::array kDropGoodPart{drop_15min, drop_1min, drop_1s, drop_raw};

}  // namespace

WhenFull when_full_by_name(std::string_view name) {
    return name == "thin" ? WhenFull::thin : name == "drop-oldest" ? WhenFull::drop_oldest : WhenFull::block;
}

std::string_view step_name(Step step) {
    constexpr std::array<std::string_view, kSteps> kNames{"compact",       "thin_raw",  "thin_raw_now", "thin_1s",
                                                          "thin_1min_old", "thin_1min", "drop_15min",   "drop_1min",
                                                          "drop_1s",       "drop_raw",  "drop_kept"};
    return kNames[static_cast<size_t>(step)];
}

std::string_view level_name(Level level) {
    constexpr std::array<std::string_view, 4> kNames{"roomy", "filling", "tight", "full"};
    return kNames[static_cast<size_t>(level)];
}

Level level_of(int64_t used_bytes, int64_t cap_bytes) {
    if (cap_bytes <= 0) return Level::full;
    const auto at = [&](int percent) { return used_bytes >= cap_bytes / 100 * percent; };
    return at(kFullPercent)      ? Level::full
           : at(kTightPercent)   ? Level::tight
           : at(kFillingPercent) ? Level::filling
                                 : Level::roomy;
}

std::span<const Step> steps_at(WhenFull when_full, Level level) {
    if (level == Level::roomy) return {};
    if (when_full != WhenFull::thin) {
        if (when_full == WhenFull::drop_oldest && level == Level::full) return kDropFull;
        return kCompactOnly;
    }
    switch (level) {
        case Level::filling:
            return kFilling;
        case Level::tight:
            return kTight;
        default:
            return kFull;
    }
}

// Lowest first, and each of the lower ones down to quarters of an hour before the next loses a reading. Nothing is
// dropped while something can be thinned, but of what is over quota.
std::vector<Try> tries_at(WhenFull when_full, Level level, const PrioritiesUsed& used) {
    std::vector<Try> out;
    const auto steps = steps_at(when_full, level);
    if (steps.empty()) return out;
    std::vector<model::Priority> present;
    for (const auto priority : model::kPrioritiesByRank)
        if (used[model::rank(priority)]) present.push_back(priority);
    if (present.empty()) present.push_back(model::Priority::normal);
    for (const auto priority : present) out.push_back({compact, priority});
    for (const auto priority : present) {
        const bool lower = priority != present.back() && level == Level::filling;
        for (const auto step : lower ? steps_at(when_full, Level::tight) : steps)
            if (step != compact && step < drop_15min) out.push_back({step, priority});
        if (priority != model::Priority::over_quota || when_full != WhenFull::thin) continue;
        for (const auto step : kDropGoodPart) out.push_back({step, priority, true});
    }
    for (const auto priority : model::kPrioritiesByRank) {
        const bool here = std::find(present.begin(), present.end(), priority) != present.end();
        for (const auto step : steps)
            if (step == drop_kept || (step >= drop_15min && here)) out.push_back({step, priority});
    }
    return out;
}

int64_t bucket_ns(uint8_t grade) { return base::kNsPerSecond * (grade == kSeconds ? 1 : grade == kMinutes ? 60 : 900); }

std::string_view bucket_name(uint8_t grade) {
    return grade == kSeconds ? "thinned-1s" : grade == kMinutes ? "thinned-1min" : "thinned-15min";
}

}  // namespace tributary::gateway
