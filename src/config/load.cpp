// SPDX-License-Identifier: Apache-2.0
#include "config/load.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <map>

#include "base/files.hpp"
#include "base/log.hpp"
#include "base/text.hpp"
#include "config/sections.hpp"
#include "model/topic_filter.hpp"

namespace tributary::config {
namespace {

std::string host_name() {
    std::array<char, 256> buffer{};
    if (gethostname(buffer.data(), buffer.size() - 1) != 0 || buffer[0] == '\0') return "gateway";
    std::string name(buffer.data());
    for (char& c : name)
        if (!plain_name({&c, 1})) c = '-';
    return name.substr(0, 100);
}

void fill_defaults(Settings& settings) {
    if (settings.gateway.id.empty()) settings.gateway.id = host_name();
    if (settings.gateway.control_socket.empty()) {
        const char* folder = std::getenv("RUNTIME_DIRECTORY");  // NOLINT(concurrency-mt-unsafe)
        const bool given = folder != nullptr && *folder != '\0';
        settings.gateway.control_socket = std::string(given ? folder : "/run/tributary") + "/control.sock";
    }
    auto& mqtt = settings.mqtt;
    if (mqtt.client_id.empty()) mqtt.client_id = "tributary-" + settings.gateway.id;
    if (mqtt.status_topic.empty() && !mqtt.status_topic_off)
        mqtt.status_topic = "tributary/" + settings.gateway.id + "/status";
}

template <class T, class Read>
void read_table(Reader& reader, const Node& root, std::string_view key, T& into, Read read) {
    const auto* entry = root.find(key);
    const Node nothing;
    if (entry == nullptr)
        read(reader, nothing, into);
    else if (reader.is(*entry, NodeKind::table, "a table"))
        read(reader, entry->value, into);
}

// [kafka], or up to two [[kafka]].
std::vector<const Node*> clusters_of(Reader& reader, const Node& root) {
    const auto* entry = root.find("kafka");
    if (entry == nullptr) return {};
    auto clusters = tables_of(reader, *entry);
    if (clusters.size() > 2)
        reader.error(kConflict, clusters[2]->position, "a third [[kafka]]",
                     "there are two at most: the cluster that counts, and one that gets a copy");
    return clusters;
}

void read_streams(Reader& reader, const Node& root, Settings& into) {
    const auto* entry = root.find("stream");
    if (entry == nullptr) return;
    if (entry->value.kind == NodeKind::table)
        return reader.error(kType, entry->value.position, "a stream is an entry of a list",
                            "write [[stream]], with double brackets");
    if (!reader.is(*entry, NodeKind::list, "a list of tables")) return;
    std::map<std::string, model::SourcePosition> names;
    for (const auto& item : entry->value.items) {
        if (!reader.is({"stream", item.position, item}, NodeKind::table, "a table")) continue;
        auto stream = read_stream(reader, item);
        const auto [first, fresh] = names.emplace(stream.name, item.position);
        if (!fresh && !stream.name.empty())
            reader.error(kTwice, item.find("name")->value.position, base::format("a second stream \"{}\"", stream.name),
                         base::format("the first is at {}:{}; give one of them another name", first->second.file,
                                      first->second.line));
        into.streams.push_back(std::move(stream));
    }
}

// Whether a filter takes some topic below `topic`.
bool reaches_below(std::string_view filter, std::string_view topic) {
    filter = model::without_share(filter);
    while (true) {
        const auto level = filter.substr(0, filter.find('/')), given = topic.substr(0, topic.find('/'));
        if (level == "#") return true;
        if (level != "+" && level != given) return false;
        if (level.size() == filter.size()) return false;  // the filter ends at this level or above it
        filter.remove_prefix(level.size() + 1);
        if (given.size() == topic.size()) return true;
        topic.remove_prefix(given.size() + 1);
    }
}

// Events that come back as messages would make events of their own, for ever.
void check_echo(Reader& reader, const Node& root, const Settings& settings) {
    const auto& events = settings.mqtt.events_topic;
    if (events.empty()) return;
    const auto* entry = root.find("mqtt")->value.find("events_topic");
    for (const auto& stream : settings.streams)
        for (const auto& filter : stream.topics)
            if (reaches_below(filter, events))
                reader.error(kConflict, entry->value.position,
                             base::format("stream \"{}\" would take our own events: \"{}\" matches below \"{}\"",
                                          stream.name, filter, events),
                             "narrow that filter, or publish below another topic");
}

constexpr std::array<std::string_view, 6> kTop{"gateway", "mqtt", "kafka", "store", "events", "stream"};

void check_top(Reader& reader, const Node& root) {
    for (const auto& entry : root.entries) {
        if (std::find(kTop.begin(), kTop.end(), entry.key) != kTop.end()) continue;
        const bool is_table = entry.value.kind == NodeKind::table || entry.value.kind == NodeKind::list;
        auto near = base::nearest(entry.key, kTop);
        std::string hint = near.empty()
                               ? "there are gateway, mqtt, kafka, store, events and stream"
                               : base::format("did you mean {}?", near == "stream" ? "[[stream]]" : "[" + near + "]");
        if (!is_table)
            for (const auto& table : all_tables())
                for (const auto& row : table.rows)
                    if (row.name == entry.key && near.empty())
                        hint = base::format("\"{}\" is a key of {}: put it below that line", entry.key, table.header);
        reader.error(kUnknown, entry.position,
                     base::format("unknown {} \"{}\"", is_table ? "table" : "key outside of any table", entry.key),
                     std::move(hint));
    }
}

Settings interpret(Reader& reader, const Node& root) {
    Settings settings;
    check_top(reader, root);
    read_table(reader, root, "gateway", settings.gateway, read_gateway);
    read_table(reader, root, "mqtt", settings.mqtt, read_mqtt);
    const auto clusters = clusters_of(reader, root);
    const Node none;
    read_kafka(reader, clusters.empty() ? none : *clusters.front(), settings.kafka);
    if (clusters.size() > 1) read_mirror(reader, *clusters[1], settings);
    read_table(reader, root, "store", settings.store, read_store);
    read_table(reader, root, "events", settings.events, read_events);
    read_streams(reader, root, settings);
    check_echo(reader, root, settings);
    fill_defaults(settings);
    for (size_t i = 0; i < std::min<size_t>(clusters.size(), 2); i++)
        check_routing(reader, *clusters[i], i == 0 ? settings.kafka : *settings.mirror, settings);
    return settings;
}

void check_whole(Reader& reader, const Node& root, const std::string& file) {
    // [[streams]] was reported already.
    const bool misspelt = std::any_of(root.entries.begin(), root.entries.end(), [](const Entry& e) {
        return e.key != "stream" && base::nearest(e.key, kTop) == "stream";
    });
    if (root.find("stream") == nullptr && !misspelt)
        reader.error(kMissing, {file, 0, 0}, "there is no [[stream]]: the gateway would subscribe to nothing",
                     "add [[stream]] with name = \"...\" and topics = \"...\"");
    const auto* kafka = root.find("kafka");
    const auto lacks_brokers = [](const Node& one) {
        return one.kind == NodeKind::table && one.find("brokers") == nullptr;
    };
    if (kafka == nullptr || lacks_brokers(kafka->value) ||
        std::any_of(kafka->value.items.begin(), kafka->value.items.end(), lacks_brokers))
        reader.warn(kDoubtful, kafka == nullptr ? model::SourcePosition{file, 0, 0} : kafka->position,
                    "[kafka] has no brokers: everything stays on this box",
                    "brokers = \"host:9092\", or \"mock\" for a trial");
}

bool others_read(const std::string& path) {
    struct stat status {};
    return stat(path.c_str(), &status) == 0 && (status.st_mode & S_IROTH) != 0;
}

// What only the disk can tell. A path that is not there is a warning: it may come later, and the gateway retries.
void check_disk(Reader& reader, const Node& root) {
    const auto secret_in = [&](const Entry& entry) {
        if (entry.key.find("password") != std::string::npos && others_read(entry.position.file))
            reader.warn(kSecret, entry.position,
                        base::format("{} holds a password and every user can read it", entry.position.file),
                        base::format("chmod o= {}, or use password_file", entry.position.file));
    };
    const auto file_of = [&](const Node& table, std::string_view key, bool secret) {
        const auto* entry = table.find(key);
        if (entry == nullptr || entry->value.kind != NodeKind::text) return;
        const auto& path = entry->value.text;
        if (access(path.c_str(), R_OK) != 0)
            reader.warn(kDoubtful, entry->value.position,
                        base::format("{} cannot be read: {}", path, base::errno_text(errno)),
                        "the path as seen from where the gateway runs");
        else if (secret && others_read(path))
            reader.warn(kSecret, entry->value.position, base::format("{} can be read by every user", path),
                        "chmod o= it");
    };
    if (const auto* mqtt = root.find("mqtt")) {
        if (const auto* password = mqtt->value.find("password")) secret_in(*password);
        file_of(mqtt->value, "password_file", true);
        if (const auto* tls = mqtt->value.find("tls")) {
            file_of(tls->value, "ca", false), file_of(tls->value, "cert", false);
            file_of(tls->value, "key", true), file_of(tls->value, "key_password_file", true);
        }
    }
    const auto cluster = [&](const Node& kafka) {
        if (const auto* properties = kafka.find("properties"))
            for (const auto& property : properties->value.entries) secret_in(property);
        file_of(kafka, "password_file", true);
        if (const auto* oauth = kafka.find("oauth")) {
            file_of(oauth->value, "client_secret_file", true), file_of(oauth->value, "ca", false);
        }
    };
    if (const auto* kafka = root.find("kafka")) {
        cluster(kafka->value);
        for (const auto& one : kafka->value.items) cluster(one);
    }
}

Loaded finish(Reader& reader, Settings&& settings, const std::vector<std::string>& files) {
    const auto order = [&](const Diagnostic& d) {
        return std::tuple(std::find(files.begin(), files.end(), d.file) - files.begin(), d.line, d.column);
    };
    std::stable_sort(reader.problems.begin(), reader.problems.end(),
                     [&](const auto& a, const auto& b) { return order(a) < order(b); });
    Loaded loaded;
    loaded.diagnostics = std::move(reader.problems);
    const bool failed = std::any_of(loaded.diagnostics.begin(), loaded.diagnostics.end(),
                                    [](const Diagnostic& d) { return d.level == Diagnostic::Level::error; });
    if (!failed) loaded.settings = std::move(settings);
    return loaded;
}

// conf.d/*.toml beside the file, in name order.
std::vector<std::string> drop_ins(Reader& reader, const std::string& path) {
    const auto folder = std::filesystem::path(path).parent_path() / "conf.d";
    std::vector<std::string> files;
    std::error_code error;
    if (!std::filesystem::exists(folder, error)) return files;
    auto each = std::filesystem::directory_iterator(folder, error);
    for (; !error && each != std::filesystem::directory_iterator(); each.increment(error))
        if (each->path().extension() == ".toml" && !each->path().filename().string().starts_with('.'))
            files.push_back(each->path().string());
    if (error)
        reader.error(kFile, {folder.string(), 0, 0}, base::format("the folder cannot be read: {}", error.message()),
                     "the user of the gateway must be allowed to read it");
    std::sort(files.begin(), files.end());
    return files;
}

}  // namespace

Loaded load(const std::string& path) {
    Reader reader;
    std::vector<std::string> files{path};
    const auto more = drop_ins(reader, path);
    files.insert(files.end(), more.begin(), more.end());
    Node root;
    for (const auto& file : files) {
        const auto text = base::read_file(file);
        if (!text)
            reader.error(kFile, {file, 0, 0},
                         base::format("the configuration cannot be read: {}", text.error().message),
                         file == path ? "give the right path with --config FILE" : "");
        else
            merge_tree(root, parse_tree(*text, file, reader.problems));
    }
    // What stands in a file that could not be read must not be reported as missing.
    const bool complete = reader.problems.empty();
    auto settings = interpret(reader, root);
    if (complete) check_whole(reader, root, path);
    check_disk(reader, root);
    return finish(reader, std::move(settings), files);
}

Loaded load_text(std::string_view text, const std::string& file_name) {
    Reader reader;
    const auto root = parse_tree(text, file_name, reader.problems);
    const bool complete = reader.problems.empty();
    auto settings = interpret(reader, root);
    if (complete) check_whole(reader, root, file_name);
    return finish(reader, std::move(settings), {file_name});
}

Loaded parse_engine_text(std::string_view text) {
    Reader reader;
    reader.reads_files = false;
    const auto root = parse_tree(text, "config record", reader.problems);
    auto settings = interpret(reader, root);
    return finish(reader, std::move(settings), {"config record"});
}

}  // namespace tributary::config
