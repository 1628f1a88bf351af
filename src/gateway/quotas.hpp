// SPDX-License-Identifier: Apache-2.0
// How much of the store each stream with a quota takes with messages that Kafka has not, and who is over. What stands
// in the class "over quota" is not counted: it gives way before everything else. So a stream never has more than its
// quota, and what comes while the writer looks away, in the class in which its messages compete with those of others.
// Owned by the writer, its thread. Bytes are an estimate: the size of the messages by what the store makes of them.
// Bounded: a stream has some dozens of ranges at most. What it does not do: put messages into classes (classes).
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "config/settings.hpp"

namespace tributary::gateway {

class Quotas {
  public:
    // What was counted stays with streams that stay.
    void configure(const config::Settings& settings);
    bool any() const { return !streams_.empty(); }

    // For the store's `meta`, so that a restart does not begin at zero (docs/formats/store.md). changed(): worth
    // keeping.
    std::string text();
    void restore(std::string_view text);
    bool changed() const;

    // Intake [from, to) has so many bytes of this stream in this class.
    void appended(const std::string& stream, model::Priority priority, uint64_t from, uint64_t to, int64_t bytes);
    void delivered(uint64_t cursor);                                     // Kafka has what is below
    void removed(model::Priority priority, uint64_t from, uint64_t to);  // messages of that class became less
    // Room for messages in the store. True: who is over changed.
    bool judge(int64_t room_bytes);
    std::vector<std::string> over() const;  // names

    struct Status {
        std::string stream;
        int64_t bytes = 0, quota_bytes = 0;
        bool over = false;
    };
    std::vector<Status> status() const;

  private:
    struct Part {
        uint64_t from = 0, to = 0;
        int64_t bytes = 0;
    };
    struct Stream {
        config::QuotaSettings quota;
        std::array<std::deque<Part>, model::kPriorities> parts;
        int64_t bytes = 0, kept_bytes = 0, quota_bytes = 0;
        bool over = false, kept_over = false;
    };
    static void take_away(Stream& stream, Part& part, int64_t bytes);

    std::map<std::string, Stream, std::less<>> streams_;  // with a quota
    std::map<std::string, Stream, std::less<>> restored_;
};

}  // namespace tributary::gateway
