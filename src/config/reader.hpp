// SPDX-License-Identifier: Apache-2.0
// Reads one table of the tree by its rows in keys.hpp: types, ranges, choices, unknown and missing keys. Everything
// wrong is collected, nothing stops the reading. One Reader a load; not shared between threads.
#pragma once

#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "config/codes.hpp"
#include "config/keys.hpp"
#include "config/tree.hpp"

namespace tributary::config {

class Reader {
  public:
    std::vector<Diagnostic> problems;
    bool reads_files = true;  // that options name; not where the text carries their content

    void error(const char* code, const model::SourcePosition& at, std::string message, std::string hint = {});
    void warn(const char* code, const model::SourcePosition& at, std::string message, std::string hint = {});

    // Fills every member that has a row. `where` names the table for people: "[mqtt]", "stream \"a\"".
    template <class T>
    void read(const Node& table, std::string_view where, std::span<const Key<T>> keys, T& into,
              bool others_allowed = false) {
        std::vector<KeyRow> rows;
        for (const auto& key : keys) rows.push_back(key.row);
        known_keys(table, where, rows, others_allowed);
        for (const auto& key : keys)
            if (const auto* entry = table.find(key.row.name); entry != nullptr)
                std::visit([&](auto member) { fill(*entry, key.row, member, into); }, key.member);
    }

    // The value, or a diagnostic and nothing.
    std::optional<std::string> text(const Entry& entry);
    std::optional<std::vector<std::string>> texts(const Entry& entry);
    // False: a diagnostic was made.
    bool is(const Entry& entry, NodeKind kind, std::string_view expected);
    bool chosen(const Entry& entry, const std::string& word, std::string_view choices);

    // Unknown keys, planned ones, and required ones that are missing.
    void known_keys(const Node& table, std::string_view where, std::span<const KeyRow> rows, bool others_allowed);

  private:
    template <class T>
    void fill(const Entry&, const KeyRow&, std::monostate, T&) {}
    template <class T, class Member>
    void fill(const Entry& entry, const KeyRow& row, Member T::*member, T& into) {
        assign(entry, row, into.*member);
    }
    void assign(const Entry& entry, const KeyRow& row, std::string& into);
    void assign(const Entry& entry, const KeyRow& row, std::vector<std::string>& into);
    void assign(const Entry& entry, const KeyRow& row, int& into);
    void assign(const Entry& entry, const KeyRow& row, int64_t& into);
    void assign(const Entry& entry, const KeyRow& row, double& into);
    void assign(const Entry& entry, const KeyRow& row, bool& into);
    bool in_range(const Entry& entry, const KeyRow& row, double value);
    std::string hint_for_unknown(std::string_view key, std::span<const KeyRow> rows) const;
};

// "expected a text, found a whole number", with the usual remedy.
std::string type_hint(NodeKind found, std::string_view expected, std::string_view key);
// "a, b or c" from "a|b|c".
std::string choices_text(std::string_view choices);
std::vector<std::string_view> split_choices(std::string_view choices);
// A bound of a row in the row's unit: "16.0 MiB", "1min", "65535".
std::string bound_text(KeyKind kind, double bound);

}  // namespace tributary::config
