// SPDX-License-Identifier: Apache-2.0
// What damage to the store took, on its way into the books. Damage: the ranges that kafka's walks found missing, from
// the moment a walk comes upon one until kafka's cursor is past it; kafka's thread. mend_books(): what has to be put
// right at start, before anybody reads, when cursors went with the damage. What it does not do: count (writer_damage).
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/block_cache.hpp"
#include "model/output.hpp"

namespace tributary::gateway {

// Which logs have records that are gone and still pending in the ledger: a fact kept in the store, "intake windows".
inline constexpr const char* kDamagedLogs = "damaged";
std::set<model::Log> damaged_logs(std::string_view text);
std::string text_of(const std::set<model::Log>& logs);

// [from, to) is gone; behind: the block that was read instead, null at the end of the log.
model::Gap damaged_gap(BlockSource& source, model::Log log, uint64_t from, uint64_t to, const store::Block* behind);

class Damage {
  public:
    void note(model::Gap&& gap);                                    // again after a walk went back
    std::vector<model::Gap> take(model::Log log, uint64_t cursor);  // those wholly below it

  private:
    std::vector<model::Gap> gaps_;
};

// Without the engine's cursor nothing is known about what came before: all cursors begin at what is kept. After a
// repair no account is sure to add up.
base::Result<> mend_books(store::Store& store, store::Reader& reader);

}  // namespace tributary::gateway
