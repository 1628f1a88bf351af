// SPDX-License-Identifier: Apache-2.0
#include "board/profile.hpp"

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/files.hpp"
#include "base/log.hpp"
#include "base/units.hpp"

namespace tributary::board {
namespace {

using Json = nlohmann::json;

std::string text(const Json& object, const char* key) {
    const auto at = object.find(key);
    return at != object.end() && at->is_string() ? at->get<std::string>() : "";
}

std::vector<std::string> texts(const Json& object, const char* key) {
    std::vector<std::string> out;
    if (const auto at = object.find(key); at != object.end() && at->is_array())
        for (const auto& one : *at)
            if (one.is_string()) out.push_back(one.get<std::string>());
    return out;
}

// A fact's value as people read it: "arm64", "1024, 2048".
std::string value_text(const Json& value) {
    if (value.is_string()) return value.get<std::string>();
    std::string out;
    for (const auto& one : value) out += (out.empty() ? "" : ", ") + one.dump();
    return out;
}

// What is missing, or "".
std::string read_budget(const Json& json, Budget& out) {
    if (!json.is_object() || !json.contains("ram_mib") || !json["ram_mib"].is_number_integer()) return "ram_mib";
    out.ram_mib = json["ram_mib"].get<int64_t>();
    const struct {
        const char* key;
        std::string& value;
        bool size;
    } fields[] = {
        {"memory_high", out.memory_high, true}, {"memory_max", out.memory_max, true},
        {"cpu_quota", out.cpu_quota, false},    {"store_max_size", out.store_max_size, true},
        {"gather", out.gather, false},          {"max_queue", out.max_queue, true},
        {"kafka_queue", out.kafka_queue, true}, {"written_per_day", out.written_per_day, true},
    };
    for (const auto& field : fields) {
        field.value = text(json, field.key);
        if (field.value.empty() || (field.size && !base::parse_size_bytes(field.value))) return field.key;
    }
    out.endurance = text(json, "endurance");
    return "";
}

}  // namespace

const Budget& Profile::budget(int64_t ram) const {
    const Budget* found = &budgets.front();
    for (const auto& budget : budgets)
        if (budget.ram_mib <= ram) found = &budget;
    return *found;
}

base::Result<Profile> parse(const std::string& content, const std::string& file) {
    const auto bad = [&](const std::string& what) {
        return base::Error{"TRB-BOARD-001", base::format("{}: {}", file, what)};
    };
    const Json json = Json::parse(content, nullptr, false);
    if (!json.is_object()) return bad("not a JSON object");
    Profile out;
    out.id = text(json, "id"), out.name = text(json, "name"), out.json = content;
    if (out.id.empty() || out.name.empty()) return bad("\"id\" or \"name\" is missing");
    const Json match = json.value("match", Json::object()), facts = json.value("facts", Json::object());
    out.compatible = texts(match, "compatible"), out.model = texts(match, "model");
    out.dmi = match.is_object() && match.value("dmi", Json(false)) == Json(true);
    if (facts.is_object())
        for (const auto& [key, fact] : facts.items())
            if (fact.is_object() && fact.contains("value")) out.facts.emplace_back(key, value_text(fact["value"]));
    out.notes = texts(json, "notes");
    for (const auto& one : json.value("budgets", Json::array())) {
        Budget budget;
        if (const auto missing = read_budget(one, budget); !missing.empty())
            return bad(base::format("budget {}: \"{}\" is missing or wrong", out.budgets.size() + 1, missing));
        out.budgets.push_back(std::move(budget));
    }
    if (out.budgets.empty()) return bad("no budgets");
    std::sort(out.budgets.begin(), out.budgets.end(),
              [](const Budget& a, const Budget& b) { return a.ram_mib < b.ram_mib; });
    return out;
}

base::Result<std::vector<Profile>> load(const std::string& folder) {
    std::vector<std::string> files;
    std::error_code failed;
    for (std::filesystem::directory_iterator it(folder, failed), end; !failed && it != end; it.increment(failed))
        if (it->path().extension() == ".json" && it->path().filename() != "schema.json")
            files.push_back(it->path().string());
    if (failed) return base::Error{"TRB-BOARD-001", base::format("cannot read {}: {}", folder, failed.message())};
    std::sort(files.begin(), files.end());
    std::vector<Profile> out;
    for (const auto& file : files) {
        const auto content = base::read_file(file);
        if (!content) return content.error();
        auto profile = parse(*content, file);
        if (!profile) return profile.error();
        out.push_back(std::move(*profile));
    }
    return out;
}

}  // namespace tributary::board
