// SPDX-License-Identifier: Apache-2.0
#include "gateway/classes.hpp"

#include <algorithm>

#include "base/log.hpp"
#include "model/topic_filter.hpp"

namespace tributary::gateway {
namespace {

constexpr size_t kMostTopics = 16'384;  // as many as the engine keeps routes

std::string_view take_level(std::string_view& rest, bool& more) {
    const size_t slash = rest.find('/');
    const auto first = rest.substr(0, slash);
    more = slash != std::string_view::npos;
    rest = more ? rest.substr(slash + 1) : std::string_view();
    return first;
}

bool overlap(const std::vector<std::string>& a, const std::vector<std::string>& b) {
    return std::any_of(a.begin(), a.end(), [&](const auto& one) {
        return std::any_of(b.begin(), b.end(), [&](const auto& other) { return filters_overlap(one, other); });
    });
}

}  // namespace

bool filters_overlap(std::string_view a, std::string_view b) {
    a = model::without_share(a), b = model::without_share(b);
    for (bool more_a = true, more_b = true; more_a || more_b;) {
        // "a/#" matches "a" too.
        if (!more_a) return b == "#";
        if (!more_b) return a == "#";
        const auto x = take_level(a, more_a), y = take_level(b, more_b);
        if (x == "#" || y == "#") return true;
        if (x != "+" && y != "+" && x != y) return false;
    }
    return true;
}

// When each + of the filter stands in the template, at most one in each of its levels.
bool series_of_one_topic(const config::StreamSettings& stream) {
    if (stream.series.empty()) return true;
    if (stream.topics.size() != 1) return false;
    auto filter = model::without_share(stream.topics[0]);
    std::vector<std::string> missing;
    bool more = true;
    for (size_t n = 1; more; n++) {
        const auto level = take_level(filter, more);
        if (level == "#") return false;
        if (level == "+") missing.push_back(base::format("{{{}}}", n));
    }
    std::string_view pattern = stream.series;
    for (more = true; more;) {
        const auto level = take_level(pattern, more);
        const size_t open = level.find('{'), close = level.find('}');
        if (open == std::string_view::npos || close == std::string_view::npos || close < open) continue;
        if (level.find('{', open + 1) != std::string_view::npos) return false;
        std::erase(missing, level.substr(open, close + 1 - open));
    }
    return missing.empty();
}

Classes::Classes(const config::Settings& settings, const std::vector<std::string>& over)
    : commands_topic_(settings.events.commands_topic) {
    for (const auto& stream : settings.streams) {
        const bool is_over = std::find(over.begin(), over.end(), stream.name) != over.end();
        Stream one{stream.topics, is_over ? model::Priority::over_quota : stream.priority};
        if (!stream.quota.none()) {
            one.counted = static_cast<int64_t>(with_quota_.size());
            with_quota_.push_back(stream.name);
        }
        plain_ &= stream.quota.none() && one.priority == model::Priority::normal;
        streams_.push_back(std::move(one));
    }
    if (plain_) return;
    // A message has the highest of its streams. Where several topics make one series they are raised together.
    for (bool raised = true; raised;) {
        raised = false;
        for (size_t i = 0; i < streams_.size(); i++) {
            if (series_of_one_topic(settings.streams[i])) continue;
            auto& mine = streams_[i];
            for (const auto& other : streams_) {
                if (model::rank(other.priority) <= model::rank(mine.priority)) continue;
                if (overlap(mine.topics, other.topics)) mine.priority = other.priority, raised = true;
            }
        }
    }
}

const Classes::Topic& Classes::of(std::string_view topic) {
    if (last_ != nullptr && last_topic_ == topic) return *last_;
    auto found = topics_.find(topic);
    if (found == topics_.end()) {
        if (topics_.size() >= kMostTopics) topics_.clear();
        found = topics_.emplace(std::string(topic), look_up(topic)).first;
    }
    last_ = &found->second;
    last_topic_ = topic;
    return *last_;
}

Classes::Topic Classes::look_up(std::string_view topic) const {
    Topic out;
    if (topic == commands_topic_) return out;
    bool any = false;
    for (const auto& stream : streams_) {
        const bool matches = std::any_of(stream.topics.begin(), stream.topics.end(),
                                         [&](const auto& filter) { return model::topic_matches(filter, topic); });
        if (!matches) continue;
        out.priority = any ? model::higher(out.priority, stream.priority) : stream.priority;
        any = true;
        if (stream.counted >= 0) out.counted.push_back(static_cast<uint32_t>(stream.counted));
    }
    return out;
}

}  // namespace tributary::gateway
