// SPDX-License-Identifier: Apache-2.0
// Every key of the configuration file, declared once: where its value goes, its type, default, range and meaning. The
// reader, the check for unknown keys and docs/configuration.md come from these rows. Static data; no thread.
#pragma once

#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "config/settings.hpp"

namespace tributary::config {

enum class KeyKind : uint8_t { text, texts, integer, number, boolean, duration, size, table, special, planned };

struct KeyRow {
    std::string_view name;
    KeyKind kind = KeyKind::text;
    std::string_view default_value;  // as in the file without quotes; "" = none, see help
    std::string_view help;
    double min = -std::numeric_limits<double>::infinity();  // durations in seconds, sizes in bytes
    double max = std::numeric_limits<double>::infinity();
    std::string_view choices = {};  // "a|b|~c"; ~ = known, but not in this version yet
    bool required = false;
    std::string_view type = {};  // for people, where the kind does not say it
};

// special is read by hand; planned is known, but not in this version yet.
// A row and the member it fills; no member: read by hand (forms that one member cannot hold).
template <class T>
struct Key {
    KeyRow row;
    std::variant<std::monostate, std::string T::*, std::vector<std::string> T::*, int T::*, int64_t T::*, double T::*,
                 bool T::*>
        member;
};

std::span<const Key<GatewaySettings>> gateway_keys();
std::span<const Key<MqttSettings>> mqtt_keys();
std::span<const Key<TlsSettings>> tls_keys();
std::span<const Key<KafkaSettings>> kafka_keys();
std::span<const Key<OauthSettings>> oauth_keys();
std::span<const Key<StoreSettings>> store_keys();
std::span<const Key<EventSettings>> event_keys();
std::span<const Key<MuteSettings>> mute_keys();
std::span<const Key<StreamSettings>> stream_keys();
std::span<const Key<WindowSettings>> window_keys();
std::span<const Key<DetectSettings>> detect_keys();
std::span<const Key<DownsampleSettings>> downsample_keys();
std::span<const Key<ContextSettings>> context_keys();

struct Table {
    std::string_view header;  // "[mqtt]", "[[stream]]"
    std::vector<KeyRow> rows;
};
std::vector<Table> all_tables();
std::string type_text(const KeyRow& row);  // "duration", "one of a, b"

}  // namespace tributary::config
