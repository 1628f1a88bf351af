// SPDX-License-Identifier: Apache-2.0
// Series names, each once; every stage works on their 32-bit numbers. Owned by the engine (one thread).
// Numbers are given in order of first appearance and are part of the checkpoint.
#pragma once

#include <deque>
#include <string>
#include <string_view>
#include <unordered_map>

#include "model/reading.hpp"

namespace tributary::model {

class SeriesTable {
  public:
    SeriesId intern(std::string_view name) {
        if (const auto found = ids_.find(name); found != ids_.end()) return found->second;
        names_.emplace_back(name);
        const auto id = static_cast<SeriesId>(names_.size() - 1);
        ids_.emplace(names_.back(), id);
        return id;
    }
    const std::string& name(SeriesId id) const { return names_[id]; }
    size_t size() const { return names_.size(); }
    void clear() { ids_.clear(), names_.clear(); }

  private:
    std::deque<std::string> names_;  // a deque: the map's views stay valid
    std::unordered_map<std::string_view, SeriesId> ids_;
};

}  // namespace tributary::model
