// SPDX-License-Identifier: Apache-2.0
// The tables `state` and `meta` with what guards them: per kind of row a sum over the CRCs of its rows, itself a row of
// kind `check`, changed in the same transaction. So a flipped bit in a cursor is found before it makes anybody pass
// over data. Dies with its connection, writer thread only. Does not know what the rows mean.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>

#include "store/database.hpp"

namespace tributary::store {

class StateTable {
  public:
    bool load(Database& database);

    bool set(std::string_view kind, std::string_view name, std::string_view item, uint64_t n);
    bool add(std::string_view kind, std::string_view name, std::string_view item, uint64_t n);
    bool set_meta(std::string_view name, std::string_view value);
    bool write_checks();  // before COMMIT

    // What load() found: the sum of this kind, or of `meta`, fits; or nobody has written one yet.
    bool fits(std::string_view kind) const { return unfit_.find(kind) == unfit_.end(); }
    const std::set<std::string, std::less<>>& unfit() const { return unfit_; }
    uint64_t get(std::string_view kind, std::string_view name) const;  // item ""; 0 = not there
    uint64_t greatest(std::string_view kind, std::string_view name_ends) const;
    bool forget(std::string_view kind);  // all its rows
    void accept(std::string_view kind);  // as it is: its sum is written anew

  private:
    // key -> the row's n; of meta, the CRC of its value.
    using Rows = std::map<std::string, uint64_t, std::less<>>;
    bool write(Statement& statement, std::string_view kind, std::string_view name, std::string_view item, uint64_t n);
    uint64_t sum(const Rows& rows) const;

    Database* database_ = nullptr;
    std::map<std::string, Rows, std::less<>> kinds_;
    std::set<std::string, std::less<>> unfit_, changed_;
    Statement set_state_, set_meta_, forget_state_, forget_meta_;
};

}  // namespace tributary::store
