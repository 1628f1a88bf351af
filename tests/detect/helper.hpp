// SPDX-License-Identifier: Apache-2.0
// A detector with the state of one series, for tests.
#pragma once

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "detect/detector.hpp"

namespace tributary::detect {

inline model::OptionMap options(const std::vector<std::pair<std::string, decltype(model::OptionValue::value)>>& given) {
    model::OptionMap map;
    for (const auto& [name, value] : given) map[name] = {value, {"test.toml", 7, 3}};
    return map;
}

class Probe {
  public:
    Probe(std::string_view type, const model::OptionMap& given) {
        const auto problems = check({std::string(type), std::string(type), given, {}}, "test");
        CAPTURE(problems.empty() ? std::string() : problems.front().message);
        REQUIRE(problems.empty());
        detector_ = find_type(type)->make(given);
        bytes.assign(detector_->state_bytes(), std::byte{0});
        REQUIRE(bytes.size() <= 128);
    }
    Finding operator()(double value) { return at(time_ns_ += 1'000'000'000, value); }
    Finding at(int64_t event_ns, double value) { return detector_->update(bytes.data(), event_ns, value); }
    bool alarms(double value) { return (*this)(value).score >= 0.5; }

    std::vector<std::byte> bytes;

  private:
    std::shared_ptr<const Detector> detector_;
    int64_t time_ns_ = 0;
};

inline bool sane(const Finding& finding) {
    const bool alarm = finding.score >= 0.5;
    return finding.score >= 0 && finding.score <= 1 && alarm == !finding.kind.empty() &&
           (!finding.expected || *finding.expected == *finding.expected);
}

constexpr double kStrange[] = {0,     -0.0,   5e-324, -5e-324, 2e-308,  1e-300,   1,    -1,   1e15,
                               1e150, -1e150, 1e300,  -1e300,  1.7e308, -1.7e308, 42.5, 1e-9, -1e-9};

}  // namespace tributary::detect
