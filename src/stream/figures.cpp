// SPDX-License-Identifier: Apache-2.0
#include "stream/figures.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <type_traits>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/text.hpp"
#include "stream/precise.hpp"

namespace tributary::stream {
namespace {

using model::ValueKind;

constexpr std::array<std::string_view, 5> kWords{"time_weighted_mean", "increase", "rate", "states", "mode"};
constexpr size_t kMostStates = 16, kMostModes = 16;

// What depends on order: the readings from first to last, in which before_* is the one ahead of first.
struct Ordered {
    int64_t before_ns, first_ns, last_ns;
    double before, first, last;
    PreciseSum integral;  // of value * ns from first to last
    PreciseSum increase;  // before..last
    uint32_t resets;
    uint32_t folded;
    ValueKind before_kind, first_kind, last_kind;
    uint8_t has_before;
    uint32_t nothing;  // no bytes between the members: the bytes are the checkpoint
};
struct StateEntry {
    double value;
    int64_t ns;
    uint32_t kind;
    uint32_t used;
};
struct States {
    std::array<StateEntry, kMostStates> entries;
    int64_t other_ns;  // of what found no place
};
struct ModeEntry {
    double value;
    uint32_t count, error;  // error: at most so many of count belong to others
    uint32_t kind, used;
};
struct Modes {
    std::array<ModeEntry, kMostModes> entries;
};
static_assert(std::is_trivially_copyable_v<Ordered> && std::is_trivially_copyable_v<States> &&
              std::is_trivially_copyable_v<Modes>);

template <class T>
T& in(std::byte* at) {
    return *reinterpret_cast<T*>(at);
}
template <class T>
const T& in(const std::byte* at) {
    return *reinterpret_cast<const T*>(at);
}

void spend(States& states, double value, ValueKind kind, int64_t ns) {
    if (ns <= 0) return;
    for (StateEntry& entry : states.entries) {
        if (entry.used == 0) entry = {value, 0, static_cast<uint32_t>(kind), 1};
        if (entry.value != value || entry.kind != static_cast<uint32_t>(kind)) continue;
        entry.ns += ns;
        return;
    }
    states.other_ns += ns;
}

void vote(Modes& modes, double value, ValueKind kind, uint32_t votes, uint32_t error) {
    ModeEntry* least = &modes.entries[0];
    for (ModeEntry& entry : modes.entries) {
        if (entry.used == 0) {
            entry = {value, votes, error, static_cast<uint32_t>(kind), 1};
            return;
        }
        if (entry.value == value && entry.kind == static_cast<uint32_t>(kind)) {
            entry.count += votes, entry.error += error;
            return;
        }
        if (entry.count < least->count) least = &entry;
    }
    *least = {value, least->count + votes, least->count + error, static_cast<uint32_t>(kind), 1};
}

bool names(const Modes& modes, const ModeEntry& one) {
    return std::any_of(modes.entries.begin(), modes.entries.end(), [&](const ModeEntry& entry) {
        return entry.used != 0 && entry.value == one.value && entry.kind == one.kind;
    });
}

void merge_votes(Modes& into, const Modes& later) {
    // What a full table does not name may have been there as often as its rarest.
    uint32_t unnamed = UINT32_MAX;
    for (const ModeEntry& entry : later.entries) unnamed = std::min(unnamed, entry.used != 0 ? entry.count : 0);
    for (ModeEntry& entry : into.entries)
        if (entry.used != 0 && !names(later, entry)) entry.count += unnamed, entry.error += unnamed;
    for (const ModeEntry& entry : later.entries)
        if (entry.used != 0) vote(into, entry.value, static_cast<ValueKind>(entry.kind), entry.count, entry.error);
}

// value held for ns; texts have no mean.
void hold(PreciseSum& integral, double value, ValueKind kind, int64_t ns) {
    if (kind == ValueKind::text || ns <= 0) return;
    constexpr int64_t kPart = int64_t{1} << 52;  // a double holds it exactly
    for (; ns > kPart; ns -= kPart) integral.add_product(value, static_cast<double>(kPart));
    integral.add_product(value, static_cast<double>(ns));
}

void step(PreciseSum& increase, uint32_t& resets, double from, double to) {
    if (to >= from) {
        increase.add(to);
        increase.add(-from);
    } else {
        increase.add(to);
        resets++;
    }
}

std::string state_name(double value, ValueKind kind, const model::SeriesTable& texts) {
    if (kind == ValueKind::boolean) return value != 0 ? "true" : "false";
    if (kind == ValueKind::number) return base::number_text(value);
    const bool named = value >= 0 && value < static_cast<double>(texts.size());
    return named ? texts.name(static_cast<model::SeriesId>(value)) : "(other)";
}

size_t aligned(size_t bytes) { return (bytes + 15) / 16 * 16; }

}  // namespace

base::Result<Figures> Figures::make(const config::WindowSettings& settings) {
    Figures figures;
    figures.words_ = settings.aggregates;
    figures.grid_ = settings.type == "tumbling" || settings.type == "hopping";
    figures.sketch_ = Sketch(static_cast<uint32_t>(settings.bins));
    for (const auto& word : settings.aggregates) {
        if (std::find(kWords.begin(), kWords.end(), word) != kWords.end()) {
            if (word == "mode")
                figures.mode_ = true;
            else
                figures.ordered_ = true, figures.states_ |= word == "states";
            continue;
        }
        const auto percent =
            word.starts_with('p') ? base::parse_number(std::string_view(word).substr(1)) : std::nullopt;
        if (!percent || *percent < 0 || *percent > 100)
            return base::Error{"TRB-STREAM-001",
                               base::format("\"{}\" is no figure of a window: time_weighted_mean, increase, rate, "
                                            "states, mode, or a quantile like p50 or p99.9",
                                            word)};
        figures.quantiles_.push_back({word, *percent / 100});
    }
    figures.states_at_ = figures.ordered_ ? aligned(sizeof(Ordered)) : 0;
    figures.mode_at_ = figures.states_at_ + (figures.states_ ? aligned(sizeof(States)) : 0);
    figures.sketch_at_ = figures.mode_at_ + (figures.mode_ ? aligned(sizeof(Modes)) : 0);
    figures.bytes_ = figures.sketch_at_ + (figures.quantiles_.empty() ? 0 : aligned(figures.sketch_.bytes()));
    return figures;
}

void Figures::add(std::byte* at, const Held& reading) const {
    if (mode_) vote(in<Modes>(at + mode_at_), reading.value, reading.kind, 1, 0);
    if (!quantiles_.empty() && reading.kind != ValueKind::text) sketch_.add(at + sketch_at_, reading.value);
}

void Figures::fold(std::byte* at, const Held& reading, const Before& before) const {
    auto& o = in<Ordered>(at);
    const int64_t since_ns = reading.event_ns - o.last_ns;
    if (o.folded++ == 0) {
        o.first_ns = reading.event_ns, o.first = reading.value, o.first_kind = reading.kind;
        o.has_before = before.known ? 1 : 0;
        o.before_ns = before.event_ns, o.before = before.value, o.before_kind = before.kind;
    } else {
        hold(o.integral, o.last, o.last_kind, since_ns);
        if (states_) spend(in<States>(at + states_at_), o.last, o.last_kind, since_ns);
    }
    if (before.known && before.kind != ValueKind::text && reading.kind != ValueKind::text)
        step(o.increase, o.resets, before.value, reading.value);
    o.last_ns = reading.event_ns, o.last = reading.value, o.last_kind = reading.kind;
}

void Figures::merge(std::byte* into, const std::byte* later) const {
    if (ordered_ && in<Ordered>(later).folded != 0) {
        auto& a = in<Ordered>(into);
        const auto& b = in<Ordered>(later);
        if (a.folded == 0) {
            a = b;
        } else {
            hold(a.integral, a.last, a.last_kind, b.first_ns - a.last_ns);
            if (states_) spend(in<States>(into + states_at_), a.last, a.last_kind, b.first_ns - a.last_ns);
            a.integral.add(b.integral);
            a.increase.add(b.increase);
            a.resets += b.resets, a.folded += b.folded;
            a.last_ns = b.last_ns, a.last = b.last, a.last_kind = b.last_kind;
        }
    }
    if (states_) {
        const auto& b = in<States>(later + states_at_);
        for (const StateEntry& entry : b.entries)
            if (entry.used != 0)
                spend(in<States>(into + states_at_), entry.value, static_cast<ValueKind>(entry.kind), entry.ns);
        in<States>(into + states_at_).other_ns += b.other_ns;
    }
    if (mode_) merge_votes(in<Modes>(into + mode_at_), in<Modes>(later + mode_at_));
    if (!quantiles_.empty()) sketch_.merge(into + sketch_at_, later + sketch_at_);
}

void Figures::finish(const std::byte* at, int64_t from_ns, int64_t until_ns, const model::SeriesTable& texts,
                     model::Window& window) const {
    const auto put = [&](std::string_view name, double value) {
        window.figures.push_back({std::string(name), ValueKind::number, finite(value), {}});
    };
    const auto* const o = ordered_ && in<Ordered>(at).folded != 0 ? &in<Ordered>(at) : nullptr;
    // What is held at both ends of the window.
    const int64_t ahead_ns = o != nullptr && grid_ && o->has_before != 0 ? o->first_ns - from_ns : 0;
    const int64_t behind_ns = o != nullptr && grid_ ? until_ns - o->last_ns : 0;
    bool covered = false;
    for (const auto& word : words_) {
        if (o != nullptr && word == "time_weighted_mean" && o->last_kind != ValueKind::text) {
            PreciseSum integral = o->integral;
            hold(integral, o->before, o->before_kind, ahead_ns);
            hold(integral, o->last, o->last_kind, behind_ns);
            const int64_t ns = ahead_ns + (o->last_ns - o->first_ns) + behind_ns;
            put(word, ns > 0 ? integral.value() / static_cast<double>(ns) : o->last);
            covered = true;
        }
        if (o != nullptr && window.numbers > 0 && word == "increase") {
            put(word, o->increase.value());
            put("resets", o->resets);
        }
        if (o != nullptr && window.numbers > 0 && word == "rate") {
            const int64_t ns = grid_ ? until_ns - from_ns : o->last_ns - o->first_ns;
            if (ns > 0) put(word, o->increase.value() / (static_cast<double>(ns) / 1e9));
        }
        if (mode_ && word == "mode") {
            const auto& entries = in<Modes>(at + mode_at_).entries;
            const ModeEntry* best = &entries[0];
            for (const ModeEntry& entry : entries)  // of equals the smallest, in whatever order they came
                if (entry.used != 0 &&
                    (entry.count > best->count || (entry.count == best->count && entry.value < best->value)))
                    best = &entry;
            model::Figure figure{word, static_cast<ValueKind>(best->kind), best->value, {}};
            if (figure.kind == ValueKind::text) figure.text = state_name(best->value, figure.kind, texts);
            if (best->used != 0) window.figures.push_back(std::move(figure));
            if (best->used != 0) put("mode_count", best->count);
            if (best->error != 0) put("mode_error", best->error);
        }
    }
    if (covered) put("covered", static_cast<double>(ahead_ns + (o->last_ns - o->first_ns) + behind_ns) / 1e6);
    if (window.numbers > 0)
        for (const auto& [name, q] : quantiles_)
            put(name, std::clamp(sketch_.quantile(at + sketch_at_, q), window.min, window.max));
    if (window.numbers > 0 && !quantiles_.empty()) put("quantile_error", sketch_.error(at + sketch_at_));
    if (!states_ || o == nullptr) return;
    States states = in<States>(at + states_at_);
    spend(states, o->before, o->before_kind, ahead_ns);
    spend(states, o->last, o->last_kind, behind_ns);
    for (const StateEntry& entry : states.entries)
        if (entry.used != 0)
            window.states.push_back({state_name(entry.value, static_cast<ValueKind>(entry.kind), texts), entry.ns});
    if (states.other_ns > 0) window.states.push_back({"(other)", states.other_ns});
    std::stable_sort(window.states.begin(), window.states.end(),
                     [](const auto& a, const auto& b) { return a.ns > b.ns; });
}

bool Figures::coarse(const std::byte* at) const { return !quantiles_.empty() && sketch_.coarse(at + sketch_at_); }

void Figures::save(const std::byte* at, std::string& out) const {
    out.append(reinterpret_cast<const char*>(at), sketch_at_);
    if (!quantiles_.empty()) sketch_.save(at + sketch_at_, out);
}

bool Figures::load(std::byte* at, base::ByteReader& in_bytes) const {
    const auto fixed = in_bytes.take(sketch_at_);
    if (!in_bytes.ok()) return false;
    if (sketch_at_ > 0) std::memcpy(at, fixed.data(), sketch_at_);
    return quantiles_.empty() || sketch_.load(at + sketch_at_, in_bytes);
}

}  // namespace tributary::stream
