// SPDX-License-Identifier: Apache-2.0
#include "gateway/dead_desk.hpp"

#include <algorithm>
#include <filesystem>

#include "base/log.hpp"

namespace tributary::gateway {
namespace {

constexpr int64_t kPatience = 2 * base::kNsPerSecond;  // whoever asks waits for five

std::string_view word(std::string_view& rest) {
    const size_t end = std::min(rest.find(' '), rest.size());
    const auto found = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    return found;
}

std::string said(const base::Error& error) { return "error: " + error.text() + "\n"; }

base::Error not_stored() {
    return {kNotStored, "the store did not take it in time; tributary status says why. Nothing is lost, try again"};
}

}  // namespace

std::string DeadDesk::answer(std::string_view request) {
    const auto what = word(request);
    auto log = model::Log::dead;
    if (what == "put-away") {
        const auto named = model::log_by_name(word(request));
        if (!named || !holds_letters(*named)) return "error: put-away dead|refused RANGES STORE\n";
        log = *named;
    } else if (what != "retry") {
        return "error: unknown request; known: dead retry RANGES STORE, dead put-away LOG RANGES STORE\n";
    }
    std::string numbers(word(request));
    std::replace(numbers.begin(), numbers.end(), ',', ' ');
    const auto ranges = ranges_of(numbers);
    if (!ranges || ranges->empty()) return "error: which letters? for example 3,5-9\n";
    std::error_code failed;
    if (!std::filesystem::equivalent(std::string(request), settings.store.path, failed))
        return said({kOtherStore, base::format("this gateway has the store {}, not {}; name the other one's socket "
                                               "(--socket FILE)",
                                               settings.store.path, request)});
    if (what == "retry") return retry(*ranges);
    const auto done = put_away(log, *ranges);
    return done ? "ok\n" : said(done.error());
}

base::Result<> DeadDesk::put_away(model::Log log, const std::vector<SeqRange>& ranges) {
    if (auto noted = writer.put_away(log, ranges); !noted) return noted;
    if (!writer.drain(kPatience)) return not_stored();
    return {};
}

// First the messages are in the store, then their letters are put away: whoever is interrupted, nothing is only hidden.
std::string DeadDesk::retry(const std::vector<SeqRange>& ranges) {
    const auto meta = reader.meta();
    if (!meta) return said(meta.error());
    auto away = PutAway::of(*meta);
    Letters letters(reader);
    const auto projection = engine::make_projection(std::make_shared<const config::Settings>(settings));
    std::string out;
    std::vector<SeqRange> taken;
    size_t asked = 0;
    for (const auto& [from, to] : ranges)
        for (uint64_t seq = from; seq <= to && ++asked <= kLettersAtOnce; seq++) {
            base::Error problem{kNoLetter, ""};
            const auto letter = letters.at(model::Log::dead, seq);
            if (!letter) return said(letter.error());
            const bool again = std::any_of(taken.begin(), taken.end(), [&](const auto& range) {
                return range.first <= seq && seq <= range.second;
            });
            if (!again && *letter && !away.has(model::Log::dead, seq)) {
                if (auto done = take_in(letters, *(**letter).dead(), *projection); !done) {
                    problem = done.error();
                } else {
                    // One message can be dead in several streams: its letters stand side by side, and it comes in once.
                    uint64_t first = seq, last = seq;
                    const auto same = [&](uint64_t other) {
                        const auto found = letters.at(model::Log::dead, other);
                        return found && *found && (**found).dead() != nullptr &&
                               (**found).dead()->seq == (**letter).dead()->seq;
                    };
                    while (first > 1 && same(first - 1)) first--;
                    while (same(last + 1)) last++;
                    taken.emplace_back(first, last);
                }
            }
            if (again || (!taken.empty() && taken.back().first <= seq && seq <= taken.back().second))
                out += base::format("{} taken\n", seq);
            else
                out += base::format("{} {}\n", seq, problem.code);
        }
    if (taken.empty()) return out;
    if (!writer.drain(kPatience)) return said(not_stored());
    if (auto done = put_away(model::Log::dead, taken); !done) return said(done.error());
    base::log::info("{} dead letters were taken in again", taken.size());
    return out;
}

base::Result<> DeadDesk::take_in(Letters& letters, const model::DeadLetter& dead, engine::Projection& projection) {
    const auto payload = letters.payload(dead);
    if (!payload) return payload.error();
    if (!*payload) return base::Error{kNotWhole, ""};
    model::Message message;
    message.topic = dead.topic, message.payload = **payload;
    if (!decodes(dead, message, projection)) return base::Error{kStillDead, ""};
    if (!open.message(message, nullptr)) return base::Error{kNotStored, ""};
    return {};
}

// Whether it would be dead again. What ended the process before is not looked into here, and who is one series too many
// only the engine knows.
bool DeadDesk::decodes(const model::DeadLetter& letter, const model::Message& message,
                       engine::Projection& projection) const {
    if (letter.reason == "poison" || letter.reason == "command") return true;
    const auto& streams = settings.streams;
    const bool named =
        std::any_of(streams.begin(), streams.end(), [&](const auto& stream) { return stream.name == letter.stream; });
    const auto takes = projection.streams_of(message.topic);
    return std::any_of(takes.begin(), takes.end(), [&](uint32_t stream) {
        std::vector<engine::Projected> readings;
        return (!named || streams[stream].name == letter.stream) &&
               projection.readings(message, arrival.wall_ns(), stream, readings);
    });
}

}  // namespace tributary::gateway
