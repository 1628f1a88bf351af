// SPDX-License-Identifier: Apache-2.0
// Series names, each once; every stage works on their 32-bit numbers. Owned by the engine (one thread).
// Numbers are given in order of first appearance, those of released names again; all of it is part of the checkpoint.
#pragma once

#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/bytes.hpp"
#include "model/reading.hpp"

namespace tributary::model {

class SeriesTable {
  public:
    SeriesId intern(std::string_view name) {
        if (const auto found = ids_.find(name); found != ids_.end()) return found->second;
        SeriesId id = 0;
        if (free_.empty()) {
            id = static_cast<SeriesId>(names_.size());
            names_.emplace_back(name);
        } else {
            id = free_.back();
            free_.pop_back();
            names_[id] = name;
        }
        ids_.emplace(names_[id], id);
        return id;
    }
    std::optional<SeriesId> find(std::string_view name) const {
        const auto found = ids_.find(name);
        return found != ids_.end() ? std::optional(found->second) : std::nullopt;
    }
    void release(SeriesId id) {  // the name is forgotten, the number will be given to another
        ids_.erase(names_[id]);
        names_[id].clear();
        free_.push_back(id);
    }
    const std::string& name(SeriesId id) const { return names_[id]; }
    size_t size() const { return names_.size(); }  // numbers given out, those of released names too
    size_t known() const { return ids_.size(); }
    void clear() { ids_.clear(), names_.clear(), free_.clear(); }

    void save(std::string& out) const {
        base::put_varint(out, names_.size());
        for (const auto& name : names_) base::put_text(out, name);
        base::put_varint(out, free_.size());
        for (const SeriesId id : free_) base::put_varint(out, id);
    }
    bool load(base::ByteReader& in) {  // false: the bytes are not ours
        clear();
        for (uint64_t i = in.varint(); i > 0 && in.ok(); i--) names_.emplace_back(in.text());
        std::vector<bool> free(names_.size());
        for (uint64_t i = in.varint(); i > 0 && in.ok(); i--) {
            const uint64_t id = in.varint();
            if (id >= names_.size() || free[id]) return false;
            free[id] = true;
            free_.push_back(static_cast<SeriesId>(id));
        }
        for (SeriesId id = 0; id < names_.size(); id++)
            if (!free[id] && !ids_.emplace(names_[id], id).second) return false;
        return in.ok();
    }

  private:
    std::deque<std::string> names_;  // a deque: the map's views stay valid
    std::unordered_map<std::string_view, SeriesId> ids_;
    std::vector<SeriesId> free_;
};

}  // namespace tributary::model
