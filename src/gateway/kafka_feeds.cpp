// SPDX-License-Identifier: Apache-2.0
#include "gateway/kafka_feeds.hpp"

#include <algorithm>
#include <array>

namespace tributary::gateway {
namespace {

constexpr uint64_t kInDoubt = 65'536;  // seqs of intake
// These may go out of order. The other logs are few records, and somebody waits for them.
constexpr std::array kApart{model::Log::windows, model::Log::reduced, model::Log::intake};

}  // namespace

// Events first: they are few, and somebody waits for them; then what explains them. The backlog last.
base::Result<> KafkaFeeds::make(const config::Settings& settings, const std::string& incarnation, BlockSource& source,
                                Writer& writer, const std::function<uint64_t()>& engine_position,
                                metrics::Registry& metrics) {
    auto cursors = source.reader().cursors();
    auto meta = source.reader().meta();
    if (!cursors) return cursors.error();
    if (!meta) return meta.error();
    const auto& kafka = settings.kafka;
    const auto cursor = [&](model::Log log) { return std::max<uint64_t>((*cursors)[cursor_of(kafka, log)], 1); };
    const auto known = [&](model::Log log) {
        if (kafka.mirror) return kafka::Known{0, kLogEnd};
        return kafka::Known{(*cursors)[has_cursor(log)], (*cursors)[counted_cursor(log)]};
    };
    const record::Routing routing(settings);
    // What a mirror reads may be thinned all the same: it must not cost the first cluster room.
    Claims* const claims = kafka.mirror ? nullptr : &writer.claims();
    const auto output = [&](model::Log log, uint64_t from, Part part = {}) {
        auto feed = std::make_unique<OutputFeed>(log, from, source, routing, part);
        feed->note_damage(damage_);
        feed->known = known(feed->log());
        feeds_.push_back(std::move(feed));
    };
    const auto intake = [&](uint64_t from, Part part) {
        part.claims = claims;
        auto feed = std::make_unique<IntakeFeed>(from, source, routing, engine_position, part);
        feed->note_damage(damage_);
        feed->known = known(feed->log());
        feeds_.push_back(std::move(feed));
    };
    std::map<model::Log, Part> parts;
    for (const auto log : kApart) {
        if (kafka.mirror) break;  // in order
        const std::string text = (*meta)[CatchUp::key(model::log_name(log))];
        auto state = std::make_unique<CatchUp>(cursor(log), text);
        // What was left before the setting was changed still goes that way.
        if (!kafka.live_first() && state->left().empty()) continue;
        if (log == model::Log::intake) {
            for (const auto& stretch : state->left()) claims->leave(log, stretch);
            claims->set(log, state->live_cursor());
            claims->end_read(log, state->backfill_cursor(), Claims::Lane::backfill);
        }
        parts[log] = {nullptr, state.get(), false, kafka.live_first() ? uint64_t(kafka.backfill_min) : kLogEnd};
        apart_[log] = {std::move(state), !text.empty()};
    }
    const auto live_cursor = [&](model::Log log) {
        return apart_.count(log) > 0 ? apart_[log].state->live_cursor() : cursor(log);
    };
    if (claims != nullptr)
        for (const auto log : {model::Log::intake, model::Log::thinned})
            claims->set(log, std::max(known(log).has, known(log).counted));
    // What Kafka has committed beyond our cursor is not known before it answers; at most its window of records.
    if (kafka.exactly_once() && claims != nullptr)
        claims->set(model::Log::intake, cursor(model::Log::intake) + kInDoubt);
    output(model::Log::events, cursor(model::Log::events));
    auto context = std::make_unique<ContextFeed>(cursor(model::Log::context), source, routing, metrics);
    context_ = context.get();
    context->note_damage(damage_);
    context->known = known(model::Log::context);
    feeds_.push_back(std::move(context));
    for (const auto log : {model::Log::windows, model::Log::reduced}) output(log, live_cursor(log), parts[log]);
    for (const auto log : {model::Log::late, model::Log::dead, model::Log::gaps}) output(log, cursor(log));
    // Summaries are of nothing but the backlog.
    output(model::Log::thinned, cursor(model::Log::thinned), {claims, nullptr, kafka.live_first()});
    auto status = std::make_unique<StatusFeed>(routing, incarnation);
    status_ = status.get();
    feeds_.push_back(std::move(status));
    intake(live_cursor(model::Log::intake), parts[model::Log::intake]);
    for (const auto log : kApart) {
        const auto apart = apart_.find(log);
        if (apart == apart_.end()) continue;
        const Part part{nullptr, apart->second.state.get(), true};
        const uint64_t from = apart->second.state->backfill_cursor();
        log == model::Log::intake ? intake(from, part) : output(log, from, part);
    }
    return {};
}

base::Result<std::unique_ptr<KafkaFeeds>> KafkaFeeds::create(const config::Settings& settings,
                                                             const std::string& incarnation, BlockSource& source,
                                                             Writer& writer,
                                                             const std::function<uint64_t()>& engine_position,
                                                             metrics::Registry& metrics) {
    auto feeds = std::make_unique<KafkaFeeds>();
    if (auto made = feeds->make(settings, incarnation, source, writer, engine_position, metrics); !made)
        return made.error();
    return feeds;
}

std::vector<kafka::Feed*> KafkaFeeds::list() const {
    std::vector<kafka::Feed*> out;
    for (const auto& feed : feeds_) out.push_back(feed.get());
    return out;
}

std::optional<std::string> KafkaFeeds::catch_up(model::Log log) {
    const auto apart = apart_.find(log);
    if (apart == apart_.end()) return std::nullopt;
    auto text = apart->second.state->text();
    if (text.empty() && !apart->second.stored) return std::nullopt;
    apart->second.stored = !text.empty();
    return text;
}

uint64_t KafkaFeeds::backlog() const {
    uint64_t sum = 0;
    for (const auto& [log, apart] : apart_) sum += apart.state->owed();
    return sum;
}

}  // namespace tributary::gateway
