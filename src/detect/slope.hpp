// SPDX-License-Identifier: Apache-2.0
// How fast something changes: the newest value against one that is `over` old, or a little more than twice that at most
// (two earlier points are kept). Plain data for the state of a detector (all zero = fresh). Event times that repeat or
// go back are not accepted, so no slope divides by zero. Behind a gap it is the mean over the gap.
#pragma once

#include <cstdint>

#include "detect/types.hpp"

namespace tributary::detect {

struct Slope {
    struct Point {
        int64_t ns;
        double value;
    };
    Point base, next, newest;
    uint64_t seen;

    bool accepts(int64_t ns) const { return seen == 0 || ns > newest.ns; }

    // Only what it accepts. False: there is no slope yet.
    bool add(int64_t ns, double value, int64_t over_ns) {
        newest = {ns, value};
        if (seen == 0) {
            seen = 1;
            base = next = newest;
            return false;
        }
        const auto over = static_cast<uint64_t>(over_ns);
        if (ns_between(next.ns, ns) >= over) {
            base = next;
            next = newest;
        }
        return ns_between(base.ns, ns) >= over;
    }

    double length(double unit_ns) const { return static_cast<double>(ns_between(base.ns, newest.ns)) / unit_ns; }
};

}  // namespace tributary::detect
