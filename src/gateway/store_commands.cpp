// SPDX-License-Identifier: Apache-2.0
#include "gateway/store_commands.hpp"

#include <cstdio>
#include <iostream>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/text.hpp"
#include "base/units.hpp"
#include "config/load.hpp"
#include "record/json.hpp"
#include "store/inspect.hpp"

namespace tributary::gateway {
namespace {

using record::JsonObject;

int failed(const base::Error& error) { return store_failed(error.code, error.message); }
std::string time_text(int64_t ns) { return base::format_time_ms(base::ns_to_ms(ns)); }

template <class List, class Each>
void list(JsonObject& object, std::string_view name, const List& all, Each each) {
    std::string& out = object.key(name);
    out += '[';
    bool first = true;
    for (const auto& one : all) {
        if (!first) out += ',';
        first = false;
        each(out, one);
    }
    out += ']';
}

void ranges(JsonObject& object, std::string_view name, const std::vector<store::LostRange>& all) {
    list(object, name, all, [](std::string& out, const store::LostRange& one) {
        JsonObject(out).text("log", model::log_name(one.log)).integer("from", one.from).integer("to", one.to).end();
    });
}

void print(const std::string& text) { std::cout << text << (text.ends_with('\n') ? "" : "\n"); }

uint64_t end_of(const store::Overview& all, std::string_view cursor) {
    const auto name = cursor == "engine" ? "intake" : cursor.substr(cursor.rfind(':') + 1);
    for (const auto& facts : all.logs)
        if (model::log_name(facts.log) == name) return facts.next_seq;
    return 0;
}

std::string overview_json(const store::Overview& all) {
    std::string out;
    JsonObject object(out);
    object.text("path", all.path).integer("file_bytes", all.file_bytes).integer("wal_bytes", all.wal_bytes);
    object.text("running_pid", all.running_pid);
    JsonObject logs(object.key("logs"));
    for (const auto& f : all.logs) {
        JsonObject one(logs.key(model::log_name(f.log)));
        one.integer("first_seq", f.first_seq).integer("next_seq", f.next_seq).integer("records", f.records);
        one.integer("blocks", f.blocks).integer("stored_bytes", f.stored_bytes);
        if (f.blocks > 0) one.text("oldest", time_text(f.first_time_ns)).text("newest", time_text(f.last_time_ns));
        one.end();
    }
    logs.end();
    JsonObject cursors(object.key("cursors"));
    for (const auto& [name, position] : all.cursors) cursors.integer(name, position);
    cursors.end();
    JsonObject streams(object.key("streams"));
    for (const auto& [name, account] : all.ledger.streams) {
        JsonObject one(streams.key(name));
        one.integer("received", account.received).integer("pending", account.pending()).end();
    }
    streams.end();
    if (all.checkpoint_seq) object.integer("checkpoint", *all.checkpoint_seq);
    list(object, "configurations", all.config_seqs, [](std::string& o, uint64_t n) { record::append_integer(o, n); });
    object.texts("set_aside", all.set_aside);
    object.end();
    return out;
}

std::string overview_text(const store::Overview& all) {
    std::string out = base::format("store  {}, {} and {} in the WAL{}\n\n", all.path, base::format_size(all.file_bytes),
                                   base::format_size(all.wal_bytes),
                                   all.running_pid.empty() ? "" : ", in use by pid " + all.running_pid);
    out += base::format("{:<9} {:>12} {:>12} {:>10} {:>8} {:>10}  {:<24}  {}\n", "log", "first", "next", "records",
                        "blocks", "size", "oldest", "newest");
    for (const auto& f : all.logs) {
        if (f.next_seq == 1) continue;
        out += base::format("{:<9} {:>12} {:>12} {:>10} {:>8} {:>10}", model::log_name(f.log), f.first_seq, f.next_seq,
                            f.records, f.blocks, base::format_size(f.stored_bytes));
        if (f.blocks > 0) out += base::format("  {:<24}  {}", time_text(f.first_time_ns), time_text(f.last_time_ns));
        out += '\n';
    }
    out += base::format("\n{:<24} {:>12} {:>12}\n", "cursor", "stands at", "to come");
    for (const auto& [name, position] : all.cursors) {
        const uint64_t end = end_of(all, name);
        out += base::format("{:<24} {:>12} {:>12}\n", name, position, end > position ? end - position : 0);
    }
    if (!all.ledger.streams.empty()) out += base::format("\n{:<24} {:>12} {:>12}\n", "stream", "received", "pending");
    for (const auto& [name, account] : all.ledger.streams)
        out +=
            base::format("{:<24} {:>12} {:>12}\n", name.empty() ? "(none)" : name, account.received, account.pending());
    if (all.checkpoint_seq) out += base::format("\ncheckpoint of the engine at intake {}\n", *all.checkpoint_seq);
    for (const auto& path : all.set_aside) out += base::format("damaged, set aside: {}\n", path);
    return out;
}

std::string verified_json(const store::Verified& v) {
    std::string out;
    JsonObject object(out);
    object.boolean("ok", v.clean());
    object.integer("blocks", v.blocks).integer("records", v.records);
    object.boolean("structure_checked", v.structure_checked);
    ranges(object, "damaged", v.damaged);
    ranges(object, "missing", v.missing);
    object.texts("problems", v.problems);
    object.end();
    return out;
}

std::string verified_text(const store::Verified& v) {
    std::string out;
    for (const auto& problem : v.problems) out += "problem: " + problem + "\n";
    if (!v.damaged.empty()) out += "damaged blocks: " + store::text_of(v.damaged) + "\n";
    if (!v.missing.empty()) out += "not in the store any more: " + store::text_of(v.missing) + "\n";
    out += base::format("{}: {} blocks with {} records", v.clean() ? "ok" : "DAMAGED", v.blocks, v.records);
    if (!v.structure_checked) out += "; the structure of the file is checked when no gateway runs";
    if (!v.clean())
        out +=
            "\nthe gateway passes over damaged blocks and salvages a damaged file by itself; tributary store repair "
            "does it now";
    return out + "\n";
}

void salvaged(JsonObject& object, const store::Salvaged& found) {
    object.integer("blocks", found.blocks).integer("records", found.records);
    ranges(object, "lost", found.lost);
    object.integer("pages", found.pages).integer("unreadable_pages", found.unreadable_pages);
    object.boolean("free_list_known", found.free_list_known);
}

}  // namespace

int store_failed(const std::string& code, const std::string& message) {
    std::cerr << code << ": " << message << '\n';
    return code == store::kNewer ? 3 : 1;
}

StorePlace store_place(const StoreOptions& options) {
    StorePlace place;
    place.path = options.path;
    if (!place.path.empty()) return place;
    const auto loaded = config::load(options.config_path);
    if (loaded.ok()) {
        place = {loaded.settings->store.path, loaded.settings->gateway.id, loaded.settings->kafka.prefix, 0};
        return place;
    }
    std::cerr << config::render(loaded.diagnostics);
    std::cerr << "or name the file: --store /var/lib/tributary/store.db\n";
    place.exit_code = 2;
    return place;
}

base::Result<> same_gateway(store::Reader& reader, const config::Settings& settings, const std::string& path) {
    const auto recorded = reader.config_at(UINT64_MAX >> 1);
    if (!recorded) return recorded.error();
    if (!*recorded) return {};
    const auto then = config::parse_engine_text((**recorded).second);
    if (!then.ok() || then.settings->gateway.id == settings.gateway.id) return {};
    return base::Error{store::kCommand,
                       base::format("{} was written by the gateway \"{}\", and the configuration says gateway.id = "
                                    "\"{}\": its records would be taken for another one's. Use that gateway's "
                                    "configuration",
                                    path, then.settings->gateway.id, settings.gateway.id)};
}

std::string trouble_of(const metrics::Registry& metrics) {
    for (const auto& state : metrics.health())
        if (!state.ok) return state.text + " [" + state.code + "]";
    return "";
}

std::string plain(std::string text) {
    for (char& c : text)
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
    return text;
}

int store_ls(const StoreOptions& options) {
    const auto place = store_place(options);
    if (place.exit_code != 0) return place.exit_code;
    const auto all = store::overview(place.path);
    if (!all) return failed(all.error());
    print(options.json ? overview_json(*all) : overview_text(*all));
    return 0;
}

int store_verify(const StoreOptions& options) {
    const auto place = store_place(options);
    if (place.exit_code != 0) return place.exit_code;
    const auto found = store::verify(place.path);
    if (!found) return failed(found.error());
    print(options.json ? verified_json(*found) : verified_text(*found));
    return found->clean() ? 0 : 1;
}

int store_repair(const StoreOptions& options) {
    const auto place = store_place(options);
    if (place.exit_code != 0) return place.exit_code;
    store::Repaired done;
    if (options.to.empty()) {
        auto repaired = store::repair(place.path);
        if (!repaired) return failed(repaired.error());
        done = std::move(*repaired);
    } else {
        auto found = store::repair_to(place.path, options.to);
        if (!found) return failed(found.error());
        done.needed = true, done.salvaged = std::move(*found);
    }
    if (options.json) {
        std::string out;
        JsonObject object(out);
        object.boolean("needed", done.needed);
        if (done.needed) {
            object.text("set_aside", done.set_aside).text("also", done.also);
            salvaged(object, done.salvaged);
        }
        object.end();
        print(out);
    } else if (!done.needed) {
        print("nothing to repair");
    } else {
        print(done.salvaged.text());
        if (!done.also.empty()) print(done.also);
        if (!done.set_aside.empty()) print("the damaged file is kept as " + done.set_aside);
    }
    return 0;
}

int store_backup(const StoreOptions& options) {
    const auto place = store_place(options);
    if (place.exit_code != 0) return place.exit_code;
    if (const auto done = store::backup(place.path, options.to); !done) return failed(done.error());
    const auto found = store::verify(options.to);
    if (!found) return failed(found.error());
    if (options.json)
        print(verified_json(*found));
    else
        print(options.to + "\n" + verified_text(*found));
    return found->clean() ? 0 : 1;
}

int store_wipe(const StoreOptions& options) {
    const auto place = store_place(options);
    if (place.exit_code != 0) return place.exit_code;
    if (!options.yes) {
        uint64_t unsent = 0;
        if (const auto all = store::overview(place.path))
            for (const auto& [name, position] : all->cursors)
                if (const uint64_t end = end_of(*all, name); name.starts_with("kafka:") && end > position)
                    unsent += end - position;
        return store_failed(store::kCommand,
                            base::format("this deletes {} and all history in it; {} records are not in Kafka yet. Say "
                                         "--yes if that is meant; a copy first: tributary store backup FILE",
                                         place.path, unsent));
    }
    const auto done = store::wipe(place.path, options.damaged_too);
    if (!done) return failed(done.error());
    std::string out;
    if (options.json) {
        JsonObject object(out);
        object.texts("removed", done->removed);
        object.end();
    } else {
        for (const auto& path : done->removed) out += "removed " + path + "\n";
    }
    print(out);
    return 0;
}

}  // namespace tributary::gateway
