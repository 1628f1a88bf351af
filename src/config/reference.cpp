// SPDX-License-Identifier: Apache-2.0
// The reference of all keys as Markdown: docs/configuration.md holds it word for word.
#include "base/log.hpp"
#include "config/reader.hpp"

namespace tributary::config {
namespace {

std::string range_text(const KeyRow& row) {
    const bool ranged = row.kind == KeyKind::integer || row.kind == KeyKind::duration || row.kind == KeyKind::size;
    if (!ranged || row.max == 0) return {};
    if (row.max == std::numeric_limits<double>::infinity())
        return base::format(", at least {}", bound_text(row.kind, row.min));
    return base::format(", {} to {}", bound_text(row.kind, row.min), bound_text(row.kind, row.max));
}

std::string default_text(const KeyRow& row) {
    if (row.required) return "required";
    return row.default_value.empty() ? "" : base::format("`{}`", row.default_value);
}

}  // namespace

std::string type_text(const KeyRow& row) {
    if (!row.type.empty()) return std::string(row.type);
    if (!row.choices.empty()) return choices_text(row.choices);
    switch (row.kind) {
        case KeyKind::text:
        case KeyKind::special:
            return "text";
        case KeyKind::texts:
            return "text or list";
        case KeyKind::integer:
            return "whole number" + range_text(row);
        case KeyKind::number:
            return "number";
        case KeyKind::boolean:
            return "true or false";
        case KeyKind::duration:
            return "duration" + range_text(row);
        case KeyKind::size:
            return "size" + range_text(row);
        case KeyKind::table:
            return "table";
        case KeyKind::planned:
            return "not in this version yet";
    }
    return {};
}

std::string markdown_reference() {
    std::string out;
    for (const auto& table : all_tables()) {
        out += base::format("### {}\n\n| key | type | default | meaning |\n|---|---|---|---|\n", table.header);
        for (const auto& row : table.rows)
            out += base::format("| `{}` | {} | {} | {} |\n", row.name, type_text(row), default_text(row), row.help);
        out += "\n";
    }
    return out;
}

}  // namespace tributary::config
