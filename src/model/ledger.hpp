// SPDX-License-Identifier: Apache-2.0
// The ledger: promise P2. Unit = intake message, per stream that matched it ("" = no stream asked for the topic).
// Every message counted in `received` ends in exactly one fate; pending = received - the sum of the fates.
// Second account, per output log: appended = delivered + refused + thinned + damaged + pending.
// damaged: the store was, and they are gone; when the engine had not seen them, nobody knows whose they were ("").
// Deltas travel with the cursor that justifies them, in one transaction, so neither crash nor replay counts twice.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "model/log.hpp"

namespace tributary::model {

enum class Fate : uint8_t { forwarded, summarised, kept_local, late_only, rejected, evicted, duplicate, damaged };
constexpr size_t kFates = 8;
constexpr std::array<std::string_view, kFates> kFateNames{"forwarded", "summarised", "kept_local", "late_only",
                                                          "rejected",  "evicted",    "duplicate",  "damaged"};

struct StreamAccount {
    uint64_t received = 0;
    std::array<uint64_t, kFates> fates{};

    uint64_t settled() const {
        uint64_t sum = 0;
        for (const uint64_t n : fates) sum += n;
        return sum;
    }
    // Negative never happens in a balanced ledger; the difference is left visible instead of clamped.
    int64_t pending() const { return static_cast<int64_t>(received - settled()); }
    void add(const StreamAccount& other) {
        received += other.received;
        for (size_t i = 0; i < kFates; i++) fates[i] += other.fates[i];
    }
    bool empty() const { return received == 0 && settled() == 0; }
    bool operator==(const StreamAccount&) const = default;
};

struct LogAccount {
    uint64_t appended = 0, delivered = 0, refused = 0, thinned = 0, damaged = 0;
    int64_t pending() const { return static_cast<int64_t>(appended - delivered - refused - thinned - damaged); }
    void add(const LogAccount& other) {
        appended += other.appended, delivered += other.delivered, refused += other.refused, thinned += other.thinned;
        damaged += other.damaged;
    }
    bool empty() const { return *this == LogAccount(); }
    bool operator==(const LogAccount&) const = default;
};

// Both a total and a delta.
struct Ledger {
    std::map<std::string, StreamAccount, std::less<>> streams;
    std::map<Log, LogAccount> logs;

    void add(const Ledger& other) {
        for (const auto& [name, account] : other.streams) streams[name].add(account);
        for (const auto& [log, account] : other.logs) logs[log].add(account);
    }
    void received(std::string_view stream, uint64_t n = 1) { at(stream).received += n; }
    void settle(std::string_view stream, Fate fate, uint64_t n = 1) {
        at(stream).fates[static_cast<size_t>(fate)] += n;
    }
    bool empty() const { return streams.empty() && logs.empty(); }
    void clear() { streams.clear(), logs.clear(); }

  private:
    StreamAccount& at(std::string_view stream) {
        const auto found = streams.find(stream);
        return found != streams.end() ? found->second : streams[std::string(stream)];
    }
};

}  // namespace tributary::model
