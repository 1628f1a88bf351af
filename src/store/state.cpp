// SPDX-License-Identifier: Apache-2.0
#include "store/state.hpp"

#include <algorithm>

#include "base/bytes.hpp"
#include "base/hash.hpp"

namespace tributary::store {
namespace {

constexpr std::string_view kCheck = "check", kMeta = "meta";

std::string key_of(std::string_view name, std::string_view item) {
    std::string key(name);
    key.push_back('\0');
    key.append(item);
    return key;
}

}  // namespace

bool StateTable::load(Database& database) {
    database_ = &database;
    Statement state, meta;
    if (!set_state_.prepare(database,
                            "INSERT INTO state(kind, name, item, n) VALUES(?,?,?,?) ON CONFLICT DO UPDATE SET n = "
                            "excluded.n") ||
        !set_meta_.prepare(database,
                           "INSERT INTO meta(name, value) VALUES(?,?) ON CONFLICT DO UPDATE SET value = "
                           "excluded.value") ||
        !forget_state_.prepare(database, "DELETE FROM state WHERE kind = ?") ||
        !forget_meta_.prepare(database, "DELETE FROM meta") ||
        !state.prepare(database, "SELECT kind, name, item, n FROM state") ||
        !meta.prepare(database, "SELECT name, value FROM meta"))
        return false;
    state.start();
    while (state.next())
        kinds_[std::string(state.text(0))][key_of(state.text(1), state.text(2))] =
            static_cast<uint64_t>(state.integer(3));
    meta.start();
    while (meta.next()) kinds_[std::string(kMeta)][key_of(meta.text(0), {})] = base::crc32c(meta.text(1));
    if (!state.ok() || !meta.ok()) return false;
    for (const auto& [key, expected] : kinds_[std::string(kCheck)]) {
        const auto kind = key.substr(0, key.find('\0'));
        if (sum(kinds_[kind]) != expected) unfit_.insert(kind);
    }
    return true;
}

// Order does not matter, so one changed row would change it by one difference; the tables are small enough to add up
// anew.
uint64_t StateTable::sum(const Rows& rows) const {
    uint64_t total = rows.size();
    std::string bytes;
    for (const auto& [key, n] : rows) {
        bytes.assign(key);
        base::put_fixed64(bytes, n);
        total += base::crc32c(bytes);
    }
    return total;
}

bool StateTable::set(std::string_view kind, std::string_view name, std::string_view item, uint64_t n) {
    kinds_[std::string(kind)][key_of(name, item)] = n;
    changed_.emplace(kind);
    return set_state_.run(kind, name, item, n);
}

bool StateTable::add(std::string_view kind, std::string_view name, std::string_view item, uint64_t n) {
    return set(kind, name, item, kinds_[std::string(kind)][key_of(name, item)] + n);
}

bool StateTable::set_meta(std::string_view name, std::string_view value) {
    kinds_[std::string(kMeta)][key_of(name, {})] = base::crc32c(value);
    changed_.emplace(kMeta);
    return set_meta_.run(name, value);
}

bool StateTable::write_checks() {
    for (const auto& kind : changed_)
        if (!set_state_.run(kCheck, kind, "", sum(kinds_[kind]))) return false;
    changed_.clear();
    return true;
}

uint64_t StateTable::get(std::string_view kind, std::string_view name) const {
    const auto rows = kinds_.find(kind);
    if (rows == kinds_.end()) return 0;
    const auto found = rows->second.find(key_of(name, {}));
    return found == rows->second.end() ? 0 : found->second;
}

uint64_t StateTable::greatest(std::string_view kind, std::string_view name_ends) const {
    uint64_t greatest = 0;
    if (const auto rows = kinds_.find(kind); rows != kinds_.end())
        for (const auto& [key, n] : rows->second)
            if (std::string_view(key).substr(0, key.find('\0')).ends_with(name_ends)) greatest = std::max(greatest, n);
    return greatest;
}

void StateTable::accept(std::string_view kind) {
    changed_.emplace(kind);
    unfit_.erase(std::string(kind));
}

bool StateTable::forget(std::string_view kind) {
    kinds_[std::string(kind)].clear();
    accept(kind);
    return kind == kMeta ? forget_meta_.run() : forget_state_.run(kind);
}

}  // namespace tributary::store
