// SPDX-License-Identifier: Apache-2.0
// The figures of one window by definition, compared with what the gateway put out: every one from all members of the
// window, with long double sums. Says nothing when all is well, else the first difference, for people.
#pragma once

#include <limits>
#include <string_view>

#include "base/log.hpp"
#include "base/text.hpp"
#include "stream/oracle.hpp"

namespace tributary::oracle {

struct Judge {
    const Slot& slot;
    const Window& window;
    const model::Window& record;
    const std::vector<std::string>& texts;  // in order of their first appearance
    std::string trouble{};
    double worst_quantile = 0;  // error in proportion to the stated one

    using Real = long double;

    void expect(bool right, std::string_view what, Real expected = 0, Real got = 0) {
        if (right || !trouble.empty()) return;
        trouble =
            base::format("{}: expected {}, got {}", what, static_cast<double>(expected), static_cast<double>(got));
    }
    void equal(std::string_view what, Real expected, Real got) { expect(expected == got, what, expected, got); }
    void close(std::string_view what, Real expected, Real got, Real scale) {
        expect(std::fabs(expected - got) <= 1e-12L * scale, what, expected, got);
    }
    const model::Figure* figure(std::string_view name) const {
        for (const auto& figure : record.figures)
            if (figure.name == name) return &figure;
        return nullptr;
    }
    void near(std::string_view name, Real expected, Real scale) {
        names.insert(std::string(name));
        const auto* found = figure(name);
        expect(found != nullptr, std::string(name) + " is missing");
        if (found != nullptr) close(name, expected, found->number, scale);
    }
    bool asked(std::string_view word) const {
        const auto& words = slot.setting.aggregates;
        return std::find(words.begin(), words.end(), word) != words.end();
    }
    bool grid() const { return slot.setting.type == "tumbling" || slot.setting.type == "hopping"; }

    void judge() {
        for (const size_t member : window.members)
            if (slot.all[member].counts()) numbers.push_back(member);
        for (const size_t member : window.members)
            if (slot.all[member].order >= 0) ordered.push_back(member);
        std::sort(ordered.begin(), ordered.end(),
                  [&](size_t a, size_t b) { return slot.all[a].order < slot.all[b].order; });
        for (const size_t member : numbers) most = std::max<Real>(most, std::fabs(slot.all[member].number));
        equal("start", window.start, record.start_ns);
        equal("end", window.end, record.end_ns);
        equal("count", window.members.size(), record.count);
        equal("numbers", numbers.size(), record.numbers);
        usual();
        held();
        counter();
        mode();
        quantiles();
        states();
        for (const auto& figure : record.figures) expect(names.count(figure.name) == 1, figure.name + " is too much");
    }

    void usual() {
        if (numbers.empty()) return;
        Real sum = 0, magnitudes = 0, squares = 0;
        size_t first = numbers[0], last = numbers[0];
        Real least = slot.all[first].number, greatest = least;
        for (const size_t member : numbers) {
            const Reading& reading = slot.all[member];
            sum += reading.number, magnitudes += std::fabs(reading.number);
            least = std::min<Real>(least, reading.number), greatest = std::max<Real>(greatest, reading.number);
            if (reading.ts < slot.all[first].ts) first = member;
            if (reading.ts >= slot.all[last].ts) last = member;
        }
        const Real n = numbers.size(), mean = sum / n;
        for (const size_t member : numbers)
            squares += (slot.all[member].number - mean) * (slot.all[member].number - mean);
        close("sum", sum, record.sum, magnitudes);
        close("mean", mean, record.mean, most);
        close("stddev", std::sqrt(squares / n), record.stddev, most);
        equal("min", least, record.min);
        equal("max", greatest, record.max);
        equal("first", slot.all[first].number, record.first);
        equal("last", slot.all[last].number, record.last);
    }

    const Reading* before() const {
        const int64_t order = slot.all[ordered[0]].order;
        return order == 0 ? nullptr : &slot.all[slot.in_order[static_cast<size_t>(order) - 1]];
    }

    // visit(reading, ns): how long its value held within the window.
    template <class Visit>
    void hold(Visit visit) const {
        if (grid() && before() != nullptr) visit(*before(), slot.all[ordered[0]].ts - window.start);
        for (size_t i = 0; i + 1 < ordered.size(); i++)
            visit(slot.all[ordered[i]], slot.all[ordered[i + 1]].ts - slot.all[ordered[i]].ts);
        if (grid()) visit(slot.all[ordered.back()], window.end - slot.all[ordered.back()].ts);
    }

    void held() {
        if (!asked("time_weighted_mean") || ordered.empty() || !slot.all[ordered.back()].counts()) return;
        Real integral = 0, covered = 0, scale = 0;
        hold([&](const Reading& reading, int64_t ns) {
            integral += static_cast<Real>(reading.number) * ns, covered += ns;
            scale = std::max<Real>(scale, std::fabs(reading.number));
        });
        const Real last = slot.all[ordered.back()].number;
        near("time_weighted_mean", covered > 0 ? integral / covered : last, std::max(scale, std::fabs(last)));
        near("covered", covered / base::kNsPerMs, covered / base::kNsPerMs);
    }

