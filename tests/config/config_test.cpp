// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <random>
#include <regex>

#include "base/files.hpp"
#include "config/keys.hpp"
#include "config/load.hpp"

using namespace tributary;
using namespace tributary::config;

namespace {

constexpr const char* kSample = R"([gateway]
id = "line1"
[mqtt]
url = ["mqtt://a:1883", "mqtts://b"]
password = "hunter2"
tls = { verify = true }
[kafka]
brokers = ["k1:9092", "k2:9092"]
[kafka.properties]
"sasl.password" = "hunter2"
[store]
gather = "1s"
[[stream]]
name = "t"
topics = ["f/+/t", "g/\"quoted\"/#"]
series = "{1}/ä{2}"
labels = { site = "ulm", line = "1\n\\" }
values = { z = "/b", a = "/a~1b" }
time = "/ts"
scale = 0.1
window = [{ size = "10s", lateness = "2s" }, { size = "90min", name = "long" }]
[[stream.detect]]
type = "threshold"
high = 80.5
low = 1
hold_off = "10s"
"odd key" = true
[[stream]]
name = "u"
topics = "u"
)";

std::string all(const std::vector<Diagnostic>& diagnostics) {
    std::string out;
    for (const auto& diagnostic : diagnostics) out += render(diagnostic);
    return out;
}

Settings good(std::string_view text) {
    auto loaded = load_text(text, "sample.toml");
    REQUIRE_MESSAGE(loaded.ok(), all(loaded.diagnostics));
    return *loaded.settings;
}

std::string flat(const StreamSettings& s) {
    std::string out = s.name + "|" + s.series + "|" + s.format + "|" + s.time_pointer + "|" + s.unit;
    for (const auto& topic : s.topics) out += "|" + topic;
    for (const auto& [name, value] : s.labels) out += "|" + name + "=" + value;
    for (const auto& field : s.values) out += "|" + field.name + "=" + field.pointer;
    for (const double number : {s.scale, s.offset}) out += "|" + std::to_string(number);
    for (const int64_t n : {s.time_unit_ns, int64_t{s.forward}, s.max_ahead_ns, s.min_time_ns})
        out += "|" + std::to_string(n);
    for (const auto& w : s.windows)
        out += "|" + w.name + w.type + std::to_string(w.size_ns) + "," + std::to_string(w.lateness_ns) + "," +
               std::to_string(w.idle_ns);
    for (const auto& d : s.detectors) {
        out += "|" + d.type + d.name;
        for (const auto& [name, option] : d.options) out += "|" + name + std::to_string(option.value.index());
    }
    return out + "|" + s.text;
}

}  // namespace

TEST_CASE("defaults are filled in") {
    const auto settings =
        good("[gateway]\nid = \"g\"\n[kafka]\nbrokers = \"mock\"\n[[stream]]\nname = \"s\"\ntopics = \"a/#\"\n");
    CHECK(settings.mqtt.client_id == "tributary-g");
    CHECK(settings.mqtt.status_topic == "tributary/g/status");
    CHECK(settings.gateway.control_socket.ends_with("/control.sock"));
    CHECK(settings.kafka.mock);
    const auto& stream = settings.streams.at(0);
    CHECK(stream.forward == (kForwardAll | kForwardEvents));
    REQUIRE(stream.values.size() == 1);
    CHECK(stream.values[0].pointer == "/value");
    CHECK(!good("[[stream]]\nname = \"s\"\ntopics = \"a\"\n").gateway.id.empty());
}

