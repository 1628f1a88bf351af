// SPDX-License-Identifier: Apache-2.0
#include "config/tree.hpp"

#include <toml++/toml.h>

#include <algorithm>
#include <sstream>

#include "config/codes.hpp"
#include "config/syntax.hpp"

namespace tributary::config {
namespace {

// A document this large is no configuration, and nesting costs stack.
constexpr size_t kMaxBytes = 4 << 20;
constexpr size_t kMaxDots = 64;

model::SourcePosition place(const std::string& file, const toml::source_region& region) {
    return {file, region.begin.line, region.begin.column};
}

template <class T>
std::string time_text(const T& time) {
    std::ostringstream out;
    out << time;
    return std::move(out).str();
}

Node convert(const toml::node& source, const std::string& file);

void convert_table(const toml::table& table, const std::string& file, Node& node) {
    for (const auto& [key, value] : table) {
        Entry entry{std::string(key.str()), place(file, key.source()), convert(value, file)};
        if (entry.value.position.line == 0) entry.value.position = entry.position;
        node.entries.push_back(std::move(entry));
    }
    // toml++ sorts by name; people mean the order they wrote.
    std::stable_sort(node.entries.begin(), node.entries.end(), [](const Entry& a, const Entry& b) {
        return std::pair(a.position.line, a.position.column) < std::pair(b.position.line, b.position.column);
    });
}

Node convert(const toml::node& source, const std::string& file) {
    Node node;
    node.position = place(file, source.source());
    source.visit([&](const auto& value) {
        using T = std::remove_cvref_t<decltype(value)>;
        if constexpr (std::is_same_v<T, toml::table>) {
            convert_table(value, file, node);
        } else if constexpr (std::is_same_v<T, toml::array>) {
            node.kind = NodeKind::list;
            for (const auto& item : value) node.items.push_back(convert(item, file));
        } else if constexpr (std::is_same_v<T, toml::value<std::string>>) {
            node.kind = NodeKind::text, node.text = value.get();
        } else if constexpr (std::is_same_v<T, toml::value<int64_t>>) {
            node.kind = NodeKind::integer, node.integer = value.get();
            node.number = static_cast<double>(node.integer);
        } else if constexpr (std::is_same_v<T, toml::value<double>>) {
            node.kind = NodeKind::number, node.number = value.get();
        } else if constexpr (std::is_same_v<T, toml::value<bool>>) {
            node.kind = NodeKind::boolean, node.boolean = value.get();
        } else {
            node.kind = NodeKind::time, node.text = time_text(value.get());
        }
    });
    return node;
}

// Dotted keys nest without a limit of the parser's own; its recursion must not meet a line of a million dots.
uint32_t line_with_many_dots(std::string_view text) {
    uint32_t line = 1;
    size_t dots = 0;
    bool before_value = true;
    for (const char c : text) {
        if (c == '\n')
            line++, dots = 0, before_value = true;
        else if (c == '=')
            before_value = false, dots = 0;
        else if (c == ',' || c == '{')
            before_value = true, dots = 0;
        else if (c == '.' && before_value && ++dots > kMaxDots)
            return line;
    }
    return 0;
}

std::string name_of(const Node& stream) {
    const auto* name = stream.find("name");
    return name != nullptr && name->value.kind == NodeKind::text ? name->value.text : std::string();
}

void merge_named(Node& base, Node&& later) {
    const auto before =
        static_cast<std::ptrdiff_t>(base.items.size());  // of earlier files; twins in one file are an error
    for (auto& stream : later.items) {
        const std::string name = name_of(stream);
        const auto end = base.items.begin() + before;
        const auto same = std::find_if(base.items.begin(), end, [&](const Node& old) { return name_of(old) == name; });
        if (!name.empty() && same != end)
            *same = std::move(stream);
        else
            base.items.push_back(std::move(stream));
    }
}

// A further [[kafka]] stands beside the [kafka] of an earlier file.
void add_clusters(Node& base, Node&& later) {
    if (base.kind == NodeKind::table) {
        Node list;
        list.kind = NodeKind::list, list.position = base.position;
        list.items.push_back(std::move(base));
        base = std::move(list);
    }
    merge_named(base, std::move(later));
}

void merge(Node& base, Node&& later, bool top) {
    for (auto& entry : later.entries) {
        auto* old = base.find(entry.key);
        if (old == nullptr)
            base.entries.push_back(std::move(entry));
        else if (old->value.kind == NodeKind::table && entry.value.kind == NodeKind::table)
            merge(old->value, std::move(entry.value), false);
        else if (top && entry.key == "kafka" && old->value.kind == NodeKind::list && !old->value.items.empty() &&
                 entry.value.kind == NodeKind::table)
            merge(old->value.items.front(), std::move(entry.value), false);
        else if (top && entry.key == "kafka" && entry.value.kind == NodeKind::list)
            add_clusters(old->value, std::move(entry.value));
        else if (top && entry.key == "stream" && old->value.kind == NodeKind::list &&
                 entry.value.kind == NodeKind::list)
            merge_named(old->value, std::move(entry.value));
        else
            *old = std::move(entry);
    }
}

}  // namespace

const Entry* Node::find(std::string_view key) const {
    for (const auto& entry : entries)
        if (entry.key == key) return &entry;
    return nullptr;
}

Entry* Node::find(std::string_view key) {
    for (auto& entry : entries)
        if (entry.key == key) return &entry;
    return nullptr;
}

std::string_view kind_name(NodeKind kind) {
    switch (kind) {
        case NodeKind::table:
            return "a table";
        case NodeKind::list:
            return "a list";
        case NodeKind::text:
            return "a text";
        case NodeKind::integer:
            return "a whole number";
        case NodeKind::number:
            return "a number";
        case NodeKind::boolean:
            return "true or false";
        case NodeKind::time:
            return "a date or time";
    }
    return "?";
}

Node parse_tree(std::string_view text, const std::string& file, std::vector<Diagnostic>& problems) {
    Diagnostic problem{Diagnostic::Level::error, kSyntax, file, 0, 0, 1, "", ""};
    if (text.size() > kMaxBytes) {
        problem.message = "the file is larger than 4 MiB: this is no configuration";
        problems.push_back(problem);
        return {};
    }
    if (const auto line = line_with_many_dots(text); line != 0) {
        problem.line = line, problem.column = 1;
        problem.message = "the key has more than 64 dotted parts";
        problems.push_back(problem);
        return {};
    }
    try {
        return convert(toml::parse(text, std::string_view(file)), file);
    } catch (const toml::parse_error& error) {
        problem.line = error.source().begin.line, problem.column = error.source().begin.column;
        explain_syntax(text, error.description(), problem);
        problems.push_back(problem);
        return {};
    }
}

void merge_tree(Node& base, Node&& later) { merge(base, std::move(later), true); }

}  // namespace tributary::config
