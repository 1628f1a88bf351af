// SPDX-License-Identifier: Apache-2.0
// `tributary simulate`: takes messages from a Source, in the rhythm of their time stamps, and publishes or prints them.
// Runs in the calling thread until the source is exhausted or `stop` is set.
#pragma once

#include <atomic>
#include <iosfwd>
#include <string>

#include "base/result.hpp"
#include "sim/factory.hpp"
#include "sim/publisher.hpp"

namespace tributary::sim {

struct SimulateOptions {
    FactoryOptions factory;  // start_ms 0 = now (printing: a fixed day)
    PublisherOptions publisher;
    std::string password_file;
    std::string csv;        // plays this instead of the factory
    std::string truth;      // file for the faults, JSON lines
    double speed = 1;       // event time to wall time; 0 = as fast as it goes
    bool print = false;     // no broker: lines for `tributary replay` on out
    bool json = false;      // the summary as JSON
    bool progress = false;  // a line on err, rewritten every second
};

// Progress, notes and, when printing, the summary go to err, the rest to out. The value is the exit code: 0, or 1 when
// acknowledgements are missing.
base::Result<int> simulate(const SimulateOptions& options, const std::atomic<bool>& stop, std::ostream& out,
                           std::ostream& err);

}  // namespace tributary::sim