    void counter() {
        if (ordered.empty() || numbers.empty()) return;  // texts alone count nothing
        Real increase = 0, scale = 0;
        int resets = 0;
        for (const size_t member : ordered) {
            const int64_t order = slot.all[member].order;
            if (order == 0) continue;
            const Reading& from = slot.all[slot.in_order[static_cast<size_t>(order) - 1]];
            const Reading& to = slot.all[member];
            if (!from.counts() || !to.counts()) continue;
            increase += to.number >= from.number ? static_cast<Real>(to.number) - from.number : to.number;
            scale += std::fabs(to.number) + std::fabs(from.number);
            if (to.number < from.number) resets++;
        }
        if (asked("increase")) near("increase", increase, scale), near("resets", resets, 0);
        const int64_t ns = grid() ? window.end - window.start : slot.all[ordered.back()].ts - slot.all[ordered[0]].ts;
        if (asked("rate") && ns > 0)
            near("rate", increase / (static_cast<Real>(ns) / base::kNsPerSecond),
                 scale / (static_cast<Real>(ns) / 1e9L));
    }

    void mode() {
        if (!asked("mode")) return;
        std::map<std::pair<double, std::string>, Real> votes;
        for (const size_t member : window.members) {
            const Reading& reading = slot.all[member];
            const double text =
                static_cast<double>(std::find(texts.begin(), texts.end(), reading.text) - texts.begin());
            votes[{reading.counts() ? reading.number : text, reading.text}]++;
        }
        Real most_votes = 0;
        for (const auto& [value, count] : votes) most_votes = std::max(most_votes, count);
        const auto* found = figure("mode");
        const auto* count = figure("mode_count");
        const auto* error = figure("mode_error");
        names.insert({"mode", "mode_count", "mode_error"});
        expect(found != nullptr && count != nullptr, "mode is missing");
        if (found == nullptr || count == nullptr) return;
        const Real stated = error == nullptr ? 0 : error->number;
        const auto voted = std::find_if(votes.begin(), votes.end(), [&](const auto& vote) {
            return vote.first.second == found->text && (!found->text.empty() || vote.first.first == found->number);
        });
        expect(voted != votes.end(), "mode is no value of the window");
        if (voted == votes.end()) return;
        expect(voted->second <= count->number && voted->second >= count->number - stated, "mode_count", voted->second,
               count->number);
        if (votes.size() > 16) return;
        expect(error == nullptr, "mode has an error with 16 values or less");
        equal("mode_count", most_votes, voted->second);
        for (const auto& [value, n] : votes)
            if (n == most_votes) return expect(value == voted->first, "mode is not the smallest of equals");
    }

    void quantiles() {
        std::vector<double> sorted;
        for (const size_t member : numbers) sorted.push_back(slot.all[member].number);
        std::sort(sorted.begin(), sorted.end());
        bool any = false;
        for (const auto& word : slot.setting.aggregates) {
            if (word[0] != 'p' || sorted.empty()) continue;
            names.insert(word);
            any = true;
            const auto* found = figure(word);
            const auto* stated = figure("quantile_error");
            expect(found != nullptr && stated != nullptr, word + " is missing");
            if (found == nullptr || stated == nullptr) return;
            const Real rank = std::ceil(std::stold(word.substr(1)) / 100 * static_cast<Real>(sorted.size()));
            const Real exact = sorted[static_cast<size_t>(std::max<Real>(rank, 1)) - 1];
            const Real error = std::fabs(found->number - exact);
            expect(error <= stated->number * std::fabs(exact) * (1 + 1e-9L), word, exact, found->number);
            if (exact != 0)
                worst_quantile =
                    std::max(worst_quantile, static_cast<double>(error / std::fabs(exact) / stated->number));
        }
        if (any) names.insert("quantile_error");
    }

    void states() {
        if (!asked("states") || ordered.empty()) return expect(record.states.empty(), "states without readings");
        std::map<std::string, int64_t> spent;
        hold([&](const Reading& reading, int64_t ns) {
            const bool number = reading.kind == model::ValueKind::number;
            if (ns > 0) spent[number ? base::number_text(reading.number) : reading.state()] += ns;
        });
        int64_t left = 0;
        for (const auto& [state, ns] : spent) left += ns;
        int64_t longest = INT64_MAX;
        for (const auto& [state, ns] : record.states) {
            expect(ns <= longest, "states are not in order");
            longest = ns, left -= ns;
            if (spent.size() <= 16) equal("state " + state, spent[state], ns);
            if (state != "(other)") expect(ns <= spent[state], "state " + state, spent[state], ns);
        }
        equal("time in all states", 0, left);
        if (spent.size() <= 16) equal("states", spent.size(), record.states.size());
    }

    std::vector<size_t> numbers{}, ordered{};
    std::set<std::string> names{};
    Real most = 0;
};

}  // namespace tributary::oracle
