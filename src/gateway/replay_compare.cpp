// SPDX-License-Identifier: Apache-2.0
// `replay --compare`: the alarms of two configurations over the same inputs. An alarm is an event from open to closed.
// Two are the same alarm when they are of one series and overlap in time, rather of one detector than of two.
#include <algorithm>
#include <iostream>
#include <map>

#include "base/text.hpp"
#include "gateway/replay_line.hpp"
#include "record/json.hpp"

namespace tributary::gateway {
namespace {

struct Alarm {
    std::string series, detector, kind;
    model::Severity severity = model::Severity::warning;
    int64_t start_ns = 0;
    std::optional<int64_t> end_ns;  // none: still open at the end of the input
    double score = 0;
    const Alarm* partner = nullptr;

    bool overlaps(const Alarm& other) const {
        return start_ns <= other.end_ns.value_or(INT64_MAX) && other.start_ns <= end_ns.value_or(INT64_MAX);
    }
    bool same_times(const Alarm& other) const { return start_ns == other.start_ns && end_ns == other.end_ns; }
};

// In order of (series, start).
base::Result<std::vector<Alarm>> alarms_of(const config::Settings& given, const ReplayOptions& options) {
    config::Settings settings = given;
    for (auto& stream : settings.streams) {  // whether they would be sent is not the question
        stream.forward |= config::kForwardEvents;
        stream.text = config::stream_text(stream);
    }
    std::map<std::string, size_t> known;  // event id -> its place
    std::vector<Alarm> alarms;
    Printer printer(settings, std::cout, [&](const model::Output& output) {
        const auto* event = std::get_if<model::Event>(&output);
        if (event == nullptr) return;
        const auto [place, fresh] = known.emplace(event->event_id, alarms.size());
        if (fresh)
            alarms.push_back({event->origin.series, event->detector, event->kind, event->severity, event->start_ns,
                              std::nullopt, 0, nullptr});
        Alarm& alarm = alarms[place->second];
        alarm.score = std::max(alarm.score, event->score);
        if (event->state == model::EventState::closed) alarm.end_ns = event->end_ns;
    });
    if (const auto done = replay_inputs(settings, options, printer); !done) return done.error();
    std::stable_sort(alarms.begin(), alarms.end(), [](const Alarm& a, const Alarm& b) {
        return a.series != b.series ? a.series < b.series : a.start_ns < b.start_ns;
    });
    return alarms;
}

void pair_up(std::vector<Alarm>& before, std::vector<Alarm>& after) {
    for (const bool same_detector : {true, false})
        for (Alarm& alarm : after) {
            if (alarm.partner != nullptr) continue;
            const auto of_series = std::lower_bound(before.begin(), before.end(), alarm.series,
                                                    [](const Alarm& a, const std::string& s) { return a.series < s; });
            for (auto at = of_series; at != before.end() && at->series == alarm.series; ++at) {
                if (at->partner != nullptr || !at->overlaps(alarm)) continue;
                if (same_detector && at->detector != alarm.detector) continue;
                at->partner = &alarm, alarm.partner = &*at;
                break;
            }
        }
}

std::string time_text(int64_t ns) { return base::format_time_ms(base::ns_to_ms(ns)); }
std::string words(const Alarm& alarm) {
    return base::format("{} {} {}..{} score {:.2f}", alarm.detector, alarm.kind, time_text(alarm.start_ns),
                        alarm.end_ns ? time_text(*alarm.end_ns) : "", alarm.score);
}

void json_of(record::JsonObject& parent, std::string_view name, const Alarm& alarm) {
    record::JsonObject one(parent.key(name));
    one.text("detector", alarm.detector)
        .text("kind", alarm.kind)
        .text("severity", model::severity_name(alarm.severity));
    one.integer("start", base::ns_to_ms(alarm.start_ns));
    if (alarm.end_ns) one.integer("end", base::ns_to_ms(*alarm.end_ns));
    one.number("score", alarm.score).end();
}

// One alarm on either side or on both, in the order of (series, time).
struct Row {
    const Alarm* before;
    const Alarm* after;
    const Alarm& any() const { return after != nullptr ? *after : *before; }
    std::string_view what() const {
        if (before == nullptr) return "comes";
        if (after == nullptr) return "goes";
        return before->same_times(*after) ? "same" : "moves";
    }
};

std::vector<Row> rows_of(const std::vector<Alarm>& before, const std::vector<Alarm>& after) {
    std::vector<Row> rows;
    rows.reserve(before.size() + after.size());
    for (const Alarm& alarm : after) rows.push_back({alarm.partner, &alarm});
    for (const Alarm& alarm : before)
        if (alarm.partner == nullptr) rows.push_back({&alarm, nullptr});
    std::stable_sort(rows.begin(), rows.end(), [](const Row& a, const Row& b) {
        return a.any().series != b.any().series ? a.any().series < b.any().series : a.any().start_ns < b.any().start_ns;
    });
    return rows;
}

void print_json(const std::vector<Row>& rows, std::map<std::string_view, size_t> counts, std::ostream& out) {
    std::string text;
    record::JsonObject top(text);
    for (const auto* what : {"same", "moves", "comes", "goes"}) top.integer(what, static_cast<uint64_t>(counts[what]));
    std::string& list = top.key("alarms");
    list += '[';
    for (size_t i = 0; i < rows.size(); i++) {
        list += i == 0 ? "\n " : ",\n ";
        record::JsonObject one(list);
        one.text("what", rows[i].what()).text("series", rows[i].any().series);
        if (rows[i].before != nullptr) json_of(one, "running", *rows[i].before);
        if (rows[i].after != nullptr) json_of(one, "new", *rows[i].after);
        one.end();
    }
    list += ']';
    top.end();
    out << text << '\n';
}

void print_text(const std::vector<Row>& rows, std::map<std::string_view, size_t> counts, std::ostream& out) {
    for (const Row& row : rows) {
        if (row.what() == "same") continue;
        out << base::format("{:<6} {}\n", row.what(), row.any().series);
        if (row.before != nullptr) out << "       running  " << words(*row.before) << '\n';
        if (row.after != nullptr) out << "       new      " << words(*row.after) << '\n';
    }
    out << base::format("{} alarms come, {} go, {} move, {} stay as they are\n", counts["comes"], counts["goes"],
                        counts["moves"], counts["same"]);
}

}  // namespace

int replay_compare(const config::Settings& fresh, const config::Settings& running, const ReplayOptions& options,
                   std::ostream& out) {
    if (std::find(options.inputs.begin(), options.inputs.end(), "-") != options.inputs.end()) {
        std::cerr << "TRB-REPLAY-001: standard input can be read only once; give --compare a file\n";
        return 2;
    }
    auto before = alarms_of(running, options), after = alarms_of(fresh, options);
    for (const auto* side : {&before, &after})
        if (!*side) {
            std::cerr << side->error().text() << '\n';
            return 1;
        }
    pair_up(*before, *after);
    const auto rows = rows_of(*before, *after);
    std::map<std::string_view, size_t> counts;
    for (const Row& row : rows) counts[row.what()]++;
    (options.json ? print_json : print_text)(rows, counts, out);
    return 0;
}

}  // namespace tributary::gateway
