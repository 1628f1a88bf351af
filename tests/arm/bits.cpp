// SPDX-License-Identifier: Apache-2.0
// Prints a hash of everything each detector says to the same readings, and of its state: one line a detector. For
// comparing machines (tests/system/test_cross.py).
#include <cmath>
#include <cstdio>
#include <cstring>

#include "base/math.hpp"
#include "detect/detector.hpp"

using namespace tributary;

namespace {

struct Hash {  // FNV-1a
    uint64_t value = 0xcbf29ce484222325ULL;
    void add(const void* data, size_t size) {
        for (size_t i = 0; i < size; i++)
            value = (value ^ static_cast<const unsigned char*>(data)[i]) * 0x100000001b3ULL;
    }
};

void run(const char* name, const model::OptionMap& options) {
    const auto* type = detect::find_type(name);
    const auto detector = type->make(options);
    std::vector<std::byte> state(detector->state_bytes());
    Hash said;
    uint64_t random = 88172645463325252ULL, alarms = 0;
    double level = 20;
    for (int64_t i = 0; i < 200'000; i++) {
        random ^= random << 13, random ^= random >> 7, random ^= random << 17;
        const double noise = static_cast<double>(random >> 11) / 9007199254740992.0 - 0.5;
        if (random % 9973 == 0) level += noise * 30;
        const double spike = random % 5003 == 0 ? 25 * noise : 0;
        const double value = level + 3 * std::sqrt(1 + static_cast<double>(i % 1440)) / 38 + noise + spike;
        const int64_t event_ns = (1'700'000'000 + i * 60) * base::kNsPerSecond + static_cast<int64_t>(random % 1000);
        const auto finding = detector->update(state.data(), event_ns, value);
        alarms += finding.score >= 0.5 ? 1 : 0;
        said.add(&finding.score, sizeof finding.score);
        said.add(finding.kind.data(), finding.kind.size());
        const double expected = finding.expected.value_or(-1);
        said.add(&expected, sizeof expected);
    }
    said.add(state.data(), state.size());
    std::printf("%s %016llx %llu\n", name, static_cast<unsigned long long>(said.value),
                static_cast<unsigned long long>(alarms));
}

model::OptionMap with(const std::string& name, double value) {
    model::OptionMap map;
    map[name].value = value;
    return map;
}

}  // namespace

int main() {
    for (const char* name : {"auto", "ewma", "robust-z", "cusum", "seasonal", "spikes", "stuck"}) run(name, {});
    run("rate", with("rise", 0.02));
    run("threshold", with("high", 23.0));
}
