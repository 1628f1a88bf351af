// SPDX-License-Identifier: Apache-2.0
#include "codec/command.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/clock.hpp"
#include "base/text.hpp"
#include "base/units.hpp"
#include "model/topic_filter.hpp"

namespace tributary::codec {
namespace {

using Json = nlohmann::json;

constexpr size_t kMostBytes = 4096;
constexpr size_t kMostName = 100;
constexpr int64_t kLongest = 31 * 24 * 3600 * base::kNsPerSecond;

base::Error error(std::string_view what) { return {"TRB-CODEC-002", std::string(what)}; }

base::Result<Command> mute(const Json& filter, const Json* duration) {
    Command command;
    if (filter.is_string()) command.text = filter.get<std::string>();
    if (!model::valid_topic_filter(command.text))
        return error("the series to mute are an MQTT topic filter: \"line1/#\"");
    if (duration == nullptr) return command;
    const auto ns = duration->is_string() ? base::parse_duration_ns(duration->get_ref<const std::string&>())
                                          : base::Result<int64_t>(error(""));
    if (!ns || *ns <= 0 || *ns > kLongest) return error("\"for\" is a duration up to 31d: \"2h\"");
    command.for_ns = *ns;
    return command;
}

base::Result<Command> acknowledge(const Json& id, const Json* by) {
    Command command;
    command.what = Command::What::acknowledge;
    if (id.is_string()) command.text = id.get<std::string>();
    const bool hex =
        command.text.size() == 16 && command.text.find_first_not_of("0123456789abcdef") == std::string::npos;
    if (!hex) return error("an event id has 16 hex digits");
    if (by != nullptr && by->is_string()) command.by = by->get<std::string>();
    const bool printable = std::none_of(command.by.begin(), command.by.end(),
                                        [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
    if (command.by.empty() || command.by.size() > kMostName || !printable)
        return error("\"by\" names who has seen it, in at most 100 bytes");
    return command;
}

}  // namespace

base::Result<Command> parse_command(std::string_view payload) try {
    if (payload.size() > kMostBytes) return error("a command is shorter than 4 KiB");
    const Json object = Json::parse(payload.begin(), payload.end());
    if (!object.is_object()) return error("a command is a JSON object");
    const auto member = [&](const char* key) {
        const auto found = object.find(key);
        return found == object.end() ? nullptr : &*found;
    };
    const Json *wants_mute = member("mute"), *wants_unmute = member("unmute"), *wants_ack = member("acknowledge");
    if ((wants_mute != nullptr) + (wants_unmute != nullptr) + (wants_ack != nullptr) != 1)
        return error("a command has one of \"mute\", \"unmute\", \"acknowledge\"");
    if (wants_unmute != nullptr) return mute(*wants_unmute, nullptr);
    if (wants_ack != nullptr) return acknowledge(*wants_ack, member("by"));
    if (member("for") == nullptr) return error("a mute says \"for\" how long: \"2h\"");
    return mute(*wants_mute, member("for"));
} catch (const nlohmann::json::exception&) {
    return error("a command is JSON: {\"mute\": \"line1/#\", \"for\": \"2h\"}");
}

}  // namespace tributary::codec
