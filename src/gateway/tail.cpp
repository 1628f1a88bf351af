// SPDX-License-Identifier: Apache-2.0
#include "gateway/tail.hpp"

#include <fnmatch.h>

#include <csignal>
#include <iostream>
#include <optional>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/text.hpp"
#include "base/units.hpp"
#include "config/load.hpp"
#include "gateway/store_commands.hpp"
#include "kafka/tail.hpp"
#include "record/json.hpp"

namespace tributary::gateway {
namespace {

std::atomic<bool> g_stop{false};

// An age ("10min") or a time ("2026-05-01T06:00:00Z").
std::optional<int64_t> since_ms(const std::string& text) {
    if (const auto age = base::parse_duration_ns(text)) return base::ns_to_ms(base::SystemClock().wall_ns() - *age);
    if (const auto time = base::parse_time_ns(text)) return base::ns_to_ms(*time);
    return std::nullopt;
}

// "events" of prefix "tributary" is tributary.events; a full name stays.
std::string full_name(const std::string& topic, const std::string& prefix) {
    return topic.starts_with(prefix + ".") ? topic : prefix + "." + topic;
}

void append_value(std::string& out, std::string_view value) {
    if (value.starts_with('{') && base::valid_utf8(value))
        out += value;
    else
        record::append_json_bytes(out, value);
}

// The shape of replay's lines, and where the record stands.
std::string json_line(const kafka::TailRecord& one) {
    std::string out;
    record::JsonObject line(out);
    line.text("topic", one.topic).text("partition_key", one.key).integer("timestamp", one.timestamp_ms);
    record::JsonObject headers(line.key("headers"));
    for (const auto& [name, value] : one.headers) headers.text(name, value);
    headers.end();
    auto& value = line.key("value");
    if (one.tombstone)
        value += "null";
    else
        append_value(value, one.value);
    line.integer("partition", int64_t{one.partition}).integer("offset", one.offset);
    line.end();
    return out;
}

std::string text_line(const kafka::TailRecord& one, const std::string& prefix) {
    std::string_view topic = one.topic;
    if (topic.starts_with(prefix + ".")) topic.remove_prefix(prefix.size() + 1);
    std::string value;
    if (one.tombstone)
        value = "(deleted)";
    else
        append_value(value, one.value);
    const auto mark = one.header("tb-time");
    return base::format("{}  {:<9} {}  {}{}{}", base::format_time_ms(one.timestamp_ms), topic,
                        plain(std::string(one.key)), plain(std::move(value)), mark.empty() ? "" : "  time: ", mark);
}

}  // namespace

int tail(const TailCommand& command) {
    auto loaded = config::load(command.config_path);
    if (!loaded.ok()) {
        std::cerr << config::render(loaded.diagnostics);
        return 2;
    }
    auto& settings = *loaded.settings;
    if (!command.brokers.empty()) settings.kafka.brokers = command.brokers, settings.kafka.mock = false;
    kafka::TailOptions options;
    options.follow = command.follow;
    for (const auto& topic : command.topics) options.topics.push_back(full_name(topic, settings.kafka.prefix));
    if (!command.since.empty()) {
        options.since_ms = since_ms(command.since);
        if (!options.since_ms) {
            std::cerr << "tributary tail: --since \"" << command.since
                      << "\" is neither an age (10min, 2h) nor a time (2026-05-01T06:00:00Z)\n";
            return 2;
        }
    }
    if (command.last >= 0) options.last = command.last;
    struct sigaction action {};
    action.sa_handler = [](int) { g_stop = true; };
    for (const int signal : {SIGINT, SIGTERM}) sigaction(signal, &action, nullptr);
    uint64_t shown = 0;
    const auto done = kafka::tail(
        settings, options,
        [&](const kafka::TailRecord& one) {
            if (!command.key.empty() && fnmatch(command.key.c_str(), std::string(one.key).c_str(), 0) != 0) return true;
            if (!command.gateway.empty() && one.header("tb-gw") != command.gateway) return true;
            std::cout << (command.json ? json_line(one) : text_line(one, settings.kafka.prefix)) << std::endl;
            return std::cout.good() && (command.count == 0 || ++shown < command.count);
        },
        g_stop);
    if (done) return 0;
    std::cerr << "tributary tail: " << done.error().text() << '\n';
    return 1;
}

}  // namespace tributary::gateway
