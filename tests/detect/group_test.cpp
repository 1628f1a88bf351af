// SPDX-License-Identifier: Apache-2.0
#include "detect/group.hpp"

#include "detect/helper.hpp"

using namespace tributary;
using namespace tributary::detect;

namespace {

constexpr int64_t kSecond = 1'000'000'000;

struct Machine {
    explicit Machine(size_t count, const model::OptionMap& given = {}) : members(count), rules(given) {
        const auto problems = check({"group", "group", given, {}}, "test");
        CAPTURE(problems.empty() ? std::string() : problems.front().message);
        REQUIRE(problems.empty());
    }
    std::optional<Round> one(size_t member, double value) { return at(now_ns, member, value); }
    std::optional<Round> at(int64_t event_ns, size_t member, double value) {
        return rules.update(state, members, member, event_ns, value);
    }
    // All members, in order; value(member). The last round that ended.
    template <class Value>
    std::optional<Round> row(Value value) {
        now_ns += kSecond;
        std::optional<Round> last;
        for (size_t i = 0; i < members.size(); i++)
            if (auto round = one(i, value(i))) last = round;
        return last;
    }
    template <class Value>
    int alarms(int rows, Value value) {
        int count = 0;
        for (int i = 0; i < rows; i++) {
            const auto round = row(value);
            count += round && round->finding.score >= 0.5;
        }
        return count;
    }

    GroupState state{};
    std::vector<MemberState> members;
    Group rules;
    int64_t now_ns = 1'767'225'600 * kSecond;
};

auto noise(base::math::Random& random, double shift = 0) {
    return [&random, shift](size_t i) { return static_cast<double>(i) * 100 + shift + random.normal(); };
}

bool same(const Machine& a, const Machine& b) {
    return std::memcmp(&a.state, &b.state, sizeof a.state) == 0 &&
           std::memcmp(a.members.data(), b.members.data(), a.members.size() * sizeof(MemberState)) == 0;
}

}  // namespace

TEST_CASE("group: a shift too small for any one member, in all of them") {
    int false_alarms = 0, found = 0, late = 0, ends = 0;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        base::math::Random random(seed);
        Machine machine(8);
        CHECK(machine.alarms(400, noise(random)) == 0);
        false_alarms += machine.alarms(400, noise(random)) > 0;
        const int alarms = machine.alarms(100, noise(random, 1.2));
        found += alarms > 0;
        late += alarms < 60;
        const auto last = machine.row(noise(random, 1.2));
        CHECK((!last || last->finding.score < 0.5 || last->finding.kind == "group"));
        machine.alarms(100, noise(random));
        ends += machine.alarms(100, noise(random)) == 0;
    }
    CHECK(found == 20);
    CHECK(late <= 2);
    CHECK(false_alarms <= 3);
    CHECK(ends >= 18);
}

TEST_CASE("group: who drifts counts little, who is steady counts much") {
    base::math::Random random(5);
    Machine machine(4);
    double level = 0, shift = 0;
    const auto value = [&](size_t i) {
        if (i == 0) level += 0.2 * random.normal();
        return 50 + (i == 0 ? level : 0.5 * random.normal() + (i == 1 ? shift : 0));
    };
    CHECK(machine.alarms(800, value) <= 5);
    CHECK(std::abs(level) > 2);
    shift = 3;
    CHECK(machine.alarms(60, value) > 40);
}

TEST_CASE("group: what lasts becomes normal, and the alarm of it has an end") {
    base::math::Random random(9);
    Machine machine(3, options({{"relearn", int64_t{300}}}));
    machine.alarms(500, noise(random));
    const int alarms = machine.alarms(700, noise(random, 20));
    CHECK(alarms >= 290);
    CHECK(alarms <= 300);
    CHECK(machine.alarms(200, noise(random, 20)) <= 5);
    CHECK(machine.alarms(60, noise(random)) > 40);
}

