// SPDX-License-Identifier: Apache-2.0
#include "base/zone.hpp"

#include <date/tz.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <limits>
#include <vector>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/text.hpp"

namespace tributary::base {
namespace {

using std::chrono::seconds;

// The library counts in seconds and reaches further than ns do.
int64_t to_ns(seconds time) {
    constexpr int64_t kMost = std::numeric_limits<int64_t>::max() / kNsPerSecond;
    if (time.count() > kMost) return std::numeric_limits<int64_t>::max();
    if (time.count() < -kMost) return std::numeric_limits<int64_t>::min();
    return time.count() * kNsPerSecond;
}

seconds floor_seconds(int64_t ns) { return std::chrono::floor<seconds>(std::chrono::nanoseconds(ns)); }

const date::time_zone* zone_of(const void* zone) { return static_cast<const date::time_zone*>(zone); }

std::string nearest_zone(std::string_view name) {
    std::vector<std::string_view> names;
    for (const auto& zone : date::get_tzdb().zones) names.push_back(zone.name());
    return nearest(name, names);
}

}  // namespace

Result<Zone> Zone::find(std::string_view name) {
    try {
        return Zone(date::locate_zone(name));
    } catch (const std::exception&) {
    }
    std::string near;
    try {
        near = nearest_zone(name);
    } catch (const std::exception&) {
        return Error{"TRB-BASE-003", "this machine has no time zone data; install the package tzdata"};
    }
    return Error{"TRB-BASE-003", base::format("there is no time zone \"{}\"{}", name,
                                              near.empty() ? "; names are like \"Europe/Berlin\""
                                                           : base::format("; did you mean \"{}\"?", near))};
}

Zone::Period Zone::at(int64_t utc_ns) const {
    const auto info = zone_of(zone_)->get_info(date::sys_seconds(floor_seconds(utc_ns)));
    return {to_ns(info.begin.time_since_epoch()), to_ns(info.end.time_since_epoch()), to_ns(info.offset)};
}

Zone::Instants Zone::instants(int64_t local_ns) const {
    const auto info = zone_of(zone_)->get_info(date::local_seconds(floor_seconds(local_ns)));
    const int64_t before = local_ns - to_ns(info.first.offset);
    if (info.result == date::local_info::unique) return {Kind::once, before, before, before};
    const int64_t after = local_ns - to_ns(info.second.offset);
    const bool twice = info.result == date::local_info::ambiguous;
    return {twice ? Kind::twice : Kind::never, std::min(before, after), std::max(before, after),
            to_ns(info.first.end.time_since_epoch())};
}

std::string tzdata_version() {
    // The library does not know the version of the system's files; tzdata.zi says it in its first line.
    std::ifstream file("/usr/share/zoneinfo/tzdata.zi");
    std::string line;
    constexpr std::string_view kLead = "# version ";
    if (std::getline(file, line) && line.starts_with(kLead)) return line.substr(kLead.size());
    return "unknown";
}

}  // namespace tributary::base
