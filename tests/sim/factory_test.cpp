// SPDX-License-Identifier: Apache-2.0
#include "sim/factory.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <cstdlib>
#include <map>
#include <set>

using namespace tributary;
using namespace tributary::sim;

namespace {

constexpr int64_t kStart = 1'767'225'600'000;

FactoryOptions options(uint64_t seed, double faults) {
    FactoryOptions o;
    o.machines = 6;
    o.seed = seed;
    o.faults_per_hour = faults;
    o.start_ms = kStart;
    o.duration_ms = 3'600'000;
    return o;
}

struct Run {
    std::vector<SimMessage> messages;
    std::vector<Fault> faults;
};

Run run(const FactoryOptions& o) {
    Factory factory(o);
    Run all;
    SimMessage message;
    while (factory.next(message)) {
        all.messages.push_back(message);
        for (auto& fault : factory.take_faults(false)) all.faults.push_back(fault);
    }
    for (auto& fault : factory.take_faults(true)) all.faults.push_back(fault);
    return all;
}

double value_of(const SimMessage& message) {
    return std::strtod(message.payload.c_str() + message.payload.find("\"value\":") + 8, nullptr);
}

using ByTime = std::map<int64_t, double>;
std::map<std::string, ByTime> by_topic(const Run& all) {
    std::map<std::string, ByTime> topics;
    for (const auto& message : all.messages) topics[message.topic][message.time_ms] = value_of(message);
    return topics;
}

}  // namespace

TEST_CASE("factory: same seed, same messages; another seed, others") {
    const auto a = run(options(7, 200)), b = run(options(7, 200)), c = run(options(8, 200));
    REQUIRE(a.messages.size() == b.messages.size());
    bool equal = true, differs = a.messages.size() != c.messages.size();
    for (size_t i = 0; i < a.messages.size(); i++) {
        equal = equal && a.messages[i].payload == b.messages[i].payload && a.messages[i].topic == b.messages[i].topic;
        differs = differs || a.messages[i].payload != c.messages[i].payload;
    }
    CHECK(equal);
    CHECK(differs);
    REQUIRE(a.faults.size() == b.faults.size());
    for (size_t i = 0; i < a.faults.size(); i++) CHECK(fault_json(a.faults[i]) == fault_json(b.faults[i]));
}

TEST_CASE("factory: topics, order and rate") {
    const auto all = run(options(1, 0));
    CHECK(all.faults.empty());
    CHECK(all.messages.size() == 6 * 5 * 3600);
    std::set<std::string> topics;
    int64_t last = 0;
    bool ordered = true;
    for (const auto& message : all.messages) {
        topics.insert(message.topic);
        ordered = ordered && message.time_ms >= last;
        last = message.time_ms;
    }
    CHECK(ordered);
    CHECK(topics.size() == 30);
    CHECK(topics.contains("factory/line1/machine01/temperature"));
    CHECK(topics.contains("factory/line2/machine06/state"));
    CHECK(last < kStart + 3'600'000);
    CHECK(all.messages[0].payload.starts_with("{\"ts\":1767225600000,\"value\":"));
    CHECK(replay_json({5, "a\"b\n", "{}"}) == R"({"topic":"a\"b\u000a","payload":{},"arrival":5})");
}

// The same seed without faults is what would have been sent: every difference must be one the truth speaks of.
TEST_CASE("factory: faults are where the truth says, and nowhere else") {
    auto faulty_options = options(3, 400);
    const auto clean_run = run(options(3, 0)), faulty_run = run(faulty_options);
    const auto clean = by_topic(clean_run), faulty = by_topic(faulty_run);
    std::map<std::string, std::vector<Fault>> truth;
    std::map<std::string_view, int> kinds;
    for (const auto& fault : faulty_run.faults) truth[fault.topic].push_back(fault), kinds[fault.kind]++;
    CHECK(kinds.size() == 4);
    CHECK(faulty_run.faults.size() > 100);

    for (const auto& [topic, readings] : clean) {
        for (const auto& [time, value] : readings) {
            const Fault* fault = nullptr;
            for (const auto& each : truth[topic])
                if (each.start_ms <= time && time <= each.end_ms) fault = &each;
            const auto found = faulty.at(topic).find(time);
            CAPTURE(topic);
            CAPTURE(time);
            if (fault == nullptr) {
                REQUIRE(found != faulty.at(topic).end());
                REQUIRE(found->second == value);
            } else if (fault->kind == "gap") {
                REQUIRE(found == faulty.at(topic).end());
            } else if (fault->kind == "stuck") {
                if (time > fault->start_ms) REQUIRE(found->second == std::prev(found)->second);
            } else if (fault->kind == "spike") {
                REQUIRE(std::abs(found->second - value - fault->size) < 0.0021);
            } else {
                const double part = (found->second - value) / fault->size;
                REQUIRE(part > -0.01);
                REQUIRE(part < 1.01);
            }
        }
    }
    for (const auto& fault : faulty_run.faults) {
        CHECK(fault.start_ms >= kStart + 40'000);
        CHECK(fault.start_ms <= fault.end_ms);
        CHECK(fault.end_ms < kStart + 3'600'000);
        CHECK(fault.topic == "factory/" + fault.series);
    }
}
