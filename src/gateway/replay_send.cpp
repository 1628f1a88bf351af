// SPDX-License-Identifier: Apache-2.0
#include "gateway/replay_send.hpp"

#include <unistd.h>

#include <array>
#include <iostream>

#include "base/log.hpp"
#include "base/text.hpp"
#include "config/load.hpp"
#include "gateway/log_range.hpp"
#include "gateway/resend.hpp"
#include "gateway/store_commands.hpp"
#include "kafka/mock_cluster.hpp"
#include "record/json.hpp"

namespace tributary::gateway {
namespace {

// In the order in which the gateway sends them.
constexpr std::array kSent{model::Log::events,  model::Log::context, model::Log::windows,
                           model::Log::reduced, model::Log::late,    model::Log::dead,
                           model::Log::gaps,    model::Log::thinned, model::Log::intake};

struct Plan {
    std::vector<Wanted> wanted;
    std::vector<store::LostRange> missing;
    std::vector<std::string> remarks;  // for people
};

base::Result<std::vector<model::Log>> logs_of(const ReplaySendOptions& options, bool numbered) {
    if (options.logs.empty() && !numbered) return std::vector<model::Log>(kSent.begin(), kSent.end());
    if (options.logs.empty()) return std::vector{model::Log::intake};
    std::vector<model::Log> logs;
    for (const auto log : kSent)
        if (std::find(options.logs.begin(), options.logs.end(), model::log_name(log)) != options.logs.end())
            logs.push_back(log);
    if (numbered && logs.size() > 1)
        return base::Error{"", "numbers of records count within one log: name one with --log, or give times"};
    return logs;
}

base::Result<Plan> make_plan(store::Reader& reader, const std::vector<model::Log>& logs, const Border& from,
                             const Border& to) {
    Plan plan;
    auto cursors = reader.cursors();
    if (!cursors) return cursors.error();
    for (const auto log : logs) {
        auto end = log == model::Log::intake ? base::Result<uint64_t>((*cursors)["engine"]) : reader.next_seq(log);
        if (!end) return end.error();
        const auto found = find_range(reader, log, from, to, std::max<uint64_t>(*end, 1));
        if (!found) return found.error();
        if (found->empty()) continue;
        plan.wanted.push_back({log, found->from, found->to, {}});
        plan.missing.insert(plan.missing.end(), found->missing.begin(), found->missing.end());
        if (found->kept_from_ns)
            plan.remarks.push_back(base::format("{} is kept from {} on; what was before is not in the store any more",
                                                model::log_name(log),
                                                base::format_time_ms(base::ns_to_ms(*found->kept_from_ns))));
        if (found->thinned)
            plan.remarks.push_back(
                "some messages of the range had to make room; summaries (thinned) and gaps tell which");
    }
    return plan;
}

std::map<std::string, uint64_t> topics_of(const Selection& selection) {
    std::map<std::string, uint64_t> topics;
    for (const auto& feed : selection.feeds())
        for (const auto& [topic, count] : feed->topics()) topics[topic] += count;
    return topics;
}

// A feed that ended before its end could not read on.
void note_unread(const Selection& selection, Plan& plan) {
    for (const auto& feed : selection.feeds())
        if (feed->furthest() < feed->to()) {
            const auto from = std::max(feed->furthest() + 1, feed->from());
            const bool known = std::any_of(plan.missing.begin(), plan.missing.end(), [&](const auto& gone) {
                return gone.log == feed->log() && gone.from <= from && gone.to >= feed->to();
            });
            if (!known) plan.missing.push_back({feed->log(), from, feed->to()});
        }
}

void report(const ReplaySendOptions& options, const config::Settings& settings, const Selection& selection,
            const Plan& plan, const Resent& sent) {
    uint64_t found = 0;
    std::string by_topic;
    const auto topics = topics_of(selection);
    for (const auto& [topic, count] : topics) {
        found += count;
        by_topic += base::format("{}{} {}", by_topic.empty() ? "" : ", ", topic, count);
    }
    if (options.json) {
        std::string out;
        record::JsonObject object(out);
        object.boolean("dry_run", options.dry_run).integer("records", found).integer("delivered", sent.delivered);
        object.integer("refused", uint64_t{sent.refused.size()}).boolean("interrupted", sent.interrupted);
        record::JsonObject counts(object.key("topics"));
        for (const auto& [topic, count] : topics) counts.integer(topic, count);
        counts.end();
        object.text("missing", plan.missing.empty() ? "" : store::text_of(plan.missing));
        object.texts("remarks", plan.remarks).end();
        std::cout << out << '\n';
        return;
    }
    const auto in_topics = by_topic.empty() ? "" : " (" + by_topic + ")";
    if (options.dry_run)
        std::cout << base::format("{} records would be sent{}\n", found, in_topics);
    else
        std::cout << base::format("{} of {} records delivered to {}{}, {} refused\n", sent.delivered, found,
                                  settings.kafka.brokers, in_topics, sent.refused.size());
}

int usage(const std::string& text) {
    std::cerr << "tributary replay --send: " << text << '\n';
    return 2;
}

}  // namespace

int replay_send(const ReplaySendOptions& options) {
    auto loaded = config::load(options.config_path);
    std::cerr << config::render(loaded.diagnostics);
    if (!loaded.ok()) return 2;
    const auto settings = for_resend(std::move(*loaded.settings), options.brokers);
    const auto from = border(options.from), to = border(options.until);
    if (!from || !to) return usage("--from and --to are numbers of records or times like 2026-05-01T12:00:00Z");
    const auto logs = logs_of(options, from->seq || to->seq);
    if (!logs) return usage(logs.error().message);
    const auto failed = [](const base::Error& error) { return store_failed(error.code, error.message); };
    if (auto other = kafka::beside_the_gateway(settings.kafka); !other && !options.dry_run)
        return failed(other.error());
    auto reader = store::Reader::open(options.path);
    if (!reader) return failed(reader.error());
    if (const auto same = same_gateway(**reader, settings, options.path); !same) return failed(same.error());
    auto plan = make_plan(**reader, *logs, *from, *to);
    if (!plan) return failed(plan.error());
    metrics::Registry metrics;
    auto selection = Selection::open(options.path, settings, plan->wanted, true, metrics);
    if (!selection) return failed(selection.error());
    Resent sent;
    const EndSignals signals;
    if (options.dry_run) {
        for (const auto& feed : (**selection).feeds())
            for (kafka::Item item; !sent.interrupted && !feed->ended();) {
                feed->next(item);
                if (item.seq % 1024 == 0) sent.interrupted = signals.came(0);
            }
    } else {
        auto done = resend(settings, **selection, metrics, signals, {isatty(STDERR_FILENO) != 0, 0});
        if (!done) return failed(done.error());
        sent = std::move(*done);
    }
    if (!sent.interrupted) note_unread(**selection, *plan);
    for (const auto& remark : plan->remarks) std::cerr << remark << '\n';
    for (const auto& one : sent.refused)
        std::cerr << base::format("{} {} was refused by {}: {}\n", model::log_name(one.source), one.seq, one.topic,
                                  one.detail);
    if (!plan->missing.empty())
        std::cerr << "TRB-REPLAY-003: not in the store any more: " << store::text_of(plan->missing) << '\n';
    report(options, settings, **selection, *plan, sent);
    if (sent.interrupted) std::cerr << "interrupted; the same command begins anew, with the same ids\n";
    return sent.complete() && sent.refused.empty() && plan->missing.empty() ? 0 : 1;
}

}  // namespace tributary::gateway
