// SPDX-License-Identifier: Apache-2.0
// The table [kafka]: brokers, security, routing, properties.
#include <algorithm>
#include <array>

#include "base/log.hpp"
#include "base/text.hpp"
#include "config/sections.hpp"
#include "config/template.hpp"

namespace tributary::config {
namespace {

constexpr size_t kMaxPrefix = 200;  // a topic name has at most 249
constexpr size_t kMaxName = 40;
constexpr size_t kMaxHeaders = 16;
constexpr const char* kPlaceholders =
    "there are {prefix}, {gateway}, {kind}, {stream}, {series} and {label.NAME}; a brace is always one of them";

void read_properties(Reader& reader, const Entry& entry, KafkaSettings& into) {
    if (!reader.is(entry, NodeKind::table, "a table")) return;
    struct Ours {
        std::string_view name, instead;
    };
    constexpr std::array kOurs{Ours{"bootstrap.servers", "use brokers in [kafka]"},
                               Ours{"metadata.broker.list", "use brokers in [kafka]"},
                               Ours{"enable.idempotence", "it is always on: without it Kafka could get a record twice"},
                               Ours{"acks", "it is always all: anything less loses data when a broker dies"},
                               Ours{"request.required.acks", "it is always all: anything less loses data"},
                               Ours{"transactional.id", "delivery decides about transactions"},
                               Ours{"statistics.interval.ms", "the gateway reads them for status and metrics"}};
    for (const auto& property : entry.value.entries) {
        const auto& value = property.value;
        const auto ours =
            std::find_if(kOurs.begin(), kOurs.end(), [&](const Ours& o) { return o.name == property.key; });
        if (ours != kOurs.end())
            reader.error(kConflict, property.position, base::format("\"{}\" is not yours to set", property.key),
                         std::string(ours->instead));
        else if (value.kind == NodeKind::table)
            reader.error(kType, property.position, base::format("\"{}\" is a table here", property.key),
                         "a name with dots stands in quotes: \"linger.ms\" = \"100\"");
        else if (value.kind == NodeKind::integer)
            into.properties[property.key] = base::format("{}", value.integer);
        else if (value.kind == NodeKind::number)
            into.properties[property.key] = base::number_text(value.number);
        else if (value.kind == NodeKind::boolean)
            into.properties[property.key] = value.boolean ? "true" : "false";
        else if (const auto text = reader.text(property))
            into.properties[property.key] = *text;
    }
}

void read_brokers(Reader& reader, const Entry& entry, KafkaSettings& into) {
    const auto given = reader.texts(entry);
    if (!given) return;
    for (const auto& part : *given) into.brokers += (into.brokers.empty() ? "" : ",") + part;
    if (into.brokers == "mock") {
        into.mock = true;
        return;
    }
    std::string_view rest = into.brokers;
    while (true) {
        const auto end = std::min(rest.find(','), rest.size());
        auto one = rest.substr(0, end);
        while (one.starts_with(' ')) one.remove_prefix(1);
        while (one.ends_with(' ')) one.remove_suffix(1);
        const auto wrong = one.find("://") != std::string_view::npos ? "a broker has no scheme before it"
                           : one.empty()                             ? "the host is missing"
                                                                     : wrong_address(one);
        if (!wrong.empty())
            reader.error(kForm, entry.value.position, base::format("\"{}\" is not a Kafka broker: {}", one, wrong),
                         "for example \"kafka1.plant.example:9092\"; TLS: \"security.protocol\" = \"SSL\" in "
                         "[kafka.properties]");
        if (end == rest.size()) return;
        rest.remove_prefix(end + 1);
    }
}

// --- security ---

using Properties = std::map<std::string, std::string>;

const std::string* property(const Properties& properties, const char* name, const char* other = "") {
    auto found = properties.find(name);
    if (found == properties.end()) found = properties.find(other);
    return found == properties.end() ? nullptr : &found->second;
}

// What the preset sets and the file does not. Source: the providers' own pages on client configuration.
void apply_preset(Reader& reader, const Node& table, KafkaSettings& into) {
    const auto* entry = table.find("preset");
    if (entry == nullptr || into.preset.empty()) return;
    const bool mtls = into.preset == "msk-mtls";
    into.properties.emplace("security.protocol", mtls ? "SSL" : "SASL_SSL");
    if (!mtls && property(into.properties, "sasl.mechanisms", "sasl.mechanism") == nullptr)
        into.properties.emplace("sasl.mechanisms", into.preset == "msk-scram" ? "SCRAM-SHA-512" : "PLAIN");
    if (table.find("replication") == nullptr) into.replication = 3;
    const bool login = !into.username.empty() || property(into.properties, "sasl.username") != nullptr;
    if (!mtls && !login)
        reader.error(
            kMissing, entry->value.position,
            base::format("preset \"{}\" needs username and password_file", into.preset),
            into.preset == "msk-scram" ? "the user of the secret in AWS Secrets Manager" : "an API key and its secret");
    if (mtls && (property(into.properties, "ssl.certificate.location") == nullptr ||
                 property(into.properties, "ssl.key.location") == nullptr))
        reader.error(kMissing, entry->value.position, "preset \"msk-mtls\" needs a certificate and its key",
                     "\"ssl.certificate.location\" and \"ssl.key.location\" in [kafka.properties]");
}

void read_oauth(Reader& reader, const Node& table, KafkaSettings& into) {
    const auto* oauth = table.find("oauth");
    if (oauth == nullptr || !reader.is(*oauth, NodeKind::table, "a table")) return;
    reader.read(oauth->value, "[kafka.oauth]", oauth_keys(), into.oauth);
    const auto* url = oauth->value.find("token_url");
    if (url == nullptr) return;
    const auto& text = into.oauth.token_url;
    const bool loopback = text.starts_with("http://127.0.0.1") || text.starts_with("http://localhost");
    if (!text.starts_with("https://") && !loopback)
        reader.error(kForm, url->value.position, base::format("\"{}\" is not an https:// address", text),
                     "the client's secret goes there: plain http is for this machine only");
    if (!into.username.empty())
        reader.error(kConflict, url->value.position, "username and [kafka.oauth] are both set", "keep one of them");
}

void check_security(Reader& reader, const Node& table, KafkaSettings& into) {
    apply_preset(reader, table, into);
    read_oauth(reader, table, into);
    const auto* protocol = property(into.properties, "security.protocol");
    const bool sasl = protocol != nullptr && (protocol->starts_with("SASL_") || protocol->starts_with("sasl_"));
    const auto* user = table.find("username");
    const auto* file = table.find("password_file");
    const auto* asks = table.find("oauth") != nullptr ? table.find("oauth") : user;
    if (asks != nullptr && !sasl)
        reader.error(kMissing, asks->position, "logging in needs a protocol that can",
                     "\"security.protocol\" = \"SASL_SSL\" in [kafka.properties]");
    if (user != nullptr && sasl && property(into.properties, "sasl.mechanisms", "sasl.mechanism") == nullptr)
        reader.error(kMissing, user->position, "there is no mechanism for the login",
                     "\"sasl.mechanisms\" = \"SCRAM-SHA-512\" (or \"PLAIN\") in [kafka.properties]");
    const bool password = property(into.properties, "sasl.password") != nullptr;
    if (user != nullptr && file == nullptr && !password)
        reader.error(kMissing, user->position, "username has no password", "set password_file");
    if (file != nullptr && (user == nullptr || password))
        reader.error(kConflict, file->position,
                     user == nullptr ? "password_file has no user name" : "password_file and \"sasl.password\" are set",
                     user == nullptr ? "set username" : "keep password_file");
}

// --- routing ---

std::optional<Template> checked(Reader& reader, const model::SourcePosition& at, const std::string& text) {
    auto parsed = parse_template(text);
    if (!parsed)
        return reader.error(kForm, at, base::format("\"{}\": {}", text, parsed.error().message), kPlaceholders),
               std::nullopt;
    return std::move(*parsed);
}

bool holds(const Template& parts, TemplatePart::What what) {
    return std::any_of(parts.begin(), parts.end(), [&](const auto& part) { return part.what == what; });
}

void read_headers(Reader& reader, const Node& table, KafkaSettings& into) {
    const auto* headers = table.find("headers");
    if (headers == nullptr || !reader.is(*headers, NodeKind::table, "a table")) return;
    for (const auto& entry : headers->value.entries) {
        const auto text = reader.text(entry);
        if (!text || !checked(reader, entry.value.position, *text)) continue;
        if (entry.key.empty() || entry.key.starts_with("tb-") || entry.key.starts_with("ce_"))
            reader.error(kConflict, entry.position, base::format("\"{}\" cannot be the name of a header", entry.key),
                         "tb-... and ce_... are the gateway's own");
        into.headers.emplace_back(entry.key, *text);
    }
    if (into.headers.size() > kMaxHeaders)
        reader.error(kValue, headers->position, base::format("more than {} headers", kMaxHeaders),
                     "each travels with each record");
}

void check_templates(Reader& reader, const Node& table, const KafkaSettings& into) {
    const auto look = [&](const char* key, const std::string& text) -> std::optional<Template> {
        const auto* entry = table.find(key);
        return entry == nullptr ? std::nullopt : checked(reader, entry->value.position, text);
    };
    if (const auto topic = look("topic", into.topic); topic && holds(*topic, TemplatePart::What::series))
        reader.error(kForm, table.find("topic")->value.position, "\"topic\" cannot hold {series}",
                     "there may be thousands of series: use {stream} or {label.NAME}");
    look("key", into.key);
}

// Over a metered link the readings themselves stay on the box.
void spare_link(Reader& reader, Settings& settings) {
    for (auto& stream : settings.streams) {
        const uint8_t left = stream.forward & ~(kForwardAll | kForwardRaw);
        if (left == stream.forward) continue;
        stream.forward = left;
        stream.text = stream_text(stream);
        reader.warn(kDoubtful, stream.position,
                    base::format("stream \"{}\": over a metered link its readings stay on this box", stream.name),
                    stream.windows.empty() ? "give it a window, so that something of them arrives"
                                           : "set forward to say so, or use link = \"wan\"");
    }
}

}  // namespace

void read_kafka(Reader& reader, const Node& table, KafkaSettings& into) {
    reader.read(table, "[kafka]", kafka_keys(), into);
    if (const auto* brokers = table.find("brokers")) read_brokers(reader, *brokers, into);
    if (const auto* properties = table.find("properties")) read_properties(reader, *properties, into);
    if (const auto* prefix = table.find("prefix"); prefix != nullptr && prefix->value.kind == NodeKind::text &&
                                                   (!plain_name(into.prefix) || into.prefix.size() > kMaxPrefix))
        reader.error(kForm, prefix->value.position,
                     base::format("\"{}\" cannot begin a topic name of Kafka", into.prefix),
                     "use letters, digits, - _ . (at most 200)");
    // What is set apart would have to be in the transaction as well.
    if (const auto* order = table.find("catch_up"); order != nullptr && into.live_first() && into.exactly_once())
        reader.error(kConflict, order->value.position, "\"live-first\" does not go with delivery = \"exactly-once\"",
                     "use catch_up = \"in-order\", or delivery = \"at-least-once\"");
    if (const auto* name = table.find("name"); name != nullptr && name->value.kind == NodeKind::text &&
                                               (!plain_name(into.name) || into.name.size() > kMaxName))
        reader.error(kForm, name->value.position, base::format("\"{}\" cannot be the name of a cluster", into.name),
                     "use letters, digits, - _ . (at most 40)");
    if (const auto* copies = table.find("replication"); copies != nullptr && into.replication == 0)
        reader.error(kValue, copies->value.position, "\"replication\" cannot be 0", "-1 = the broker's default");
    check_security(reader, table, into);
    read_headers(reader, table, into);
    check_templates(reader, table, into);
}

// A copy is in order, and what streams forward is one thing for both.
void read_mirror(Reader& reader, const Node& table, Settings& into) {
    auto& mirror = into.mirror.emplace();
    read_kafka(reader, table, mirror);
    mirror.mirror = true;
    if (mirror.name == into.kafka.name)
        reader.error(kTwice, table.position, base::format("two [[kafka]] are named \"{}\"", mirror.name),
                     "give the second a name of its own: the gateway keeps its place in the logs under it");
    if (mirror.brokers == into.kafka.brokers && mirror.prefix == into.kafka.prefix && !mirror.mock)
        reader.error(kConflict, table.position, "both [[kafka]] are the same brokers and the same prefix",
                     "every record would be there twice: give one of them other brokers or another prefix");
    for (const auto* one : {&into.kafka, &mirror})
        if (one->live_first())
            reader.error(kConflict, table.position, "catch_up = \"live-first\" does not go with a second [[kafka]]",
                         "use catch_up = \"in-order\" for both while you migrate");
    if (mirror.metered() != into.kafka.metered())
        reader.error(kConflict, table.position, "only one of two [[kafka]] is behind a metered link",
                     "link = \"metered\" decides what streams send: set it for both or for none");
}

void check_routing(Reader& reader, const Node& table, const KafkaSettings& kafka, Settings& settings) {
    if (kafka.metered()) spare_link(reader, settings);
    const auto labels = [&](const Entry& entry, const std::string& text, const StreamSettings& stream) {
        const auto parts = parse_template(text);
        for (const auto& part : parts ? *parts : Template())
            if (part.what == TemplatePart::What::label &&
                std::none_of(stream.labels.begin(), stream.labels.end(),
                             [&](const auto& label) { return label.first == part.text; })) {
                reader.error(kMissing, entry.value.position,
                             base::format("stream \"{}\" has no label \"{}\"", stream.name, part.text),
                             base::format("give it one: labels = {{ {} = \"...\" }}", part.text));
                return false;
            }
        return parts.ok();
    };
    if (const auto* key = table.find("key"))
        for (const auto& stream : settings.streams) labels(*key, kafka.key, stream);
    const auto* topic = table.find("topic");
    if (topic == nullptr) return;
    for (const auto& stream : settings.streams) {
        if (!labels(*topic, kafka.topic, stream)) continue;
        std::string name;
        fill_template(*parse_template(kafka.topic),
                      {kafka.prefix, settings.gateway.id, "readings", stream.name, "", stream.labels}, name);
        if (!valid_kafka_topic(name + ".backfill"))
            reader.error(kForm, topic->value.position,
                         base::format("stream \"{}\": \"{}\" cannot be a topic of Kafka", stream.name, name),
                         "letters, digits, - _ . and at most 240 of them");
    }
}

}  // namespace tributary::config
