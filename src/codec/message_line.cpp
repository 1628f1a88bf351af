// SPDX-License-Identifier: Apache-2.0
#include "codec/message_line.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/log.hpp"
#include "codec/codec.hpp"
#include "codec/value.hpp"

namespace tributary::codec {
namespace {

using Json = nlohmann::ordered_json;

base::Error error(std::string_view what) { return {"TRB-CODEC-001", std::string(what)}; }

std::optional<int64_t> milliseconds(const Json& value) {
    if (value.is_number_integer()) return time_from_integer(value.get<int64_t>(), base::kNsPerMs);
    if (value.is_number()) return time_from_number(value.get<double>(), base::kNsPerMs);
    bool local = false;
    if (value.is_string()) return time_from_text(value.get_ref<const std::string&>(), local);
    return std::nullopt;
}

std::string text_of(const Json& object, const char* key) {
    const auto found = object.find(key);
    return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

base::Result<> control(const Json& object, MessageLine& out) {
    const std::string kind = text_of(object, "control");
    if (kind == "tick") {
        out.body = model::TickRecord{};
    } else if (kind == "mute") {
        const auto until = object.find("until");
        const auto until_ns = until == object.end() ? std::nullopt : milliseconds(*until);
        out.text = text_of(object, "series");
        if (out.text.empty() || !until_ns) return error("a mute needs \"series\" (a filter) and \"until\" (ms)");
        out.body = model::MuteRecord{out.text, *until_ns};
    } else if (kind == "config") {
        out.text = text_of(object, "text");
        out.body = model::ConfigRecord{{}, out.text};
    } else if (kind == "clock") {
        const std::string state = text_of(object, "state");
        constexpr std::array<std::string_view, 3> kStates{"synced", "holdover", "unsynced"};
        const auto found = std::find(kStates.begin(), kStates.end(), state);
        if (found == kStates.end()) return error("\"state\" is none of synced, holdover, unsynced");
        const auto epoch = object.find("epoch");
        const bool given = epoch != object.end() && epoch->is_number_unsigned();
        out.body = model::ClockRecord{static_cast<model::ClockState>(found - kStates.begin()), 0,
                                      given ? epoch->get<uint32_t>() : 0};
    } else if (kind == "session") {
        const auto connected = object.find("connected");
        if (connected == object.end() || !connected->is_boolean())
            return error("a session needs \"connected\" (true or false)");
        out.body = model::SessionRecord{0, connected->get<bool>(), false};
    } else {
        return error("\"control\" is none of mute, clock, config, session, tick");
    }
    return {};
}

}  // namespace

base::Result<> parse_message_line(std::string_view line, MessageLine& out) try {
    const Json object = Json::parse(line.begin(), line.end());
    if (!object.is_object()) return error("not a JSON object");
    out.arrival_ns.reset();
    if (const auto arrival = object.find("arrival"); arrival != object.end()) {
        out.arrival_ns = milliseconds(*arrival);
        if (!out.arrival_ns) return error("\"arrival\" is neither a number of milliseconds nor RFC 3339 text");
    }
    if (object.contains("control")) return control(object, out);
    out.topic = text_of(object, "topic");
    if (out.topic.empty()) return error("\"topic\" is missing or not a text");
    const auto payload = object.find("payload");
    if (payload == object.end()) return error("\"payload\" is missing");
    out.payload = payload->is_string() ? payload->get<std::string>() : payload->dump();
    model::Message message;
    message.topic = out.topic, message.payload = out.payload;
    out.body = message;
    return {};
} catch (const nlohmann::json::exception& fault) {
    return error(base::format("not JSON: {}", fault.what()));
}

}  // namespace tributary::codec
