// SPDX-License-Identifier: Apache-2.0
// What one COMMIT makes durable, and what is owed to others afterwards: acknowledgements, the blocks for who reads
// them. Inner part of the writer, for its source files alone; its thread. What it does not do: anything by itself, the
// writer's functions fill and commit it.
#pragma once

#include "gateway/writer.hpp"

namespace tributary::gateway {

inline constexpr int64_t kCursorDelay =
    5 * base::kNsPerSecond;                       // what can be asked for again waits so long for company
inline constexpr const char* kQuotas = "quotas";  // in the store's meta

struct Writer::Transaction {
    struct Out {
        model::Log log = model::Log::windows;
        std::string body;
        uint32_t count = 0;
        int64_t first_ns = 0, last_ns = 0;
        uint8_t block_class = 0;
    };

    std::vector<ClosedBlock> intake;
    Pending handed_in;  // its blocks move to outputs
    std::vector<Out> outputs;
    model::Ledger intake_ledger;  // of what was filtered out of the intake blocks
    store::Batch batch;
    std::map<model::Log, uint64_t> first_seqs;  // where its appends go
    bool in_doubt = false;                      // a commit of it failed; whether it is in the file is not known
    bool full = false;                          // no room for it: what was handed in goes first, and the ladder
    bool optional = false;                      // a step of the ladder: given up when it does not fit
    std::optional<model::Priority> thins;       // messages of it become less
};

}  // namespace tributary::gateway
