// SPDX-License-Identifier: Apache-2.0
#include "config/reader.hpp"

#include <algorithm>
#include <cmath>

#include "base/log.hpp"
#include "base/text.hpp"
#include "base/units.hpp"

namespace tributary::config {

void Reader::error(const char* code, const model::SourcePosition& at, std::string message, std::string hint) {
    problems.push_back(
        {Diagnostic::Level::error, code, at.file, at.line, at.column, 1, std::move(message), std::move(hint)});
}

void Reader::warn(const char* code, const model::SourcePosition& at, std::string message, std::string hint) {
    problems.push_back(
        {Diagnostic::Level::warning, code, at.file, at.line, at.column, 1, std::move(message), std::move(hint)});
}

std::vector<std::string_view> split_choices(std::string_view choices) {
    std::vector<std::string_view> words;
    while (!choices.empty()) {
        const auto end = std::min(choices.find('|'), choices.size());
        if (!choices.starts_with('~')) words.push_back(choices.substr(0, end));
        choices.remove_prefix(std::min(end + 1, choices.size()));
    }
    return words;
}

std::string choices_text(std::string_view choices) {
    const auto words = split_choices(choices);
    std::string out;
    for (size_t i = 0; i < words.size(); i++) {
        if (i > 0) out += i + 1 == words.size() ? " or " : ", ";
        out += words[i];
    }
    return out;
}

std::string bound_text(KeyKind kind, double bound) {
    if (kind == KeyKind::duration) return base::format_duration(static_cast<int64_t>(bound * 1e9));
    if (kind == KeyKind::size) return base::format_size(static_cast<int64_t>(bound));
    return base::number_text(bound);
}

std::string type_hint(NodeKind found, std::string_view expected, std::string_view key) {
    const bool number = found == NodeKind::integer || found == NodeKind::number;
    if (number && (expected == "a duration" || expected == "a size"))
        return base::format("add the unit, in quotes: {} = \"{}\"", key, expected == "a size" ? "2GiB" : "10s");
    if (found == NodeKind::text && expected != "a table" && expected != "a list of tables")
        return "write it without quotes";
    if (found != NodeKind::table && found != NodeKind::list && expected.starts_with("a text"))
        return "put it in quotes";
    if (found == NodeKind::list && expected == "a table") return base::format("write [{}], with single brackets", key);
    if (expected == "a list of tables")
        return base::format("for example {} = {{ ... }}, see docs/configuration.md", key);
    return {};
}

bool Reader::is(const Entry& entry, NodeKind kind, std::string_view expected) {
    const NodeKind found = entry.value.kind;
    if (found == kind) return true;
    error(kType, entry.value.position,
          base::format("\"{}\" must be {}, found {}", entry.key, expected, kind_name(found)),
          type_hint(found, expected, entry.key));
    return false;
}

std::optional<std::string> Reader::text(const Entry& entry) {
    if (!is(entry, NodeKind::text, "a text")) return std::nullopt;
    // A NUL would end the text early in every C library behind us.
    if (entry.value.text.find('\0') != std::string::npos) {
        error(kForm, entry.value.position, base::format("\"{}\" has a NUL character in it", entry.key));
        return std::nullopt;
    }
    return entry.value.text;
}

std::optional<std::vector<std::string>> Reader::texts(const Entry& entry) {
    if (entry.value.kind == NodeKind::text) {
        auto one = text(entry);
        if (!one) return std::nullopt;
        return std::vector{std::move(*one)};
    }
    if (!is(entry, NodeKind::list, "a text or a list of texts")) return std::nullopt;
    std::vector<std::string> words;
    bool good = true;
    for (const auto& item : entry.value.items) {
        auto word = text({entry.key, item.position, item});
        if (word)
            words.push_back(std::move(*word));
        else
            good = false;
    }
    if (good && words.empty()) {
        error(kValue, entry.value.position, base::format("\"{}\" is an empty list", entry.key));
        good = false;
    }
    if (!good) return std::nullopt;
    return words;
}

bool Reader::chosen(const Entry& entry, const std::string& word, std::string_view choices) {
    const auto words = split_choices(choices);
    if (std::find(words.begin(), words.end(), word) != words.end()) return true;
    if (("|" + std::string(choices) + "|").find("|~" + word + "|") != std::string::npos) {
        error(kNotYet, entry.value.position, base::format("{} = \"{}\" is not in this version yet", entry.key, word),
              "possible now: " + choices_text(choices));
        return false;
    }
    auto near = base::nearest(word, words);
    for (const auto known : words)
        if (near.empty() && !word.empty() && known.starts_with(word)) near = known;
    error(kValue, entry.value.position,
          base::format("\"{}\" must be {}, not \"{}\"", entry.key, choices_text(choices), word),
          near.empty() ? "" : base::format("did you mean \"{}\"?", near));
    return false;
}

bool Reader::in_range(const Entry& entry, const KeyRow& row, double value) {
    if (!std::isfinite(value)) {
        error(kValue, entry.value.position, base::format("\"{}\" must be a finite number", entry.key));
        return false;
    }
    if (value >= row.min && value <= row.max) return true;
    const auto low = bound_text(row.kind, row.min);
    error(kValue, entry.value.position,
          std::isinf(row.max)
              ? base::format("\"{}\" must be at least {}", entry.key, low)
              : base::format("\"{}\" must be between {} and {}", entry.key, low, bound_text(row.kind, row.max)));
    return false;
}

void Reader::assign(const Entry& entry, const KeyRow& row, std::string& into) {
    const auto value = text(entry);
    if (!value || (!row.choices.empty() && !chosen(entry, *value, row.choices))) return;
    if (value->empty() && row.required)
        return error(kValue, entry.value.position, base::format("\"{}\" is empty", entry.key));
    into = *value;
}

void Reader::assign(const Entry& entry, const KeyRow&, std::vector<std::string>& into) {
    if (auto value = texts(entry)) into = std::move(*value);
}

void Reader::assign(const Entry& entry, const KeyRow& row, int& into) {
    if (!is(entry, NodeKind::integer, "a whole number") || !in_range(entry, row, entry.value.number)) return;
    into = static_cast<int>(entry.value.integer);
}

void Reader::assign(const Entry& entry, const KeyRow& row, int64_t& into) {
    const bool duration = row.kind == KeyKind::duration;
    if (!is(entry, NodeKind::text, duration ? "a duration" : "a size")) return;
    const auto value = duration ? base::parse_duration_ns(entry.value.text) : base::parse_size_bytes(entry.value.text);
    if (!value)
        return error(kUnits, entry.value.position, value.error().message,
                     duration ? "units: ms, s, min, h, d" : "units: kB, MB, GB, KiB, MiB, GiB, TiB");
    const double scaled = static_cast<double>(*value) / (duration ? 1e9 : 1);
    if (in_range(entry, row, scaled)) into = *value;
}

void Reader::assign(const Entry& entry, const KeyRow& row, double& into) {
    if (entry.value.kind != NodeKind::integer && !is(entry, NodeKind::number, "a number")) return;
    if (in_range(entry, row, entry.value.number)) into = entry.value.number;
}

void Reader::assign(const Entry& entry, const KeyRow&, bool& into) {
    if (is(entry, NodeKind::boolean, "true or false")) into = entry.value.boolean;
}

std::string Reader::hint_for_unknown(std::string_view key, std::span<const KeyRow> rows) const {
    std::vector<std::string_view> names;
    for (const auto& row : rows) names.push_back(row.name);
    const auto near = base::nearest(key, names);
    if (near == std::string(key) + "s") return base::format("did you mean \"{}\"?", near);  // "topic" of a stream
    for (const auto& table : all_tables())
        for (const auto& row : table.rows)
            if (row.name == key) return base::format("\"{}\" is a key of {}", key, table.header);
    if (!near.empty()) return base::format("did you mean \"{}\"?", near);
    std::string known;
    for (const auto name : names) known += (known.empty() ? "" : ", ") + std::string(name);
    return "known here: " + known;
}

void Reader::known_keys(const Node& table, std::string_view where, std::span<const KeyRow> rows, bool others_allowed) {
    for (const auto& entry : table.entries) {
        const auto row = std::find_if(rows.begin(), rows.end(), [&](const auto& r) { return r.name == entry.key; });
        if (row != rows.end() && row->kind == KeyKind::planned)
            error(kNotYet, entry.position, base::format("\"{}\" is not in this version yet", entry.key),
                  "take it out of " + std::string(where));
        else if (row == rows.end() && !others_allowed)
            error(kUnknown, entry.position, base::format("unknown key \"{}\" in {}", entry.key, where),
                  hint_for_unknown(entry.key, rows));
    }
    for (const auto& row : rows)
        if (row.required && table.find(row.name) == nullptr)
            error(kMissing, table.position, base::format("{} has no \"{}\"", where, row.name), std::string(row.help));
}

}  // namespace tributary::config
