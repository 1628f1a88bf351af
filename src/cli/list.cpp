// SPDX-License-Identifier: Apache-2.0
#include <iostream>
#include <memory>

#include "base/log.hpp"
#include "cli/commands.hpp"
#include "codec/codec.hpp"
#include "config/keys.hpp"
#include "detect/detector.hpp"
#include "downsample/downsampler.hpp"
#include "record/json.hpp"

namespace tributary::cli {
namespace {

struct Item {
    std::string name, summary, detail;
};

std::string detail_of(std::span<const model::OptionSpec> options) {
    std::string out;
    for (const auto& option : options) {
        const std::string value = option.required                ? " (required)"
                                  : option.default_value.empty() ? ""
                                                                 : base::format(" = {}", option.default_value);
        out += base::format("    {}{}: {}\n", option.name, value, option.help);
    }
    return out;
}

std::vector<Item> items_of(const std::string& what) {
    std::vector<Item> items;
    if (what == "detectors") {
        for (const auto& type : detect::registry())
            items.push_back({std::string(type.name), std::string(type.summary), detail_of(type.options)});
        items.push_back({"(every one)", "options of all detectors", detail_of(detect::common_options())});
    } else if (what == "downsamplers") {
        for (const auto& type : downsample::registry())
            items.push_back({std::string(type.name), std::string(type.summary), detail_of(type.options)});
        items.push_back({"(every one)", "options of all downsamplers", detail_of(downsample::common_options())});
    } else if (what == "formats") {
        for (const auto& format : codec::registry())
            items.push_back({std::string(format.name), std::string(format.summary), ""});
    } else if (what == "windows") {
        items = {
            {"tumbling", "one after the other without gap or overlap, beginning at multiples of `size`", ""},
            {"hopping", "of `size`, one every `slide`: each reading is in several", ""},
            {"session", "as long as readings come; ends when none came for `gap`", ""},
            {"count", "every `count` readings of a series, in the order in which they came", ""},
        };
    } else {
        for (const auto& table : config::all_tables())
            for (const auto& row : table.rows)
                items.push_back(
                    {base::format("{} {}", table.header, row.name),
                     base::format("{}{}: {}", config::type_text(row),
                                  row.default_value.empty() ? "" : base::format(" = {}", row.default_value), row.help),
                     ""});
    }
    return items;
}

std::string markdown_of(const std::string& what) {
    if (what == "options") return config::markdown_reference();
    if (what == "detectors") return detect::markdown_table();
    if (what == "downsamplers") return downsample::markdown_table();
    std::string out = "| name | what it is |\n|---|---|\n";
    for (const auto& item : items_of(what)) out += base::format("| `{}` | {} |\n", item.name, item.summary);
    return out;
}

std::string json_of(const std::string& what) {
    std::string out = "[";
    for (const auto& item : items_of(what)) {
        if (out.size() > 1) out += ",\n ";
        record::JsonObject(out)
            .text("name", item.name)
            .text("summary", item.summary)
            .text("options", item.detail)
            .end();
    }
    return out + "]\n";
}

}  // namespace

void add_list(CLI::App& app, int&) {
    auto* command = app.add_subcommand(
        "list", "List detectors, downsamplers, formats, windows, all configuration options, or all commands (as JSON)");
    struct Options {
        std::string what;
        bool markdown = false, json = false;
    };
    auto options = std::make_shared<Options>();
    command->add_option("what", options->what, "detectors, downsamplers, formats, windows, options or commands")
        ->required()
        ->check(CLI::IsMember({"detectors", "downsamplers", "formats", "windows", "options", "commands"}));
    auto* json = command->add_flag("--json", options->json, "Print JSON");
    command->add_flag("--markdown", options->markdown, "Print a table for the documentation")->excludes(json);
    command->callback([options, &app] {
        if (options->what == "commands")
            std::cout << commands_json(app);
        else if (options->json)
            std::cout << json_of(options->what);
        else if (options->markdown)
            std::cout << markdown_of(options->what);
        else
            for (const auto& item : items_of(options->what))
                std::cout << base::format("{:<24} {}\n{}", item.name, item.summary, item.detail);
    });
}

}  // namespace tributary::cli
