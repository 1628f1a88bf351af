// SPDX-License-Identifier: Apache-2.0
#include "detect/group.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "detect/moving.hpp"
#include "detect/types.hpp"

namespace tributary::detect {
namespace {

constexpr std::array kOptions{
    model::OptionSpec{.name = "group",
                      .kind = model::OptionKind::text,
                      .default_value = "",
                      .help = "what the machine is called, from topic levels as in `series` (\"{2}/{3}\"): series of "
                              "the same name are one group; empty = the series' name without its last level"},
    model::OptionSpec{.name = "members",
                      .kind = model::OptionKind::integer,
                      .default_value = "32",
                      .help = "at most so many series in a group; what is beyond is counted and left out",
                      .min = 2,
                      .max = kMostMembers},
    model::OptionSpec{.name = "warmup",
                      .kind = model::OptionKind::integer,
                      .default_value = "400",
                      .help = "readings of each member to learn from before the first alarm; the first quarter is left "
                              "to the machine to settle",
                      .min = 40,
                      .max = 1e6},
    model::OptionSpec{.name = "smooth",
                      .kind = model::OptionKind::integer,
                      .default_value = "15",
                      .help = "readings each member is averaged over: the newest weighs 2 / (smooth + 1)",
                      .min = 1,
                      .max = 1e4},
    model::OptionSpec{.name = "limit",
                      .default_value = "1.25",
                      .help = "alarm at so many times the greatest distance of the learning time",
                      .min = 0.1,
                      .max = 1e6},
    model::OptionSpec{.name = "hysteresis",
                      .default_value = "0.25",
                      .help = "the alarm ends when the distance is by this part of the limit below it",
                      .min = 0,
                      .max = 0.99},
    model::OptionSpec{.name = "relearn",
                      .kind = model::OptionKind::integer,
                      .default_value = "4000",
                      .help = "what has been wrong for so many readings is the new normal: the alarm ends and learning "
                              "begins anew",
                      .min = 1,
                      .max = 1e9},
};

constexpr double kReach = 3;          // deviations; a reading teaches as if it were at most so far away
constexpr double kMemory = 25;        // times the warmup, in readings: how long means and deviations reach back
constexpr uint32_t kGone = 10;        // times smooth, in rounds: who has not come for so long has no say
constexpr double kMostSquare = 1e12;  // of one member's distance
constexpr double kLeast = 1e-6;       // the greatest distance counts as this at least

uint32_t whole(const model::OptionMap& options, std::string_view name) {
    return static_cast<uint32_t>(config::integer_option(options, kOptions, name));
}

void begin_anew(GroupState& g, std::span<MemberState> members) {
    for (MemberState& m : members) m = {};
    g.rounds = g.alarm_rounds = 0;
    g.greatest = 0;
}

double limited(double delta, double sigma) { return std::clamp(delta, -kReach * sigma, kReach * sigma); }

}  // namespace

Group::Group(const model::OptionMap& options)
    : name_template_(config::text_option(options, kOptions, "group")),
      most_members_(whole(options, "members")),
      warmup_(whole(options, "warmup")),
      settle_(warmup_ / 4),
      relearn_(whole(options, "relearn")),
      gone_(kGone * whole(options, "smooth")),
      alpha_(alpha_of(whole(options, "smooth"))),
      memory_(alpha_of(kMemory * warmup_)),
      limit_(config::number_option(options, kOptions, "limit")),
      release_(limit_ * (1 - config::number_option(options, kOptions, "hysteresis"))) {}

// In an alarm nothing is learned but the smoothed value.
void Group::learn(MemberState& m, double raw, bool alarm) const {
    const double value = std::clamp(raw, -kHuge, kHuge);
    if (m.count == 0) m.newest = m.smoothed = value;
    if (m.count < UINT32_MAX) m.count++;
    m.smoothed += std::max(alpha_, 1 / static_cast<double>(m.count)) * (value - m.smoothed);
    const double step = value - m.newest;
    m.newest = value;
    if (m.count <= settle_) {
        m.mean = m.smoothed;
        return;
    }
    if (alarm) return;
    double far = m.smoothed - m.mean, delta = value - m.mean, step_square = step * step;
    double weight = 1 / static_cast<double>(m.count - settle_);
    if (m.count > warmup_) {
        weight = memory_;
        far = limited(far, std::sqrt(m.smoothed_variance));
        delta = limited(delta, std::sqrt(m.variance));
        step_square = std::min(step_square, 4 * kReach * kReach * m.variance);
    }
    m.mean += weight * far;
    m.smoothed_variance = (1 - weight) * (m.smoothed_variance + weight * far * far);
    m.variance += weight * (delta * delta - m.variance);
    m.step_square += weight * (step_square - m.step_square);
}

double Group::distance(std::span<const MemberState> members, bool learning) const {
    double sum = 0, weights = 0;
    for (const MemberState& m : members) {
        // Who did not move in the learning time has no say: nothing is known of how it moves.
        if (m.count < (learning ? warmup_ / 2 : warmup_) || m.missed > gone_ || m.variance <= 0 ||
            m.smoothed_variance <= 0)
            continue;
        const double independent = std::min(m.step_square / (2 * m.variance), 1.0);
        const double far = m.smoothed - m.mean;
        const double weight = independent * independent;
        sum += weight * std::min(far * far / m.smoothed_variance, kMostSquare);
        weights += weight;
    }
    return weights > 0 ? std::sqrt(sum / weights) : 0;
}

Round Group::end_round(GroupState& g, std::span<MemberState> members) const {
    for (size_t i = 0; i < members.size(); i++) {
        MemberState& m = members[i];
        m.missed = (g.came >> i & 1) != 0 ? 0 : m.missed + (m.missed <= gone_ ? 1 : 0);
    }
    g.expected = g.came;
    g.came = 0;
    Round round;
    round.event_ns = g.newest_ns;
    const bool learning = g.rounds < warmup_;
    const double far = distance(members, learning);
    if (learning) {
        g.rounds++;
        if (g.rounds > warmup_ / 2) g.greatest = std::max(g.greatest, far);
        if (g.rounds == warmup_ && g.greatest <= 0) begin_anew(g, members);  // nobody had a say
        return round;
    }
    round.value = far / std::max(g.greatest, kLeast);
    const bool alarm = round.value >= (g.alarm_rounds != 0 ? release_ : limit_);
    g.alarm_rounds = alarm ? g.alarm_rounds + 1 : 0;
    if (g.alarm_rounds > relearn_) {
        begin_anew(g, members);
        return round;
    }
    round.finding.score = score_of(round.value, limit_, alarm);
    if (alarm) round.finding.kind = "group";
    return round;
}

std::optional<Round> Group::update(GroupState& g, std::span<MemberState> members, size_t index, int64_t event_ns,
                                   double value) const {
    const uint64_t bit = uint64_t{1} << index;
    std::optional<Round> round;
    if ((g.came & bit) != 0) round = end_round(g, members);
    g.newest_ns = g.came == 0 ? event_ns : std::max(g.newest_ns, event_ns);
    g.came |= bit;
    learn(members[index], value, g.alarm_rounds != 0);
    // A round that ends with the reading which ended the one before takes its place.
    if (g.expected != 0 && (g.came & g.expected) == g.expected) round = end_round(g, members);
    return round;
}

void Group::forget_member(GroupState& group, std::span<MemberState> members, size_t index) {
    const uint64_t others = ~(uint64_t{1} << index);
    group.came &= others;
    group.expected &= others;
    members[index] = {};
}

DetectorType group_type() {
    return {"group", "several series of one machine that leave their usual range together", kOptions, nullptr, nullptr};
}

}  // namespace tributary::detect