TEST_CASE("group: rounds end when all have come, or when one comes again") {
    Machine machine(3);
    CHECK_FALSE(machine.at(10, 0, 1));
    CHECK_FALSE(machine.at(12, 1, 1));
    CHECK_FALSE(machine.at(11, 2, 1));
    // Nobody is known before the first member comes again.
    const auto first = machine.at(20, 0, 1);
    REQUIRE(first);
    CHECK(first->event_ns == 12);
    CHECK_FALSE(machine.at(21, 2, 1));
    const auto second = machine.at(22, 1, 1);
    REQUIRE(second);
    CHECK(second->event_ns == 22);
    // One that stays away is missed once.
    CHECK_FALSE(machine.at(30, 0, 1));
    CHECK_FALSE(machine.at(31, 1, 1));
    const auto third = machine.at(40, 0, 1);
    REQUIRE(third);
    CHECK(third->event_ns == 31);
    const auto fourth = machine.at(41, 1, 1);
    REQUIRE(fourth);
    CHECK(fourth->event_ns == 41);
    CHECK(machine.members[2].missed == 2);
    // It is back, and waited for from then on.
    CHECK_FALSE(machine.at(50, 2, 1));
    CHECK_FALSE(machine.at(50, 1, 1));
    CHECK(machine.at(50, 0, 1));
    CHECK(machine.members[2].missed == 0);
    CHECK_FALSE(machine.at(60, 0, 1));
    CHECK_FALSE(machine.at(60, 1, 1));
    CHECK(machine.at(60, 2, 1));
    // One that has left is waited for no more.
    Group::forget_member(machine.state, machine.members, 2);
    CHECK_FALSE(machine.at(70, 0, 1));
    CHECK(machine.at(70, 1, 1));
    // One alone ends a round with each reading.
    machine.at(80, 0, 1);
    machine.at(90, 0, 1);
    CHECK(machine.at(100, 0, 1)->event_ns == 100);
    CHECK(machine.at(110, 0, 1)->event_ns == 110);
}

TEST_CASE("group: a member that vanishes or comes late raises no alarm, and one that stays has its say") {
    base::math::Random random(3);
    Machine machine(5);
    const auto some = [&](int rounds, size_t first, size_t last, double shift) {
        int alarms = 0;
        for (int r = 0; r < rounds; r++) {
            machine.now_ns += kSecond;
            for (size_t i = first; i < last; i++) {
                const auto round = machine.one(i, static_cast<double>(i) * 10 + shift + random.normal());
                alarms += round && round->finding.score >= 0.5;
            }
        }
        return alarms;
    };
    CHECK(some(600, 0, 4, 0) == 0);
    CHECK(some(800, 0, 5, 0) <= 5);  // the fifth, from its own 400th reading on
    // It stops at an odd value: the others go on without it.
    machine.one(4, 1e6);
    some(400, 0, 4, 0);
    CHECK(some(600, 0, 4, 0) <= 5);
    CHECK(some(60, 0, 4, 4) > 40);
}

TEST_CASE("group: constants") {
    Machine machine(3);
    CHECK(machine.alarms(4000, [](size_t) { return 7; }) == 0);
    // Off while it learned: what it is like is learned when it runs.
    base::math::Random random(4);
    CHECK(machine.alarms(1200, noise(random)) <= 5);
    CHECK(machine.alarms(60, noise(random, 4)) > 40);
    // One that never moved has no say, whatever it does then.
    Machine mixed(3);
    const auto fixed = [&](double level) {
        return [&random, level](size_t i) { return i == 0 ? level : random.normal(); };
    };
    mixed.alarms(500, fixed(1));
    CHECK(mixed.alarms(300, fixed(0)) <= 5);
}

TEST_CASE("group: any numbers at any time, and a copy of the state goes on bit for bit") {
    for (const auto& given : {options({}), options({{"warmup", int64_t{40}}, {"limit", 0.1}, {"relearn", int64_t{50}}}),
                              options({{"smooth", int64_t{1}}, {"hysteresis", 0.0}})}) {
        Machine straight(4, given), restarted(4, given);
        base::math::Random random(6);
        int rounds = 0;
        for (int i = 0; i < 40'000; i++) {
            restarted.state = straight.state;
            restarted.members = straight.members;
            const bool strange = i % 3000 > 2900;
            const double value = strange ? kStrange[random.below(std::size(kStrange))] : random.normal();
            const auto event_ns = static_cast<int64_t>(random.next());
            const size_t member = random.below(i % 5 == 0 ? 4 : 2);
            const auto a = straight.at(event_ns, member, value), b = restarted.at(event_ns, member, value);
            REQUIRE(a.has_value() == b.has_value());
            if (!same(straight, restarted)) FAIL("reading ", i);
            if (!a) continue;
            rounds++;
            if (!sane(a->finding) || !(a->value >= 0)) FAIL("reading ", i, " score ", a->finding.score);
            if (std::memcmp(&a->finding.score, &b->finding.score, sizeof(double)) != 0) FAIL("reading ", i);
        }
        CHECK(rounds > 10'000);
    }
}

TEST_CASE("group: state sizes stand in docs/detectors.md") {
    CHECK(sizeof(GroupState) == 40);
    CHECK(sizeof(MemberState) == 56);
    CHECK(std::is_trivially_copyable_v<GroupState>);
    CHECK(std::is_trivially_copyable_v<MemberState>);
}