TEST_CASE("the sample is read as written") {
    const auto settings = good(kSample);
    CHECK(settings.mqtt.urls == std::vector<std::string>{"mqtt://a:1883", "mqtts://b"});
    CHECK(settings.kafka.brokers == "k1:9092,k2:9092");
    CHECK(settings.kafka.properties.at("sasl.password") == "hunter2");
    const auto& stream = settings.streams.at(0);
    CHECK(stream.values.at(0).name == "z");  // the order of the file
    CHECK(stream.labels.at(0).first == "site");
    CHECK(stream.labels.at(1).second == "1\n\\");
    CHECK(stream.windows.at(0).name == "10s");
    CHECK(stream.windows.at(0).idle_ns == 60 * base::kNsPerSecond);
    CHECK(stream.windows.at(1).idle_ns == 5400 * base::kNsPerSecond);
    CHECK(stream.forward == (kForwardWindows | kForwardEvents));
    const auto& detector = stream.detectors.at(0);
    CHECK(detector.name == "threshold");
    CHECK(detector.options.size() == 4);
    CHECK(detector.options.find("high")->second.position.line == 24);
}

TEST_CASE("every declared default is what the settings have") {
    std::string text;
    for (const auto& table : all_tables()) {
        if (table.header.starts_with("[[") || table.header.find("stream") != std::string_view::npos) continue;
        // A table that cannot stand with its defaults alone.
        if (std::any_of(table.rows.begin(), table.rows.end(), [](const auto& row) { return row.required; })) continue;
        text += std::string(table.header) + "\n";
        for (const auto& row : table.rows) {
            if (row.default_value.empty()) continue;
            const bool bare =
                row.kind == KeyKind::integer || row.kind == KeyKind::number || row.kind == KeyKind::boolean;
            const auto quote = bare ? "" : "\"";
            text += std::string(row.name) + " = " + quote + std::string(row.default_value) + quote + "\n";
        }
    }
    std::string stream = "[[stream]]\nname = \"s\"\ntopics = \"a\"\n";
    const auto plain = good(stream);
    const auto tables = all_tables();
    const auto of_stream =
        std::find_if(tables.begin(), tables.end(), [](const auto& table) { return table.header == "[[stream]]"; });
    REQUIRE(of_stream != tables.end());
    for (const auto& row : of_stream->rows)
        if (!row.default_value.empty()) {
            const auto quote = row.kind == KeyKind::number || row.kind == KeyKind::integer ? "" : "\"";
            stream += std::string(row.name) + " = " + quote + std::string(row.default_value) + quote + "\n";
        }
    const auto written = good(text + stream);
    CHECK(written.streams[0].text == plain.streams[0].text);
    CHECK(written.mqtt.urls == plain.mqtt.urls);
    CHECK(written.mqtt.version == plain.mqtt.version);
    CHECK(written.mqtt.keepalive_ns == plain.mqtt.keepalive_ns);
    CHECK(written.mqtt.session_expiry_ns == plain.mqtt.session_expiry_ns);
    CHECK(written.mqtt.receive_maximum == plain.mqtt.receive_maximum);
    CHECK(written.mqtt.broker_window == plain.mqtt.broker_window);
    CHECK(written.mqtt.max_queue_bytes == plain.mqtt.max_queue_bytes);
    CHECK(written.kafka.partitions == plain.kafka.partitions);
    CHECK(written.kafka.replication == plain.kafka.replication);
    CHECK(written.kafka.prefix == plain.kafka.prefix);
    CHECK(written.store.path == plain.store.path);
    CHECK(written.store.max_size_bytes == plain.store.max_size_bytes);
    CHECK(written.store.gather_ns == plain.store.gather_ns);
    CHECK(written.store.history_ns == plain.store.history_ns);
    CHECK(written.store.block_messages == plain.store.block_messages);
    CHECK(written.store.block_bytes == plain.store.block_bytes);
}

