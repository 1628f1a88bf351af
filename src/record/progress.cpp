// SPDX-License-Identifier: Apache-2.0
#include "record/progress.hpp"

#include <nlohmann/json.hpp>

#include "record/json.hpp"

namespace tributary::record {

std::string progress_text(const Progress& progress) {
    std::string out;
    JsonObject top(out);
    top.integer("version", uint64_t{1}).text("writer", progress.writer);
    JsonObject logs(top.key("logs"));
    for (const auto& [log, position] : progress.logs) {
        JsonObject one(logs.key(model::log_name(log)));
        one.integer("next", position.next).text("incarnation", position.incarnation).end();
    }
    logs.end();
    top.end();
    return out;
}

std::optional<Progress> parse_progress(std::string_view text) {
    const auto json = nlohmann::json::parse(text, nullptr, false);
    Progress progress;
    try {
        if (!json.is_object() || json.at("version") != 1) return std::nullopt;
        progress.writer = json.at("writer").get<std::string>();
        for (const auto& [name, position] : json.at("logs").items())
            for (const auto log : model::kLogs)
                if (name == model::log_name(log))
                    progress.logs[log] = {position.at("next").get<uint64_t>(),
                                          position.at("incarnation").get<std::string>()};
    } catch (const nlohmann::json::exception&) {
        return std::nullopt;
    }
    return progress;
}

}  // namespace tributary::record
