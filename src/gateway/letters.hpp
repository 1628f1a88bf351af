// SPDX-License-Identifier: Apache-2.0
// Letters: what stands in the logs `dead` and `refused` for a person to look at. PutAway says which of them are done
// with (taken in again, sent, or purged); it is a small fact in the store, so the letters themselves are never changed.
// Letters reads them, with a block kept between two questions. Any thread, one at a time.
// What it does not do: decide how long they are kept (writer_letters), or print.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/clock.hpp"
#include "model/output.hpp"
#include "store/store.hpp"

namespace tributary::gateway {

inline constexpr const char* kPutAway = "put-away";  // in the store's meta
inline constexpr int64_t kLettersNs = 30 * 24 * 3600 * base::kNsPerSecond;
inline constexpr int64_t kLettersBytes = 16 << 20;  // of each of the two logs, as stored

inline constexpr const char* kNoLetter = "TRB-DEAD-001";    // purged, or gone, or never there
inline constexpr const char* kNeedsRun = "TRB-DEAD-002";    // only the running gateway takes messages in
inline constexpr const char* kNotWhole = "TRB-DEAD-003";    // the payload is not there in full
inline constexpr const char* kStillDead = "TRB-DEAD-004";   // the present configuration cannot decode it either
inline constexpr const char* kSourceGone = "TRB-DEAD-005";  // what was refused is not in the store any more
inline constexpr const char* kNotStored = "TRB-DEAD-006";   // the gateway could not write it down now
inline constexpr const char* kOtherStore = "TRB-DEAD-007";  // the gateway that answers has another one
inline constexpr const char* kRefusedAgain = "TRB-DEAD-008";
inline constexpr const char* kNameIt = "TRB-DEAD-009";  // poison, or a command: not with all the others

constexpr bool holds_letters(model::Log log) { return log == model::Log::dead || log == model::Log::refused; }

using SeqRange = std::pair<uint64_t, uint64_t>;  // both included

// Ranges of numbers as text, "3 5-9", and back; nothing: it is none.
std::string text_of(const std::vector<SeqRange>& ranges);
std::optional<std::vector<SeqRange>> ranges_of(std::string_view text);

class PutAway {
  public:
    static constexpr size_t kMost = 4096;  // ranges; the text is written with each change

    PutAway() = default;
    explicit PutAway(std::string_view text);
    static PutAway of(const std::map<std::string, std::string>& meta);
    std::string text() const;  // "dead 1-9 12;refused 4"

    // All of them or, when they would be more than kMost ranges and more than before, none.
    base::Result<> add(model::Log log, const std::vector<SeqRange>& ranges);
    bool has(model::Log log, uint64_t seq) const { return behind(log, seq) > seq; }
    uint64_t behind(model::Log log, uint64_t seq) const;  // the first at or above seq that is not put away
    void forget_below(model::Log log, uint64_t seq);      // they are not in the store any more
    size_t ranges() const;

  private:
    void add(model::Log log, SeqRange range);

    std::map<model::Log, std::map<uint64_t, uint64_t>> ends_;  // first -> behind the last; neither touch nor overlap
};

struct Letter {
    model::Log log = model::Log::dead;
    uint64_t seq = 0;
    std::string incarnation;
    std::variant<model::DeadLetter, model::RefusedRecord> what;

    const model::DeadLetter* dead() const { return std::get_if<model::DeadLetter>(&what); }
    const model::RefusedRecord* refused() const { return std::get_if<model::RefusedRecord>(&what); }
    int64_t time_ns() const {
        if (const auto* letter = dead()) return letter->arrival_ns;
        const auto* record = refused();
        return record != nullptr ? record->time_ns : 0;
    }
    std::string name() const;  // "dead/12"
};
// "dead/12", or "12" of `log`.
std::optional<std::pair<model::Log, uint64_t>> letter_name(std::string_view text, model::Log log);

class Letters {
  public:
    explicit Letters(store::Reader& reader) : reader_(reader) {}

    base::Result<std::optional<Letter>> at(model::Log log, uint64_t seq);
    // The newest that are not put away, oldest of them first, without payloads; limit 0: all.
    base::Result<std::vector<Letter>> newest(model::Log log, const PutAway& away, uint64_t limit);
    // The payload in full: the letter's, or that of the message itself while it is in the intake log. Nothing: neither.
    base::Result<std::optional<std::string>> payload(const model::DeadLetter& letter);

  private:
    base::Result<bool> load(model::Log log, uint64_t seq);

    store::Reader& reader_;
    std::optional<store::Block> block_;
    std::vector<std::string_view> records_;  // of block_, where it is one of outputs
};

}  // namespace tributary::gateway
