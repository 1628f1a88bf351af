// SPDX-License-Identifier: Apache-2.0
#include "model/topic_filter.hpp"

#include <algorithm>
#include <charconv>

namespace tributary::model {
namespace {

// Takes the first level off; has_more tells an empty last level from the end.
std::string_view level(std::string_view& rest, bool& has_more) {
    const size_t slash = rest.find('/');
    const auto first = rest.substr(0, slash);
    has_more = slash != std::string_view::npos;
    rest = has_more ? rest.substr(slash + 1) : std::string_view{};
    return first;
}

}  // namespace

std::string_view without_share(std::string_view filter) {
    if (!filter.starts_with("$share/")) return filter;
    const size_t slash = filter.find('/', 7);
    return slash == std::string_view::npos ? std::string_view{} : filter.substr(slash + 1);
}

bool topic_matches(std::string_view filter, std::string_view topic) {
    filter = without_share(filter);
    if (filter.empty() || topic.empty()) return false;
    if (topic.front() == '$' && (filter.front() == '#' || filter.front() == '+')) return false;
    bool more_filter = true, more_topic = true;
    while (true) {
        if (more_filter) {
            const auto f = level(filter, more_filter);
            if (f == "#") return true;
            if (!more_topic) return false;
            const auto t = level(topic, more_topic);
            if (f != "+" && f != t) return false;
        } else {
            return !more_topic;
        }
        // "a/#" matches "a" too.
        if (!more_topic && more_filter) return filter == "#";
    }
}

bool valid_topic_filter(std::string_view filter) {
    if (filter.starts_with("$share/")) {
        const size_t slash = filter.find('/', 7);
        const auto group = filter.substr(7, slash == std::string_view::npos ? slash : slash - 7);
        if (slash == std::string_view::npos || group.empty() || group.find_first_of("+#") != std::string_view::npos)
            return false;
        filter = filter.substr(slash + 1);
    }
    if (filter.empty() || filter.size() > 65535 || filter.find('\0') != std::string_view::npos) return false;
    for (bool more = true; more;) {
        const auto part = level(filter, more);
        if (part.find_first_of("+#") != std::string_view::npos && part.size() != 1) return false;
        if (part == "#" && more) return false;
    }
    return true;
}

bool filter_covers(std::string_view wide, std::string_view narrow) {
    // A shared subscription delivers a part only; it covers nothing and is covered by nothing but itself.
    if (wide == narrow) return true;
    if (wide.starts_with("$share/") || narrow.starts_with("$share/")) return false;
    if (!narrow.empty() && narrow.front() == '$' && !wide.empty() && (wide.front() == '#' || wide.front() == '+'))
        return false;
    bool more_wide = true, more_narrow = true;
    while (more_wide) {
        const auto w = level(wide, more_wide);
        if (w == "#") return true;
        if (!more_narrow) return false;
        const auto n = level(narrow, more_narrow);
        if (n == "#" || (n == "+" && w != "+") || (w != "+" && w != n)) return false;
        if (!more_narrow && more_wide) return wide == "#";
    }
    return !more_narrow;
}

std::vector<std::string> maximal_filters(const std::vector<std::string>& filters) {
    std::vector<std::string> kept;
    for (size_t i = 0; i < filters.size(); i++) {
        const bool covered = [&] {
            for (size_t j = 0; j < filters.size(); j++) {
                if (i == j || !filter_covers(filters[j], filters[i])) continue;
                if (!filter_covers(filters[i], filters[j]) || j < i) return true;  // of two equals the first stays
            }
            return false;
        }();
        if (!covered) kept.push_back(filters[i]);
    }
    return kept;
}

std::string expand_topic_template(std::string_view pattern, std::string_view topic) {
    std::string out;
    while (!pattern.empty()) {
        const size_t open = pattern.find('{');
        out.append(pattern.substr(0, open));
        if (open == std::string_view::npos) break;
        const size_t close = pattern.find('}', open);
        size_t number = 0;
        const auto inside =
            close == std::string_view::npos ? std::string_view{} : pattern.substr(open + 1, close - open - 1);
        const auto [end, status] = std::from_chars(inside.data(), inside.data() + inside.size(), number);
        if (inside.empty() || status != std::errc{} || end != inside.data() + inside.size() || number == 0) {
            out.push_back('{');
            pattern = pattern.substr(open + 1);
            continue;
        }
        auto rest = topic;
        bool more = true;
        std::string_view part;
        for (size_t i = 0; i < number && more; i++) {
            part = level(rest, more);
            if (i + 1 < number && !more) part = {};
        }
        out.append(part);
        pattern = pattern.substr(close + 1);
    }
    return out;
}

}  // namespace tributary::model
