// SPDX-License-Identifier: Apache-2.0
#include "engine/mutes.hpp"

#include <algorithm>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "model/topic_filter.hpp"

namespace tributary::engine {
namespace {

constexpr size_t kMost = 256;
constexpr int64_t kDayNs = 24 * 3600 * base::kNsPerSecond;

// A time of day from `from` on, on one of the days; one that passes midnight belongs to the day it began on.
bool covers(const config::MuteSettings& mute, int64_t local_ns) {
    const int64_t day = base::floor_to(local_ns, kDayNs) / kDayNs;
    const int64_t time_ns = local_ns - day * kDayNs;
    const auto on = [&](int64_t which) {  // 1970-01-01 was a Thursday; bit 0 = Monday
        return (mute.days >> ((which % 7 + 7 + 3) % 7) & 1) != 0;
    };
    if (mute.from_ns < mute.to_ns) return on(day) && time_ns >= mute.from_ns && time_ns < mute.to_ns;
    return (on(day) && time_ns >= mute.from_ns) || (on(day - 1) && time_ns < mute.to_ns);
}

}  // namespace

void Mutes::schedule(const std::vector<config::MuteSettings>& wanted) {
    scheduled_.clear();
    for (const auto& mute : wanted) {
        Scheduled one{mute, std::nullopt};
        if (!mute.zone.empty())
            if (const auto zone = base::Zone::find(mute.zone)) one.zone = *zone;
        scheduled_.push_back(std::move(one));
    }
}

void Mutes::set(std::string_view filter, int64_t until_ns, int64_t now_ns) {
    std::erase_if(mutes_, [&](const Mute& mute) { return mute.filter == filter || mute.until_ns <= now_ns; });
    if (until_ns <= now_ns) return;
    if (mutes_.size() < kMost)
        mutes_.push_back({std::string(filter), until_ns});
    else
        base::log::warning("{} mutes are in force: one more is ignored", kMost);
}

bool Mutes::muted(std::string_view series, int64_t now_ns) const {
    const bool set = std::any_of(mutes_.begin(), mutes_.end(), [&](const Mute& mute) {
        return mute.until_ns > now_ns && model::topic_matches(mute.filter, series);
    });
    return set || std::any_of(scheduled_.begin(), scheduled_.end(), [&](const Scheduled& one) {
               const int64_t local_ns = now_ns + (one.zone ? one.zone->at(now_ns).offset_ns : 0);
               return model::topic_matches(one.settings.series, series) && covers(one.settings, local_ns);
           });
}

size_t Mutes::in_force(int64_t now_ns) const {
    return static_cast<size_t>(
        std::count_if(mutes_.begin(), mutes_.end(), [&](const Mute& mute) { return mute.until_ns > now_ns; }));
}

void Mutes::save(std::string& out) const {
    base::put_varint(out, mutes_.size());
    for (const Mute& mute : mutes_) base::put_text(out, mute.filter), base::put_signed(out, mute.until_ns);
}

void Mutes::load(base::ByteReader& in) {
    const uint64_t count = in.varint();
    for (uint64_t i = 0; i < count && in.ok(); i++) {
        std::string filter(in.text());
        mutes_.push_back({std::move(filter), in.signed_varint()});
    }
}

}  // namespace tributary::engine
