// SPDX-License-Identifier: Apache-2.0
#include "record/routing.hpp"

#include <algorithm>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/text.hpp"

namespace tributary::record {
namespace {

// The kinds of records whose topic, key and headers follow the templates; "" = it is the gateway's own affair.
std::string_view kind_of(model::Log log) {
    switch (log) {
        case model::Log::intake:
        case model::Log::reduced:
        case model::Log::context:
            return "readings";
        case model::Log::windows:
        case model::Log::thinned:
            return "windows";
        case model::Log::events:
            return "events";
        case model::Log::late:
            return "late";
        default:
            return "";
    }
}

bool may_give(const config::StreamSettings& stream, model::Log log) {
    switch (log) {
        case model::Log::intake:
            return stream.forwards(config::kForwardAll) || stream.forwards(config::kForwardRaw);
        case model::Log::thinned:
            return may_give(stream, model::Log::intake);
        case model::Log::windows:
        case model::Log::late:
            return !stream.windows.empty();
        case model::Log::reduced:
            return stream.downsample.has_value();
        case model::Log::context:
            return stream.context.has_value();
        default:
            return stream.forwards(config::kForwardEvents);
    }
}

const model::Origin* origin_of(const model::Output& output) {
    return std::visit(
        [](const auto& one) -> const model::Origin* {
            if constexpr (requires { one.window.origin; })
                return &one.window.origin;
            else if constexpr (requires { one.origin; })
                return &one.origin;
            else
                return nullptr;
        },
        output);
}

config::Template parsed(const std::string& text) {
    auto parts = config::parse_template(text);
    return parts ? std::move(*parts) : config::Template();
}

}  // namespace

Routing::Routing(std::string gateway, std::string prefix)
    : gateway_(std::move(gateway)), prefix_(std::move(prefix)), source_("/tributary/" + gateway_) {}

Routing::Routing(const config::Settings& settings) : Routing(settings.gateway.id, settings.kafka.prefix) {
    const auto& kafka = settings.kafka;
    const config::KafkaSettings usual;
    cloudevents_ = kafka.cloudevents;
    topic_is_usual_ = kafka.topic == usual.topic, key_is_usual_ = kafka.key == usual.key;
    topic_ = parsed(kafka.topic), key_ = parsed(kafka.key);
    for (const auto& [name, text] : settings.kafka.headers) headers_.emplace_back(name, parsed(text));
}

void Routing::fill(std::string_view kind, std::string_view stream, std::string_view series, const model::Labels& labels,
                   KafkaRecord& record) const {
    record.headers.clear();
    const config::TemplateValues values{prefix_, gateway_, kind, stream, series, labels};
    if (!topic_is_usual_) record.topic.clear(), config::fill_template(topic_, values, record.topic);
    if (!key_is_usual_) record.key.clear(), config::fill_template(key_, values, record.key);
    for (const auto& [name, parts] : headers_) {
        std::string text;
        config::fill_template(parts, values, text);
        if (!text.empty()) record.headers.emplace_back(name, std::move(text));
    }
    if (cloudevents_) add_cloudevents(kind, series, record);
}

void Routing::add_cloudevents(std::string_view kind, std::string_view subject, KafkaRecord& record) const {
    record.headers.emplace_back("ce_specversion", "1.0");
    record.headers.emplace_back("ce_type", base::format("io.tributary.{}", kind));
    record.headers.emplace_back("ce_source", source_);
    record.headers.emplace_back("ce_id", record.id);
    record.headers.emplace_back("ce_time", base::format_time_ms(record.timestamp_ms));
    if (!subject.empty()) record.headers.emplace_back("ce_subject", subject);
    if (record.json) record.headers.emplace_back("content-type", "application/json");
}

void Routing::address(const model::Output& output, KafkaRecord& record) const {
    const auto log = model::log_of(output);
    if (const auto* origin = origin_of(output); origin != nullptr)
        fill(kind_of(log), origin->stream, origin->series, origin->labels, record);
    else
        address_own(model::log_name(log), record);
}

void Routing::address(const config::StreamSettings& stream, std::string_view series, KafkaRecord& record) const {
    fill("readings", stream.name, series, stream.labels, record);
}

void Routing::address_own(std::string_view kind, KafkaRecord& record) const {
    record.headers.clear();
    if (cloudevents_) add_cloudevents(kind, "", record);
}

std::vector<std::string> Routing::topics(const config::Settings& settings, model::Log log) {
    const auto& kafka = settings.kafka;
    const auto kind = kind_of(log);
    if (kind.empty() || kafka.topic == config::KafkaSettings().topic)
        return {base::format("{}.{}", kafka.prefix, kind.empty() ? model::log_name(log) : kind)};
    const auto parts = parsed(kafka.topic);
    std::vector<std::string> names;
    for (const auto& stream : settings.streams) {
        if (!may_give(stream, log)) continue;
        std::string name;
        config::fill_template(parts, {kafka.prefix, settings.gateway.id, kind, stream.name, "", stream.labels}, name);
        if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(std::move(name));
    }
    return names;
}

}  // namespace tributary::record
