// SPDX-License-Identifier: Apache-2.0
#include "config/stage_types.hpp"

#include "base/log.hpp"
#include "base/text.hpp"

namespace tributary::config {
namespace {

std::string in_words(std::string choices) {
    for (size_t at = 0; (at = choices.find('|', at)) != std::string::npos; at += 2) choices.replace(at, 1, ", ");
    return choices;
}

Diagnostic error_at(const model::SourcePosition& position, std::string_view code, std::string message,
                    std::string hint) {
    return {Diagnostic::Level::error, std::string(code), position.file, position.line, position.column, 1,
            std::move(message),       std::move(hint)};
}

}  // namespace

Diagnostic unknown_stage_type(const StageWords& words, std::span<const std::string_view> known, std::string_view name,
                              std::string_view context, const model::SourcePosition& position) {
    const std::string near = base::nearest(name, known);
    std::string all;
    for (const auto& each : known) all += base::format("{}\"{}\"", all.empty() ? "" : ", ", each);
    return error_at(position, words.unknown_code, base::format("{}: there is no {} \"{}\"", context, words.what, name),
                    near.empty() ? base::format("known: {}", all) : base::format("did you mean \"{}\"?", near));
}

Diagnostic stage_problem(const StageWords& words, std::string_view problem, std::string_view context,
                         const model::SourcePosition& position) {
    return error_at(position, words.problem_code, base::format("{}: {}", context, problem), "");
}

void add_option_rows(std::string& table, std::string_view name, std::string_view summary,
                     std::span<const model::OptionSpec> options) {
    for (const auto& option : options) {
        const bool first = &option == &options.front();
        table += base::format("| {} | {} | `{}` | {} | {} |\n", first ? name : "", first ? summary : "", option.name,
                              option.default_value.empty() ? "-" : base::format("`{}`", option.default_value),
                              option.choices.empty()
                                  ? std::string(option.help)
                                  : base::format("{}: {}", option.help, in_words(std::string(option.choices))));
    }
}

}  // namespace tributary::config
