// SPDX-License-Identifier: Apache-2.0
#include "gateway/quotas.hpp"

#include <algorithm>
#include <charconv>

#include "base/log.hpp"

namespace tributary::gateway {
namespace {

constexpr int64_t kParts = 64;         // of a quota: what a range of messages holds at least
constexpr int64_t kWorthKeeping = 16;  // changes by this part of the quota
constexpr int64_t kBackPercent = 75;   // of the quota: then it is not over any more

int64_t share(int64_t bytes, uint64_t part, uint64_t whole) {
    return static_cast<int64_t>(static_cast<double>(bytes) * static_cast<double>(part) / static_cast<double>(whole));
}

}  // namespace

void Quotas::configure(const config::Settings& settings) {
    std::map<std::string, Stream, std::less<>> fresh;
    for (const auto& stream : settings.streams) {
        if (stream.quota.none()) continue;
        auto& mine = fresh[stream.name];
        for (auto* old : {&streams_, &restored_})
            if (const auto found = old->find(stream.name); found != old->end()) {
                mine = std::move(found->second);
                break;
            }
        mine.quota = stream.quota;
    }
    streams_ = std::move(fresh);
    restored_.clear();
}

// "1", then for each stream ";name,over" and for each class with something in it ",class:from:to:bytes".
std::string Quotas::text() {
    std::string out = "1";
    for (auto& [name, stream] : streams_) {
        stream.kept_bytes = stream.bytes, stream.kept_over = stream.over;
        out += base::format(";{},{}", name, stream.over ? 1 : 0);
        for (size_t i = 0; i < stream.parts.size(); i++) {
            const auto& parts = stream.parts[i];
            int64_t bytes = 0;
            for (const auto& part : parts) bytes += part.bytes;
            if (bytes > 0) out += base::format(",{}:{}:{}:{}", i, parts.front().from, parts.back().to, bytes);
        }
    }
    return out;
}

void Quotas::restore(std::string_view text) {
    const auto next = [](std::string_view& rest, char divider) {
        const auto end = std::min(rest.find(divider), rest.size());
        const auto word = rest.substr(0, end);
        rest.remove_prefix(std::min(end + 1, rest.size()));
        return word;
    };
    const auto number = [&](std::string_view& rest, char divider) {
        const auto word = next(rest, divider);
        uint64_t value = 0;
        std::from_chars(word.data(), word.data() + word.size(), value);
        return value;
    };
    if (next(text, ';') != "1") return;
    while (!text.empty()) {
        auto entry = next(text, ';');
        auto& stream = restored_[std::string(next(entry, ','))];
        stream.over = stream.kept_over = number(entry, ',') == 1;
        while (!entry.empty()) {
            auto part = next(entry, ',');
            const auto index = number(part, ':');
            const auto from = number(part, ':'), to = number(part, ':');
            const auto bytes = static_cast<int64_t>(number(part, ':') & INT64_MAX);
            if (index >= model::kPriorities || from >= to) continue;
            stream.parts[index].push_back({from, to, bytes});
            stream.bytes += bytes;
        }
        stream.kept_bytes = stream.bytes;
    }
}

bool Quotas::changed() const {
    return std::any_of(streams_.begin(), streams_.end(), [](const auto& entry) {
        const auto& stream = entry.second;
        return stream.over != stream.kept_over ||
               std::abs(stream.bytes - stream.kept_bytes) > stream.quota_bytes / kWorthKeeping;
    });
}

void Quotas::appended(const std::string& name, model::Priority priority, uint64_t from, uint64_t to, int64_t bytes) {
    const auto found = streams_.find(name);
    if (found == streams_.end() || priority == model::Priority::over_quota || bytes == 0) return;
    auto& stream = found->second;
    auto& parts = stream.parts[static_cast<size_t>(priority)];
    stream.bytes += bytes;
    if (!parts.empty() && parts.back().bytes < stream.quota_bytes / kParts) {
        parts.back().to = to, parts.back().bytes += bytes;
        return;
    }
    parts.push_back({from, to, bytes});
}

void Quotas::take_away(Stream& stream, Part& part, int64_t bytes) {
    part.bytes -= bytes;
    stream.bytes -= bytes;
}

void Quotas::delivered(uint64_t cursor) {
    for (size_t i = 0; i < model::kPriorities; i++) removed(static_cast<model::Priority>(i), 0, cursor);
}

// Of a range that is touched in part a share.
void Quotas::removed(model::Priority priority, uint64_t from, uint64_t to) {
    for (auto& [name, stream] : streams_) {
        auto& parts = stream.parts[static_cast<size_t>(priority)];
        for (auto& part : parts) {
            if (part.from >= to) break;
            const uint64_t begin = std::max(part.from, from), end = std::min(part.to, to);
            if (begin >= end) continue;
            take_away(stream, part, share(part.bytes, end - begin, part.to - part.from));
            if (begin == part.from) part.from = end;
        }
        std::erase_if(parts, [](const Part& part) { return part.from >= part.to; });
    }
}

bool Quotas::judge(int64_t room_bytes) {
    bool changed = false;
    for (auto& [name, stream] : streams_) {
        stream.quota_bytes = stream.quota.bytes > 0 ? stream.quota.bytes : room_bytes / 100 * stream.quota.percent;
        const bool over =
            stream.over ? stream.bytes >= stream.quota_bytes / 100 * kBackPercent : stream.bytes > stream.quota_bytes;
        changed |= over != std::exchange(stream.over, over);
    }
    return changed;
}

std::vector<std::string> Quotas::over() const {
    std::vector<std::string> out;
    for (const auto& [name, stream] : streams_)
        if (stream.over) out.push_back(name);
    return out;
}

std::vector<Quotas::Status> Quotas::status() const {
    std::vector<Status> out;
    for (const auto& [name, stream] : streams_) out.push_back({name, stream.bytes, stream.quota_bytes, stream.over});
    return out;
}

}  // namespace tributary::gateway
