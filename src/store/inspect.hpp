// SPDX-License-Identifier: Apache-2.0
// What people ask of a store from outside (`tributary store`): an overview, a check of everything in it, and the work
// on the whole file. Overview, verify and backup read only and go beside a running gateway; repair, salvage to a file
// and wipe take the store's lock and refuse while another process has it. The caller's thread. Prints nothing.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "store/salvage.hpp"
#include "store/store.hpp"

namespace tributary::store {

struct LogFacts {
    model::Log log = model::Log::intake;
    uint64_t first_seq = 0, next_seq = 0;  // equal: nothing is kept
    uint64_t blocks = 0, records = 0;
    int64_t stored_bytes = 0;                     // compressed bodies
    int64_t first_time_ns = 0, last_time_ns = 0;  // of the records kept
};
struct Overview {
    std::string path;
    int64_t file_bytes = 0, wal_bytes = 0;
    std::string running_pid;  // of the process that has it; "" = none
    std::vector<LogFacts> logs;
    Cursors cursors;
    model::Ledger ledger;
    std::optional<uint64_t> checkpoint_seq;
    std::vector<uint64_t> config_seqs;
    std::vector<std::string> set_aside;  // paths of damaged files beside it
};
base::Result<Overview> overview(const std::string& path);
std::string running_pid(const std::string& path);  // as Overview's

struct Verified {
    uint64_t blocks = 0, records = 0;
    std::vector<LostRange> damaged;     // blocks whose CRC or encoding does not fit
    std::vector<LostRange> missing;     // holes in a log; an earlier damage, or thinned out
    std::vector<std::string> problems;  // everything else, a sentence each
    bool structure_checked = false;     // SQLite's own check of the whole file; not beside a running gateway
    bool clean() const { return damaged.empty() && problems.empty(); }
};
// Short statements only: a writer is never kept from bringing its WAL home for long.
base::Result<Verified> verify(const std::string& path);

struct Repaired {
    bool needed = false;
    std::string set_aside;  // where the damaged file is now
    Salvaged salvaged;
    std::string also;  // what else had to be mended; "" = nothing
};
base::Result<Repaired> repair(const std::string& path);
// What is sound in `path` into a file of its own; `path` stays as it is.
base::Result<Salvaged> repair_to(const std::string& path, const std::string& to);

// A copy of one moment, in one file without WAL. `to` must not exist.
base::Result<> backup(const std::string& path, const std::string& to);

struct Wiped {
    std::vector<std::string> removed;
};
base::Result<Wiped> wipe(const std::string& path, bool damaged_too);

}  // namespace tributary::store
