// SPDX-License-Identifier: Apache-2.0
#include "config/sections.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>

#include "base/log.hpp"
#include "base/text.hpp"
#include "base/units.hpp"

namespace tributary::config {
namespace {

constexpr size_t kMaxSocketPath = 107;  // sockaddr_un

bool valid_port(std::string_view port) {
    const bool digits =
        !port.empty() && port.size() <= 5 && port.find_first_not_of("0123456789") == std::string_view::npos;
    if (!digits) return false;
    const int number = std::atoi(std::string(port).c_str());
    return number >= 1 && number <= 65535;
}

}  // namespace

std::string wrong_address(std::string_view address) {
    if (address.find_first_of(" \t") != std::string_view::npos) return "there is a blank in it";
    std::string_view rest = address;
    if (rest.starts_with('[')) {
        const auto end = rest.find(']');
        if (end == std::string_view::npos) return "the ] of the IPv6 address is missing";
        rest.remove_prefix(end + 1);
    } else {
        const auto colon = std::min(rest.find(':'), rest.size());
        if (colon == 0) return "the host is missing";
        rest.remove_prefix(colon);
    }
    if (rest.empty()) return {};
    if (!rest.starts_with(':') || !valid_port(rest.substr(1))) return "the port is a number between 1 and 65535";
    return {};
}

namespace {

void check_url(Reader& reader, const model::SourcePosition& at, const std::string& url) {
    if (url.find('@') != std::string::npos)
        return reader.error(kForm, at, "a user name does not stand in the URL",
                            "use the keys username and password_file");
    const auto scheme_end = url.find("://");
    if (scheme_end == std::string::npos)
        return reader.error(kForm, at, base::format("\"{}\" is not a broker URL: it does not say how", url),
                            base::format("write \"mqtt://{}\" (or mqtts:// for TLS)", url));
    constexpr std::array<std::string_view, 4> kSchemes{"mqtt", "mqtts", "ws", "wss"};
    const auto scheme = url.substr(0, scheme_end);
    if (std::find(kSchemes.begin(), kSchemes.end(), scheme) == kSchemes.end()) {
        const bool tls = scheme == "ssl" || scheme == "tls" || scheme == "https";
        return reader.error(kForm, at, base::format("\"{}\" is not a way to a broker: mqtt, mqtts, ws or wss", scheme),
                            base::format("write \"{}{}\"", tls ? "mqtts" : "mqtt", url.substr(scheme_end)));
    }
    auto address = url.substr(scheme_end + 3);
    const auto path = std::min(address.find('/'), address.size());
    if (path < address.size() && !scheme.starts_with("ws"))
        return reader.error(kForm, at, base::format("\"{}\" has a path; only ws and wss have one", url));
    address = address.substr(0, path);
    const auto wrong = address.empty() ? "the host is missing" : wrong_address(address);
    if (!wrong.empty())
        reader.error(kForm, at, base::format("\"{}\" is not a broker URL: {}", url, wrong),
                     "for example \"mqtt://192.168.1.10:1883\"");
}

// Calls each(text, position) for a text or the members of a list.
template <class Each>
void each_text(const Node& node, Each each) {
    if (node.kind == NodeKind::text) each(node.text, node.position);
    for (const auto& item : node.items)
        if (item.kind == NodeKind::text) each(item.text, item.position);
}

void read_version(Reader& reader, const Entry& entry, MqttSettings& into) {
    const auto& value = entry.value;
    if ((value.kind == NodeKind::integer && value.integer == 5) || (value.kind == NodeKind::text && value.text == "5"))
        into.version = 5;
    else if (value.kind == NodeKind::text && value.text == "3.1.1")
        into.version = 4;
    else
        reader.error(kValue, value.position, "\"version\" must be 5 or \"3.1.1\"",
                     "3.1.1 stands in quotes: version = \"3.1.1\"");
}

void read_status_topic(Reader& reader, const Entry& entry, MqttSettings& into) {
    if (entry.value.kind == NodeKind::boolean && !entry.value.boolean) {
        into.status_topic_off = true;
        return;
    }
    if (!reader.is(entry, NodeKind::text, "a text or false")) return;
    const auto& topic = entry.value.text;
    if (topic.empty() || topic.find_first_of(std::string_view("+#\0", 3)) != std::string::npos)
        return reader.error(kForm, entry.value.position, base::format("\"{}\" is not a topic to publish to", topic),
                            "no wildcards and not empty; false = no birth and will");
    into.status_topic = topic;
}

void check_events_topic(Reader& reader, const Node& table, const MqttSettings& mqtt) {
    const auto* topic = table.find("events_topic");
    if (topic == nullptr || mqtt.events_topic.find_first_of(std::string_view("+#\0", 3)) == std::string::npos) return;
    reader.error(kForm, topic->value.position, base::format("\"{}\" is not a topic to publish to", mqtt.events_topic),
                 "no wildcards: \"tributary/line1/events\"");
}

void check_tls(Reader& reader, const Node& table, const MqttSettings& mqtt) {
    const auto& tls = mqtt.tls;
    if (tls.cert.empty() != tls.key.empty())
        reader.error(kConflict, table.position,
                     tls.key.empty() ? "tls has a cert and no key" : "tls has a key and no cert",
                     "mutual TLS needs both");
    if (!tls.verify)
        reader.warn(kSecret, table.find("verify")->position,
                    "the broker's certificate is not checked: anybody can play the broker",
                    "give its ca instead of verify = false");
    const bool any = std::any_of(mqtt.urls.begin(), mqtt.urls.end(), [](const std::string& url) {
        return url.starts_with("mqtts:") || url.starts_with("wss:");
    });
    if (!any)
        reader.warn(kDoubtful, table.position, "tls is set, but no url uses it", "write mqtts:// (or wss://) in url");
}

void check_login(Reader& reader, const Node& table, const MqttSettings& into) {
    const auto* password = table.find("password");
    const auto* file = table.find("password_file");
    if (password != nullptr && file != nullptr)
        reader.error(kConflict, password->position, "password and password_file are both set", "keep password_file");
    const auto* given = password != nullptr ? password : file;
    if (given != nullptr && into.version == 4 && into.username.empty())
        reader.error(kConflict, given->position, "MQTT 3.1.1 allows no password without a user name", "set username");
}

}  // namespace

bool plain_name(std::string_view name) {
    const bool good = std::all_of(name.begin(), name.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
               c == '.';
    });
    return good && !name.empty();
}

