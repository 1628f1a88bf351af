// SPDX-License-Identifier: Apache-2.0
// Sends a Selection to Kafka with a producer of its own: for commands beside the gateway, or without it. Idempotent,
// acks=all, never in transactions, which would shut the gateway's own producer out. The caller's thread, until all of
// it is there, or a signal. What it does not do: touch the store.
#pragma once

#include <string>
#include <vector>

#include "gateway/end_signals.hpp"
#include "gateway/selection.hpp"

namespace tributary::gateway {

struct Resent {
    uint64_t delivered = 0;
    std::vector<model::RefusedRecord> refused;
    bool interrupted = false;
    std::string trouble;  // gave up because of it; "" = did not
    bool complete() const { return !interrupted && trouble.empty(); }
};

struct ResendOptions {
    bool show = false;        // progress on standard error, for a person
    int64_t patience_ns = 0;  // gives up when something is wrong for so long; 0 = never
};

// Brokers and properties of the configuration; settings may be changed for it.
config::Settings for_resend(config::Settings settings, const std::string& brokers);
base::Result<Resent> resend(const config::Settings& settings, Selection& selection, metrics::Registry& metrics,
                            const EndSignals& signals, const ResendOptions& options);

}  // namespace tributary::gateway
