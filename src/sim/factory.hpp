// SPDX-License-Identifier: Apache-2.0
// The invented factory: machines with temperature, vibration, pressure, current and state; daily rhythm, noise, and
// faults injected at random times that it tells the truth about. Everything follows from the options: same seed, same
// messages on every machine. One thread; no clock.
#pragma once

#include <optional>

#include "base/math.hpp"
#include "sim/source.hpp"

namespace tributary::sim {

struct FactoryOptions {
    std::string prefix = "factory";  // topics are <prefix>/<line>/<machine>/<sensor>
    int machines = 4;                // five on a line
    int64_t interval_ms = 1000;      // of every sensor
    int64_t start_ms = 0;
    int64_t duration_ms = 0;  // event time; 0 = for ever
    uint64_t seed = 1;
    double faults_per_hour = 60;  // in the whole factory, event time; none in the first 40 readings
};

class Factory final : public Source {
  public:
    explicit Factory(const FactoryOptions& options);
    ~Factory() override;
    bool next(SimMessage& message) override;
    std::vector<Fault> take_faults(bool at_the_end) override;

  private:
    struct Series;
    void begin_round();
    void start_fault();
    bool reading(Series& series, SimMessage& message);
    double apply_fault(Series& series, double value, bool& missing);

    FactoryOptions options_;
    base::math::Random fault_random_;
    std::vector<Series> series_;
    std::vector<Fault> ended_;
    int64_t round_ = -1;  // every series gives one reading a round
    size_t at_ = 0;       // next series of this round
    double next_fault_round_ = 0;
};

}  // namespace tributary::sim
