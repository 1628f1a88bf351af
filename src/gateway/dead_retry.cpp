// SPDX-License-Identifier: Apache-2.0
// `tributary dead retry`: dead letters are taken in again by the running gateway, under its present configuration and
// with a new id; refused records are sent again from here, with the id they have. What went well is put away.
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <iostream>

#include "base/log.hpp"
#include "gateway/dead_desk.hpp"
#include "gateway/dead_file.hpp"
#include "gateway/letter_text.hpp"
#include "gateway/resend.hpp"
#include "gateway/store_commands.hpp"
#include "kafka/mock_cluster.hpp"

namespace tributary::gateway {
namespace {

constexpr int64_t kPatience = 30 * base::kNsPerSecond;  // for brokers that do not answer
constexpr size_t kSaid = 20;                            // letters that were left, one by one

struct Left {
    std::string letter, code;
};

struct Outcome {
    std::vector<std::string> taken, delivered;
    std::vector<Left> left;

    void leave(const Letter& letter, std::string_view code) { left.push_back({letter.name(), std::string(code)}); }
};

std::string json_of(const Outcome& outcome) {
    std::string out;
    record::JsonObject object(out);
    object.texts("taken", outcome.taken).texts("delivered", outcome.delivered);
    std::string& left = object.key("left");
    left += '[';
    for (const auto& one : outcome.left) {
        if (&one != &outcome.left.front()) left += ',';
        record::JsonObject(left)
            .text("letter", one.letter)
            .text("code", one.code)
            .text("text", letter_error(one.code))
            .end();
    }
    left += ']';
    object.end();
    return out;
}

void say(const Outcome& outcome) {
    for (size_t i = 0; i < outcome.left.size() && i < kSaid; i++)
        std::cerr << base::format("{}: {}: {}\n", outcome.left[i].letter, outcome.left[i].code,
                                  letter_error(outcome.left[i].code));
    if (outcome.left.size() > kSaid)
        std::cerr << base::format("and {} more; --json names them all\n", outcome.left.size() - kSaid);
    std::cout << base::format("{} messages taken in again, {} records delivered, {} letters left\n",
                              outcome.taken.size(), outcome.delivered.size(), outcome.left.size());
}

// --- dead ---

base::Result<> take_in(DeadFile& file, const std::vector<const Letter*>& letters, Outcome& outcome) {
    if (letters.empty()) return {};
    if (!file.running()) {
        for (const auto* letter : letters) outcome.leave(*letter, kNeedsRun);
        return {};
    }
    for (size_t at = 0; at < letters.size(); at += kLettersAtOnce) {
        const size_t end = std::min(at + kLettersAtOnce, letters.size());
        std::vector<uint64_t> seqs;
        std::map<uint64_t, const Letter*> by_seq;
        for (size_t i = at; i < end; i++) {
            seqs.push_back(letters[i]->seq);
            by_seq[letters[i]->seq] = letters[i];
        }
        const auto answer = file.ask("dead retry " + asked(joined(seqs)));
        if (!answer) return answer.error();
        for (std::string_view rest = *answer; !rest.empty();) {
            const auto line = rest.substr(0, rest.find('\n'));
            rest.remove_prefix(std::min(line.size() + 1, rest.size()));
            uint64_t seq = 0;
            const auto [behind, fault] = std::from_chars(line.data(), line.data() + line.size(), seq);
            const auto letter = by_seq.find(seq);
            if (fault != std::errc() || letter == by_seq.end()) continue;
            const auto said = line.substr(std::min(static_cast<size_t>(behind - line.data()) + 1, line.size()));
            if (said == "taken")
                outcome.taken.push_back(letter->second->name());
            else
                outcome.leave(*letter->second, said);
            by_seq.erase(letter);
        }
    }
    return {};
}

// --- refused ---

base::Result<> send(DeadFile& file, const std::vector<const Letter*>& letters, const DeadOptions& options,
                    Outcome& outcome) {
    if (letters.empty()) return {};
    if (auto same = same_gateway(*file.reader, file.settings, file.path()); !same) return same;
    const auto settings = for_resend(file.settings, options.brokers);
    if (auto other = kafka::beside_the_gateway(settings.kafka); !other) return other;
    std::map<model::Log, Wanted> wanted;
    for (const auto* letter : letters) {
        const auto& refused = *letter->refused();
        auto& one = wanted[refused.source];
        one.log = refused.source;
        one.only.insert({refused.seq, refused.n});
    }
    std::vector<Wanted> list;
    for (auto& [log, one] : wanted) {
        one.from = one.only.begin()->first, one.to = one.only.rbegin()->first;
        list.push_back(std::move(one));
    }
    metrics::Registry metrics;
    auto selection = Selection::open(file.path(), settings, std::move(list), false, metrics);
    if (!selection) return selection.error();
    const EndSignals signals;
    const auto done = resend(settings, **selection, metrics, signals, {isatty(STDERR_FILENO) != 0, kPatience});
    if (!done) return done.error();
    if (!done->complete())
        return base::Error{"TRB-KAFKA-004",
                           done->interrupted ? "interrupted; all these letters are still listed, and what was sent has "
                                               "the id it has the next time"
                                             : done->trouble};
    std::map<model::Log, const SelectedFeed*> feeds;
    for (const auto& feed : (**selection).feeds()) feeds[feed->log()] = feed.get();
    std::vector<uint64_t> delivered;
    for (const auto* letter : letters) {
        const auto& refused = *letter->refused();
        const bool again = std::any_of(done->refused.begin(), done->refused.end(), [&](const auto& one) {
            return one.source == refused.source && one.seq == refused.seq && one.n == refused.n;
        });
        if (!feeds[refused.source]->given().contains({refused.seq, refused.n})) {
            outcome.leave(*letter, kSourceGone);
        } else if (again) {
            outcome.leave(*letter, kRefusedAgain);
        } else {
            outcome.delivered.push_back(letter->name());
            delivered.push_back(letter->seq);
        }
    }
    return delivered.empty() ? base::Result<>() : file.put_away(model::Log::refused, joined(delivered));
}

}  // namespace

int dead_retry(const DeadOptions& options) {
    if (options.letters.empty() && !options.all) return no_letter_named("retry");
    auto file = DeadFile::open(options);
    if (!file) return dead_failed(file.error());
    const auto meant = file->meant(options);
    if (!meant) return dead_failed(meant.error());
    Outcome outcome;
    std::vector<const Letter*> dead, refused;
    for (const auto& letter : *meant) {
        const auto* one = letter.dead();
        if (one != nullptr && options.all && (one->reason == "poison" || one->reason == "command"))
            outcome.leave(letter, kNameIt);
        else
            (one != nullptr ? dead : refused).push_back(&letter);
    }
    auto done = take_in(*file, dead, outcome);
    if (done) done = send(*file, refused, options, outcome);
    if (options.json)
        std::cout << json_of(outcome) << '\n';
    else if (done || !outcome.taken.empty())
        say(outcome);
    if (!done) return dead_failed(done.error());
    return outcome.left.empty() ? 0 : 1;
}

}  // namespace tributary::gateway