TEST_CASE("engine_text goes round, holds no secret, and one meaning has one text") {
    const auto settings = good(kSample);
    const auto text = engine_text(settings);
    CHECK(text.find("hunter2") == std::string::npos);
    const auto again = parse_engine_text(text);
    REQUIRE_MESSAGE(again.ok(), all(again.diagnostics));
    CHECK(again.diagnostics.empty());
    CHECK(again.settings->gateway.id == "line1");
    REQUIRE(again.settings->streams.size() == settings.streams.size());
    for (size_t i = 0; i < settings.streams.size(); i++)
        CHECK(flat(again.settings->streams[i]) == flat(settings.streams[i]));
    CHECK(engine_text(*again.settings) == text);

    const auto a = good(
        "[[stream]]\nname='s'\ntopics='x/"
        "+'\nwindow={size='1.5h',name='w'}\nscale=2\n[[stream.detect]]\ntype='t'\nb=1\na=2\n");
    const auto b = good(
        "[[stream]] # other\n  scale = 2.0\ntopics = [\"x/+\"]\nname = "
        "\"s\"\nformat=\"auto\"\n[[stream.window]]\nname='w'\nsize = '90 "
        "min'\n[[stream.detect]]\na=2\nb=1\nname='t'\ntype='t'\n");
    CHECK(a.streams[0].text == b.streams[0].text);
    const auto scalar = good("[[stream]]\nname='s'\ntopics='x/+'\nformat='scalar'\nmin_time=1970-01-01\n");
    CHECK(parse_engine_text(engine_text(scalar)).settings->streams[0].text == scalar.streams[0].text);
}

TEST_CASE("priority and quota of a stream; the engine's text is without them") {
    const std::string head = "[[stream]]\nname='s'\ntopics='x/+'\n";
    const auto plain = good(head);
    CHECK(plain.streams[0].priority == tributary::model::Priority::normal);
    CHECK(plain.streams[0].quota.none());
    const auto share = good(head + "priority='low'\nquota='20%'\n");
    CHECK(share.streams[0].priority == tributary::model::Priority::low);
    CHECK(share.streams[0].quota == QuotaSettings{20, 0});
    const auto size = good(head + "priority='high'\nquota='64KiB'\n");
    CHECK(size.streams[0].priority == tributary::model::Priority::high);
    CHECK(size.streams[0].quota == QuotaSettings{0, 64 << 10});
    CHECK(good(head + "priority='normal'\nquota='100%'\n").streams[0].quota.percent == 100);
    for (const auto& other : {share, size}) CHECK(engine_text(other) == engine_text(plain));
    for (const auto* wrong : {"0%", "101%", "-5%", "%", "2 0%", "20 %", "63KiB", "20"})
        CHECK(!load_text(head + "quota='" + wrong + "'\n", "t").ok());
}

TEST_CASE("a missing file names the path and --config") {
    const auto loaded = load("/does/not/exist.toml");
    CHECK(!loaded.ok());
    REQUIRE(loaded.diagnostics.size() == 1);
    const auto text = render(loaded.diagnostics[0]);
    CHECK(text.find("/does/not/exist.toml") != std::string::npos);
    CHECK(text.find("--config") != std::string::npos);
    CHECK(loaded.diagnostics[0].code == "TRB-CONFIG-001");
    CHECK(!load("/").ok());
}

TEST_CASE("later drop-ins win, key by key") {
    const auto folder =
        std::filesystem::temp_directory_path() / ("tributary-config-" + std::to_string(std::random_device()()));
    std::filesystem::create_directories(folder / "conf.d");
    const auto write = [&](const char* name, std::string_view text) {
        REQUIRE(base::write_file_atomically((folder / name).string(), text).ok());
    };
    write("t.toml",
          "[store]\ngather='1s'\npath='a.db'\n[kafka]\nbrokers='a:1'\n[[stream]]\nname='a'\ntopics='a'\n[[stream]]"
          "\nname='b'\ntopics='b'\n");
    write("conf.d/20.toml", "[store]\ngather='3s'\n");
    write("conf.d/10.toml",
          "[store]\ngather='2s'\nblock_messages=7\n[[stream]]\nname='a'\ntopics='other'\n[[stream]]\nname='c'\ntopics='"
          "c'\n");
    const auto loaded = load((folder / "t.toml").string());
    std::filesystem::remove_all(folder);
    REQUIRE_MESSAGE(loaded.ok(), all(loaded.diagnostics));
    CHECK(loaded.settings->store.gather_ns == 3 * base::kNsPerSecond);
    CHECK(loaded.settings->store.block_messages == 7);
    CHECK(loaded.settings->store.path == "a.db");
    REQUIRE(loaded.settings->streams.size() == 3);
    CHECK(loaded.settings->streams[0].topics[0] == "other");
}

