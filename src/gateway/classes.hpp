// SPDX-License-Identifier: Apache-2.0
// Which messages stand together in a block: by the priority of the streams their topic goes to, and by who of those is
// over quota. Messages of one topic, and of one series, are in one class, so their order in the log is the one they
// came in. One is made for a configuration and a set of streams that are over quota; the open block asks it under its
// lock. What it does not do: count (quotas), put blocks together (open_block).
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "config/settings.hpp"

namespace tributary::gateway {

class Classes {
  public:
    struct Topic {
        model::Priority priority = model::Priority::normal;
        std::vector<uint32_t> counted;  // streams with a quota that its messages count for, by their index below
    };

    // over: names of streams.
    explicit Classes(const config::Settings& settings, const std::vector<std::string>& over = {});

    bool plain() const { return plain_; }  // every message is of normal priority and counts for nobody
    const Topic& of(std::string_view topic);
    const std::vector<std::string>& with_quota() const { return with_quota_; }  // names; never changes
    // Of the stream's messages, but for those that go to a stream of a higher one.
    model::Priority of_stream(size_t index) const { return streams_[index].priority; }

  private:
    struct Stream {
        std::vector<std::string> topics;
        model::Priority priority;
        int64_t counted = -1;  // index in with_quota_
    };
    struct Hash {
        using is_transparent = void;
        size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
    };
    Topic look_up(std::string_view topic) const;

    std::vector<Stream> streams_;
    std::vector<std::string> with_quota_;
    std::string commands_topic_;
    bool plain_ = true;
    std::unordered_map<std::string, Topic, Hash, std::equal_to<>> topics_;
    const Topic* last_ = nullptr;  // of the topic that was asked for last
    std::string last_topic_;
};

// Some topic matches both.
bool filters_overlap(std::string_view a, std::string_view b);
// No series of the stream has messages of two topics.
bool series_of_one_topic(const config::StreamSettings& stream);

}  // namespace tributary::gateway
