// SPDX-License-Identifier: Apache-2.0
#include "stream/grid.hpp"

#include <algorithm>

#include "base/clock.hpp"

namespace tributary::stream {
namespace {

constexpr int64_t kHour = 3600 * base::kNsPerSecond;
constexpr int64_t kDay = 24 * kHour;
constexpr int64_t kFirstMonday = 4 * kDay;  // 1970-01-05

}  // namespace

Grid::Cell Grid::at(int64_t time_ns) const {
    if (zone_) return size_ns_ <= kHour ? by_offset(time_ns) : by_calendar(time_ns);
    const int64_t start = base::floor_to(time_ns - offset_ns_, size_ns_) + offset_ns_;
    return {start, start + size_ns_};
}

Grid::Cell Grid::by_offset(int64_t time_ns) const {
    const auto period = zone_->at(time_ns);
    const int64_t shift = offset_ns_ - period.offset_ns;
    const int64_t start = base::floor_to(time_ns - shift, size_ns_) + shift;
    return {std::max(start, period.begin_ns), std::min(start + size_ns_, period.end_ns)};
}

// The k-th boundary of the local calendar as an instant; in the gap of spring the instant of the change.
int64_t Grid::boundary(int64_t index) const {
    const auto instants = zone_->instants(kFirstMonday + offset_ns_ + index * size_ns_);
    return instants.kind == base::Zone::Kind::never ? instants.transition_ns : instants.earlier_ns;
}

Grid::Cell Grid::by_calendar(int64_t time_ns) const {
    const int64_t local = time_ns + zone_->at(time_ns).offset_ns - kFirstMonday - offset_ns_;
    int64_t index = base::floor_to(local, size_ns_) / size_ns_;
    while (boundary(index) > time_ns) index--;
    while (boundary(index + 1) <= time_ns) index++;
    return {boundary(index), boundary(index + 1)};
}

const char* Grid::problem(int64_t size_ns) {
    if (size_ns <= kHour) return kHour % size_ns == 0 ? nullptr : "up to an hour it has to divide the hour";
    if (size_ns < kDay) return kDay % size_ns == 0 ? nullptr : "up to a day it has to divide the day";
    return size_ns % kDay == 0 ? nullptr : "beyond a day it has to be whole days";
}

}  // namespace tributary::stream