TEST_CASE("a file that a detector names is part of the stream's text, where it stood is not") {
    const auto folder =
        std::filesystem::temp_directory_path() / ("tributary-config-" + std::to_string(std::random_device()()));
    std::filesystem::create_directories(folder);
    const auto write = [&](const std::filesystem::path& path, std::string_view text) {
        REQUIRE(base::write_file_atomically(path.string(), text).ok());
    };
    const std::string model = "{\"a\": \"b\\\\c\",\n\t\"d\": 1}\n";
    const std::string head = "[[stream]]\nname='s'\ntopics='x/+'\n[[stream.detect]]\ntype='model'\n";
    write(folder / "m.json", model);
    write(folder / "copy.json", model);
    write(folder / "t.toml", head + "file='m.json'\n");
    write(folder / "u.toml", head + "file='" + (folder / "copy.json").string() + "'\n");
    const auto loaded = load((folder / "t.toml").string()), other = load((folder / "u.toml").string());
    REQUIRE_MESSAGE(loaded.ok(), all(loaded.diagnostics));
    const auto& options = loaded.settings->streams[0].detectors[0].options;
    CHECK(std::get<std::string>(options.at("content").value) == model);
    const std::string text = engine_text(*loaded.settings);
    CHECK(text.find("m.json") == std::string::npos);
    CHECK(loaded.settings->streams[0].text == other.settings->streams[0].text);
    std::filesystem::remove(folder / "m.json");
    const auto again = parse_engine_text(text);
    REQUIRE_MESSAGE(again.ok(), all(again.diagnostics));
    CHECK(std::get<std::string>(again.settings->streams[0].detectors[0].options.at("content").value) == model);
    CHECK(engine_text(*again.settings) == text);

    const auto gone = load((folder / "t.toml").string());
    CHECK(!gone.ok());
    CHECK(std::any_of(gone.diagnostics.begin(), gone.diagnostics.end(),
                      [](const auto& d) { return d.code == "TRB-CONFIG-001" && d.line == 6; }));
    // A record that names a file does not make us read one.
    const auto record = parse_engine_text(head + "file='" + (folder / "copy.json").string() + "'\n");
    REQUIRE(record.ok());
    CHECK(!record.settings->streams[0].detectors[0].options.contains("content"));
    std::filesystem::remove_all(folder);
}

