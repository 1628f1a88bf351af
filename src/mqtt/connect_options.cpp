// SPDX-License-Identifier: Apache-2.0
#include "mqtt/connect_options.hpp"

#include <algorithm>
#include <mutex>
#include <utility>

#include "base/files.hpp"
#include "base/log.hpp"
#include "mqtt/session.hpp"

namespace tributary::mqtt {
namespace {

const char* or_null(const std::string& text) { return text.empty() ? nullptr : text.c_str(); }

void add_number(MQTTProperties& properties, MQTTPropertyCodes code, uint32_t value) {
    MQTTProperty property{};
    property.identifier = code;
    if (code == MQTTPROPERTY_CODE_RECEIVE_MAXIMUM)
        property.value.integer2 = static_cast<unsigned short>(value);
    else
        property.value.integer4 = value;
    MQTTProperties_add(&properties, &property);
}

}  // namespace

namespace {
std::mutex g_tls_mutex;
std::string g_tls_error;
}  // namespace

void note_tls_error(std::string_view line) {
    while (!line.empty() && (line.back() == '\n' || line.back() == '\0')) line.remove_suffix(1);
    // error:0A000086:SSL routines::certificate verify failed
    if (const size_t words = line.rfind("::"); words != std::string_view::npos) line.remove_prefix(words + 2);
    const std::lock_guard lock(g_tls_mutex);
    g_tls_error = line;
}

std::string take_tls_error() {
    const std::lock_guard lock(g_tls_mutex);
    return g_tls_error.empty() ? "" : ": TLS: " + std::exchange(g_tls_error, {});
}

base::Result<std::string> paho_url(const std::string& url) {
    struct Scheme {
        const char *ours, *paho, *port;
    };
    for (const auto& scheme : {Scheme{"mqtt://", "tcp://", ":1883"}, Scheme{"tcp://", "tcp://", ":1883"},
                               Scheme{"mqtts://", "ssl://", ":8883"}, Scheme{"ssl://", "ssl://", ":8883"},
                               Scheme{"ws://", "ws://", ":80"}, Scheme{"wss://", "wss://", ":443"}}) {
        if (!url.starts_with(scheme.ours)) continue;
        std::string rest = url.substr(std::string(scheme.ours).size());
        const size_t path = rest.find('/');
        std::string host = rest.substr(0, path);
        if (host.empty()) break;
        const size_t colon = host.rfind(':');
        const size_t bracket = host.rfind(']');  // [::1] without a port
        if (colon == std::string::npos || (bracket != std::string::npos && colon < bracket)) host += scheme.port;
        return scheme.paho + host + (path == std::string::npos ? "" : rest.substr(path));
    }
    return base::Error{
        "TRB-MQTT-001",
        base::format(
            "\"{}\" is not an MQTT address; write mqtt://host:1883 or mqtts://host:8883 (ws:// and wss:// work too)",
            url)};
}

base::Result<std::unique_ptr<ConnectOptions>> ConnectOptions::create(const config::MqttSettings& settings) {
    std::unique_ptr<ConnectOptions> made(new ConnectOptions(settings));
    auto& options = made->options_;
    const bool v5 = settings.version == 5;
    if (v5) options = MQTTAsync_connectOptions_initializer5;
    options.MQTTVersion = v5 ? MQTTVERSION_5 : MQTTVERSION_3_1_1;
    options.keepAliveInterval = static_cast<int>(settings.keepalive_ns / base::kNsPerSecond);
    options.connectTimeout = 10;
    options.automaticReconnect = 0;
    if (v5) {
        options.cleanstart = 0;
        const int64_t expiry = settings.session_expiry_ns / base::kNsPerSecond;
        add_number(made->properties_, MQTTPROPERTY_CODE_SESSION_EXPIRY_INTERVAL,
                   static_cast<uint32_t>(std::min<int64_t>(expiry, UINT32_MAX)));
        add_number(made->properties_, MQTTPROPERTY_CODE_RECEIVE_MAXIMUM,
                   static_cast<uint32_t>(settings.receive_maximum));
        // One message larger than everything we may hold in memory must not come at all.
        add_number(made->properties_, MQTTPROPERTY_CODE_MAXIMUM_PACKET_SIZE,
                   static_cast<uint32_t>(std::min<int64_t>(settings.max_queue_bytes, 256 << 20)));
        options.connectProperties = &made->properties_;
    } else {
        options.cleansession = 0;
    }
    for (const auto& url : settings.urls) {
        auto converted = paho_url(url);
        if (!converted) return converted.error();
        made->plain_tcp_ = made->plain_tcp_ && converted->starts_with("tcp://");
        made->urls_.push_back(*converted);
    }
    for (auto& url : made->urls_) made->url_pointers_.push_back(url.data());
    options.serverURIs = made->url_pointers_.data();
    options.serverURIcount = static_cast<int>(made->url_pointers_.size());
    options.username = or_null(made->settings_.username);
    const bool tls = std::any_of(made->urls_.begin(), made->urls_.end(), [](const auto& url) {
        return url.starts_with("ssl://") || url.starts_with("wss://");
    });
    if (tls) {
        const auto& from = made->settings_.tls;
        made->ssl_.trustStore = or_null(from.ca);
        made->ssl_.keyStore = or_null(from.cert);
        made->ssl_.privateKey = or_null(from.key);
        made->ssl_.enableServerCertAuth = from.verify ? 1 : 0;
        made->ssl_.verify = from.verify ? 1 : 0;
        made->ssl_.sslVersion = MQTT_SSL_VERSION_DEFAULT;
        made->ssl_.ssl_error_cb = [](const char* text, size_t size, void*) {
            note_tls_error({text, size});
            return 1;
        };
        if (from.ca.empty()) made->ssl_.CApath = "/etc/ssl/certs";
        options.ssl = &made->ssl_;
    }
    return made;
}

ConnectOptions::~ConnectOptions() { MQTTProperties_free(&properties_); }

base::Result<> ConnectOptions::refresh() {
    password_ = settings_.password;
    if (!settings_.password_file.empty()) {
        auto secret = base::read_secret(settings_.password_file);
        if (!secret) return secret.error();
        password_ = *secret;
    }
    options_.password = or_null(password_);
    if (!settings_.tls.key_password_file.empty()) {
        auto secret = base::read_secret(settings_.tls.key_password_file);
        if (!secret) return secret.error();
        key_password_ = *secret;
        ssl_.privateKeyPassword = or_null(key_password_);
    }
    return {};
}

base::Result<MQTTAsync> ConnectOptions::make_client(const std::string& client_id) const {
    MQTTAsync client = nullptr;
    MQTTAsync_createOptions options = MQTTAsync_createOptions_initializer;
    options.MQTTVersion = options_.MQTTVersion;
    const int result = MQTTAsync_createWithOptions(&client, urls_.front().c_str(), client_id.c_str(),
                                                   MQTTCLIENT_PERSISTENCE_NONE, nullptr, &options);
    if (result != MQTTASYNC_SUCCESS)
        return base::Error{"TRB-MQTT-001", base::format("cannot set up the MQTT client for {}: {}",
                                                        settings_.urls.front(), MQTTAsync_strerror(result))};
    return client;
}

}  // namespace tributary::mqtt