void read_hold(Reader& reader, const Entry& entry, GatewaySettings& into) {
    if (!reader.is(entry, NodeKind::text, "a duration or \"auto\"")) return;
    if (entry.value.text == "auto") return;
    const auto hold = base::parse_duration_ns(entry.value.text);
    if (!hold)
        reader.error(kUnits, entry.value.position, hold.error().message, "units: ms, s, min, h, d; or \"auto\"");
    else if (*hold < 0 || *hold > 24 * 3600 * base::kNsPerSecond)
        reader.error(kValue, entry.value.position, "\"unsynced_hold\" must be between 0s and 24h");
    else
        into.unsynced_hold_ns = *hold;
}

void read_gateway(Reader& reader, const Node& table, GatewaySettings& into) {
    reader.read(table, "[gateway]", gateway_keys(), into);
    if (const auto* hold = table.find("unsynced_hold")) read_hold(reader, *hold, into);
    const auto* id = table.find("id");
    if (id != nullptr && id->value.kind == NodeKind::text && (!plain_name(into.id) || into.id.size() > 100))
        reader.error(kForm, id->value.position, base::format("\"{}\" cannot be the id", into.id),
                     "use letters, digits, - _ . (at most 100)");
    const auto* socket = table.find("control_socket");
    if (socket != nullptr && into.control_socket.size() > kMaxSocketPath)
        reader.error(kValue, socket->value.position, "\"control_socket\" is longer than 107 bytes, the system's limit");
}

void read_mqtt(Reader& reader, const Node& table, MqttSettings& into) {
    reader.read(table, "[mqtt]", mqtt_keys(), into);
    if (const auto* url = table.find("url"))
        each_text(url->value, [&](const auto& text, const auto& at) { check_url(reader, at, text); });
    if (const auto* version = table.find("version")) read_version(reader, *version, into);
    if (const auto* topic = table.find("status_topic")) read_status_topic(reader, *topic, into);
    check_events_topic(reader, table, into);
    if (const auto* tls = table.find("tls"); tls != nullptr && reader.is(*tls, NodeKind::table, "a table")) {
        reader.read(tls->value, "[mqtt.tls]", tls_keys(), into.tls);
        check_tls(reader, tls->value, into);
    }
    check_login(reader, table, into);
    const auto* expiry = table.find("session_expiry");
    if (expiry != nullptr && into.session_expiry_ns == 0)
        reader.warn(kDoubtful, expiry->value.position,
                    "with session_expiry 0 what comes while the gateway is stopped is lost",
                    "make it longer than the longest planned stop");
}

void read_store(Reader& reader, const Node& table, StoreSettings& into) {
    reader.read(table, "[store]", store_keys(), into);
    if (const auto* path = table.find("path");
        path != nullptr && path->value.kind == NodeKind::text && (into.path.empty() || into.path.ends_with('/')))
        reader.error(kForm, path->value.position, "\"path\" must name a file",
                     "for example \"/var/lib/tributary/store.db\"");
    if (const auto* gather = table.find("gather"); gather != nullptr && into.gather_ns > 5 * base::kNsPerSecond)
        reader.warn(kDoubtful, gather->value.position,
                    "gather is longer than 5s: the broker holds every message unacknowledged so long",
                    "500ms to 2s is usual");
}

}  // namespace tributary::config
