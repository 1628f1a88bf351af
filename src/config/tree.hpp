// SPDX-License-Identifier: Apache-2.0
// A TOML document as our own small tree: values in the order of the file, each knowing its place. It keeps toml++
// inside tree.cpp and lets drop-ins be merged before anything is interpreted. Plain data; no thread; checks syntax
// only.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/load.hpp"
#include "model/option.hpp"

namespace tributary::config {

enum class NodeKind : uint8_t { table, list, text, integer, number, boolean, time };

struct Entry;

struct Node {
    NodeKind kind = NodeKind::table;
    std::string text;  // of texts and times
    int64_t integer = 0;
    double number = 0;  // also of integers
    bool boolean = false;
    std::vector<Entry> entries;  // of tables
    std::vector<Node> items;     // of lists
    model::SourcePosition position;

    const Entry* find(std::string_view key) const;
    Entry* find(std::string_view key);
};

struct Entry {
    std::string key;
    model::SourcePosition position;  // of the key
    Node value;
};

std::string_view kind_name(NodeKind kind);  // "a text", "a list", ...

// The document, or one diagnostic in `problems` and an empty table.
Node parse_tree(std::string_view text, const std::string& file, std::vector<Diagnostic>& problems);

// Later wins: tables are merged, other values replaced; [[stream]] entries add up, one of the same name replaces.
void merge_tree(Node& base, Node&& later);

}  // namespace tributary::config
