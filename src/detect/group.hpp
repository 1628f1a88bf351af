// SPDX-License-Identifier: Apache-2.0
// `group`: several series of one machine judged together, without labels. Each member is smoothed; its distance from
// its own mean is measured in its own deviations and weighted by how independent its readings are of each other: by the
// ratio of J. von Neumann, "Distribution of the ratio of the mean square successive difference to the variance", Ann.
// Math. Statist. 12 (1941), which is 1 for noise and near 0 for what drifts. The root mean square of the distances is
// compared with the greatest of the learning time. A Group is immutable; the states belong to the caller, who copies
// them into its checkpoint (trivially copyable, all zero = fresh). Any thread. It does not know names or times of
// series. + - * / and sqrt only, no memory.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "detect/detector.hpp"

namespace tributary::detect {

constexpr size_t kMostMembers = 64;

struct MemberState {
    double newest, smoothed, mean;
    double smoothed_variance;  // of the smoothed value about the mean
    double variance;           // of the readings about the mean
    double step_square;        // mean square of the step from reading to reading
    uint32_t count;            // readings since learning began
    uint32_t missed;           // rounds since it came
};

struct GroupState {
    uint64_t came, expected;  // members in this round and in the one before, a bit each
    int64_t newest_ns;        // of this round
    double greatest;          // distance of the learning time
    uint32_t rounds;          // since learning began, until it is over
    uint32_t alarm_rounds;    // 0 = no alarm
};

// A round is over when all members of the round before have come, or when one comes again.
struct Round {
    Finding finding;
    int64_t event_ns = 0;
    double value = 0;  // the distance; 1 is the greatest of the learning time
};

class Group {
  public:
    explicit Group(const model::OptionMap& options);

    const std::string& name_template() const { return name_template_; }  // empty: see the option
    size_t most_members() const { return most_members_; }

    // One reading of members[index], index < kMostMembers; value is finite.
    std::optional<Round> update(GroupState& group, std::span<MemberState> members, size_t index, int64_t event_ns,
                                double value) const;
    static void forget_member(GroupState& group, std::span<MemberState> members, size_t index);

  private:
    void learn(MemberState& member, double value, bool alarm) const;
    double distance(std::span<const MemberState> members, bool learning) const;
    Round end_round(GroupState& group, std::span<MemberState> members) const;

    std::string name_template_;
    size_t most_members_;
    uint32_t warmup_, settle_, relearn_, gone_;
    double alpha_, memory_, limit_, release_;
};

DetectorType group_type();

}  // namespace tributary::detect
