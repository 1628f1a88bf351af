// SPDX-License-Identifier: Apache-2.0
// MQTT topic filters (MQTT 5.0, section 4.7): matching, validity, and which filter covers which.
// Pure functions, any thread. Shared subscriptions ($share/<group>/<filter>) are understood.
// What it does not do: keep a tree of subscriptions; the few filters of a gateway are looked at one by one.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace tributary::model {

// "$share/<group>/<filter>" is matched by its <filter>.
bool topic_matches(std::string_view filter, std::string_view topic);
bool valid_topic_filter(std::string_view filter);
bool filter_covers(std::string_view wide, std::string_view narrow);  // every topic of narrow also matches wide
// The smallest set that still receives everything: filters covered by another one are left out; order kept.
std::vector<std::string> maximal_filters(const std::vector<std::string>& filters);
std::string_view without_share(std::string_view filter);
// "{1}/{3}/temp" with {n} = n-th topic level, first = 1. A level that is not there becomes "".
std::string expand_topic_template(std::string_view pattern, std::string_view topic);

}  // namespace tributary::model
