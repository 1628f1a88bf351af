// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "cli/commands.hpp"
#include "record/json.hpp"

namespace tributary::cli {
namespace {

using record::JsonObject;

// "TEXT:{json,csv}", as IsMember() names it, becomes the list of what can be said.
std::string choices_of(const CLI::Option& option) {
    const std::string type = option.get_type_name();
    const size_t from = type.find('{'), to = type.rfind('}');
    return from == std::string::npos || to < from ? "" : type.substr(from + 1, to - from - 1);
}

void append_options(std::string& out, const CLI::App& command) {
    out += '[';
    bool first = true;
    for (const auto* option : command.get_options()) {
        if (!std::exchange(first, false)) out += ',';
        JsonObject one(out);
        std::string names;
        for (const auto& name : option->get_snames()) names += (names.empty() ? "-" : ",-") + name;
        for (const auto& name : option->get_lnames()) names += (names.empty() ? "--" : ",--") + name;
        one.text("names", names.empty() ? option->get_name(true) : names);
        one.text("help", option->get_description()).text("default", option->get_default_str());
        one.text("choices", choices_of(*option));
        one.boolean("value", option->get_items_expected_max() > 0);
        one.boolean("required", option->get_required());
        one.end();
    }
    out += ']';
}

void append(std::string& out, const CLI::App& command, const std::string& name) {
    const auto below = command.get_subcommands([](const CLI::App*) { return true; });
    JsonObject one(out);
    one.text("name", name).text("summary", command.get_description());
    one.boolean("group", !below.empty());
    append_options(one.key("options"), command);
    one.end();
    for (const auto* next : below) {
        out += ",\n ";
        append(out, *next, name.empty() ? next->get_name() : name + " " + next->get_name());
    }
}

}  // namespace

std::string commands_json(const CLI::App& app) {
    std::string out = "[";
    append(out, app, "");
    return out + "]\n";
}

}  // namespace tributary::cli