TEST_CASE("nothing in a file makes the reader crash") {
    const std::string sample = kSample;
    const auto survives = [](const std::string& text) {
        const auto loaded = load_text(text, "x.toml");
        if (!loaded.ok()) CHECK(!loaded.diagnostics.empty());
        for (const auto& diagnostic : loaded.diagnostics) CHECK(!render(diagnostic).empty());
        if (loaded.ok()) CHECK(parse_engine_text(engine_text(*loaded.settings)).ok());
        CHECK(render_json(loaded.diagnostics).size() >= 2);
    };
    for (size_t i = 0; i <= sample.size(); i++) survives(sample.substr(0, i));
    for (size_t i = 0; i < sample.size(); i++) survives(sample.substr(0, i) + sample.substr(i + 1));
    const std::string junk("\0\n\"'[]{}=#.,\x80\xff-9 ", 18);
    for (size_t i = 0; i < sample.size(); i++) {
        auto text = sample;
        text[i] = junk[i % junk.size()];
        survives(text);
        text[i] = junk[(i * 7 + 3) % junk.size()];
        survives(text);
    }
    survives(std::string(100'000, '['));
    survives(std::string(100'000, '{'));
    survives("a = " + std::string(100'000, '['));
    std::string dots = "a";
    for (int i = 0; i < 200'000; i++) dots += ".a";
    survives(dots + " = 1");
    survives("[" + dots + "]");
    survives("x = { " + dots + " = 1 }");
    survives(std::string(5 << 20, '#'));
}

TEST_CASE("a stage's options are checked against its declaration") {
    using model::OptionKind;
    const std::vector<model::OptionSpec> specs{{"high", OptionKind::number, "", "upper limit", 0, 100, true},
                                               {"count", OptionKind::integer, "3", "how many", 1, 10},
                                               {"hold_off", OptionKind::duration, "1s", "silence", 0, 60},
                                               {"mode", OptionKind::text, "fast", "mode", 0, 0, false, "fast|slow"},
                                               {"strict", OptionKind::boolean, "true", "strict"}};
    const auto check = [&](std::string_view options) {
        const auto settings =
            good("[[stream]]\nname='s'\ntopics='t'\n[[stream.detect]]\ntype='x'\n" + std::string(options));
        const auto& detector = settings.streams[0].detectors[0];
        return std::pair(all(check_options(detector.options, specs, "here", detector.position)), detector.options);
    };
    const auto [problems, options] = check("high=5\nhold_off='10s'\nmode='slow'\nstrict=false\ncount=7\n");
    CHECK(problems.empty());
    CHECK(number_option(options, specs, "high") == 5);
    CHECK(duration_option_ns(options, specs, "hold_off") == 10 * base::kNsPerSecond);
    CHECK(text_option(options, specs, "mode") == "slow");
    CHECK(!boolean_option(options, specs, "strict"));
    CHECK(integer_option(options, specs, "count") == 7);
    CHECK(!optional_number(options, "low"));

    const auto [none, defaults] = check("high=5.5\n");
    CHECK(none.empty());
    CHECK(duration_option_ns(defaults, specs, "hold_off") == base::kNsPerSecond);
    CHECK(text_option(defaults, specs, "mode") == "fast");
    CHECK(boolean_option(defaults, specs, "strict"));
    CHECK(integer_option(defaults, specs, "count") == 3);
    CHECK(*optional_number(defaults, "high") == 5.5);

    const auto wrong = check("hihg=5\ncount=2.5\nhold_off=10\nmode='slwo'\nstrict='yes'\n").first;
    for (const auto* part : {"here: \"high\" is missing", "unknown option \"hihg\"", "did you mean \"high\"?",
                             "\"count\" must be a whole number, found a number", "\"hold_off\" must be a duration",
                             "did you mean \"slow\"?", "\"strict\" must be true or false, found a text"})
        CHECK_MESSAGE(wrong.find(part) != std::string::npos, wrong);
    CHECK(check("high=101\n").first.find("between 0 and 100") != std::string::npos);
    CHECK(check("high=nan\n").first.find("TRB-CONFIG-005") != std::string::npos);
    CHECK(check("high=1\nhold_off='2min'\n").first.find("between 0s and 1min") != std::string::npos);
    CHECK(check("high=1\nhold_off='2'\n").first.find("TRB-CONFIG-010") != std::string::npos);
}

TEST_CASE("docs/configuration.md holds the declared keys word for word") {
    const auto text = base::read_file(TRIBUTARY_SOURCE_DIR "/docs/configuration.md");
    REQUIRE(text.ok());
    const bool same = text->find(markdown_reference()) != std::string::npos;
    CHECK_MESSAGE(same, "replace the key tables with: tributary list options --markdown");
}

TEST_CASE("every TOML example of docs/configuration.md is valid") {
    const auto text = base::read_file(TRIBUTARY_SOURCE_DIR "/docs/configuration.md");
    REQUIRE(text.ok());
    int examples = 0;
    for (auto at = text->find("```toml\n"); at != std::string::npos; at = text->find("```toml\n", at)) {
        at += 8;
        const auto example = text->substr(at, text->find("```", at) - at);
        auto loaded = load_text(example, "docs/configuration.md");
        std::erase_if(loaded.diagnostics,
                      [](const Diagnostic& d) { return d.code == "TRB-CONFIG-006" && d.line == 0; });
        std::erase_if(loaded.diagnostics, [](const Diagnostic& d) { return d.level == Diagnostic::Level::warning; });
        CHECK_MESSAGE(loaded.diagnostics.empty(), example, all(loaded.diagnostics));
        examples++;
    }
    CHECK(examples >= 6);
}
