// SPDX-License-Identifier: Apache-2.0
#include "engine/engine.hpp"

#include <algorithm>

#include "base/bytes.hpp"
#include "base/hash.hpp"
#include "base/log.hpp"
#include "codec/command.hpp"
#include "engine/floods.hpp"
#include "engine/mutes.hpp"
#include "engine/projection.hpp"
#include "engine/stream_state.hpp"

namespace tributary::engine {
namespace {

using codec::Reason;

constexpr std::string_view kMagic = "TRBE";

// Everything a checkpoint holds, so that restore() can build a second one aside and take it over whole.
struct State {
    std::string config_text;
    std::shared_ptr<const config::Settings> settings = std::make_shared<config::Settings>();
    std::vector<std::unique_ptr<StreamState>> streams;  // in the order of the settings
    std::unique_ptr<MessageProjection> projection = std::make_unique<MessageProjection>(settings);
    int64_t now_ns = -codec::kTimeLimitNs;  // the greatest arrival of this time epoch
    model::ClockState clock = model::ClockState::synced;
    uint32_t epoch = 0;
    bool clock_seen = false;
    bool connected = true;  // to the MQTT broker, as far as records say
    Mutes mutes;
    Floods floods;
};

// Nothing when the text is not a configuration this engine can run.
std::shared_ptr<const config::Settings> parse(std::string_view text) {
    config::Loaded loaded = config::parse_engine_text(text);
    if (!loaded.ok()) {
        for (const auto& found : loaded.diagnostics) base::log::error("configuration record: {}", found.message);
        return nullptr;
    }
    for (const auto& found : validate(*loaded.settings))
        if (found.level == config::Diagnostic::Level::error) {
            base::log::error("configuration record: {}", found.message);
            return nullptr;
        }
    return std::make_shared<const config::Settings>(std::move(*loaded.settings));
}

class StreamEngine final : public Engine {
  public:
    void process(const model::IntakeRecord& record, Sink& sink, model::Ledger& ledger) override {
        const int64_t arrival_ns = std::clamp(record.arrival_ns, -codec::kTimeLimitNs, codec::kTimeLimitNs);
        s_.now_ns = std::max(s_.now_ns, arrival_ns);
        // A record of another kind may be the first word after a stop: then the next one says that nobody was heard.
        const bool hears = record.message() != nullptr || std::holds_alternative<model::TickRecord>(record.body);
        Context context{sink, stats_, s_.settings->gateway.id, s_.mutes, s_.floods, s_.now_ns, record.seq, hears};
        if (const auto* message = record.message()) context.topic = message->topic;
        if (s_.now_ns >= bound_ns_) close_idle(context);
        if (const auto* message = record.message())
            on_message(*message, arrival_ns, context, ledger);
        else if (const auto* config = std::get_if<model::ConfigRecord>(&record.body))
            reconfigure(config->text, context);
        else if (const auto* clock = std::get_if<model::ClockRecord>(&record.body))
            on_clock(*clock, arrival_ns, context);
        else if (const auto* mute = std::get_if<model::MuteRecord>(&record.body))
            s_.mutes.set(mute->series, mute->until_ns, s_.now_ns);
        else if (const auto* session = std::get_if<model::SessionRecord>(&record.body))
            on_session(*session, context);
    }

    void skip(uint64_t seq) override { skips_.push_back(seq); }

    void flush(Sink& sink, model::Ledger& /*ledger*/) override {
        const Context context{sink, stats_, s_.settings->gateway.id, s_.mutes, s_.floods, s_.now_ns, 0};
        for (const auto& stream : s_.streams) stream->flush(context);
        s_.floods.close_due(context, true);
    }

    int64_t next_deadline_ns() const override {
        int64_t next = s_.floods.next_deadline_ns();
        for (const auto& stream : s_.streams) next = std::min(next, stream->next_deadline_ns());
        return next;
    }

    uint64_t context_floor() const override {
        uint64_t floor = UINT64_MAX;
        for (const auto& stream : s_.streams) floor = std::min(floor, stream->context_floor(s_.now_ns));
        return floor;
    }

    std::string checkpoint() const override;
    base::Result<> restore(std::string_view state) override;

    int64_t watermark_ns() const override {
        int64_t earliest = base::kNever;
        for (const auto& stream : s_.streams) earliest = std::min(earliest, stream->complete_until_ns());
        return earliest;
    }

    Stats stats() const override {
        Stats stats = stats_;
        for (const auto& stream : s_.streams) stream->count(stats);
        stats.mutes = s_.mutes.in_force(s_.now_ns);
        return stats;
    }

  private:
    void close_idle(const Context& context) {
        for (const auto& stream : s_.streams) stream->close_idle(context);
        s_.floods.close_due(context);
        renew_bound();
    }

    void renew_bound() {
        bound_ns_ = s_.floods.next_deadline_ns();
        for (const auto& stream : s_.streams) bound_ns_ = std::min(bound_ns_, stream->bound_ns());
    }

    void on_message(const model::Message& message, int64_t arrival_ns, const Context& context, model::Ledger& ledger) {
        stats_.messages++;
        const auto poison = std::find(skips_.begin(), skips_.end(), context.seq);
        const bool poisoned = poison != skips_.end();
        if (poisoned) skips_.erase(poison);
        if (message.topic == s_.settings->events.commands_topic && !message.topic.empty())
            return on_command(message, poisoned, arrival_ns, context, ledger);
        const auto& streams = s_.projection->streams_of(message.topic);
        if (streams.empty()) {
            ledger.received("");
            ledger.settle("", model::Fate::rejected);
            emit_dead(message, "", poisoned ? Reason::poison : Reason::no_stream, arrival_ns, context);
        }
        for (const uint32_t index : streams) in_stream(message, index, poisoned, arrival_ns, context, ledger);
    }

    // What somebody on the floor wants of us. A retained one would come again with every session.
    void on_command(const model::Message& message, bool poisoned, int64_t arrival_ns, const Context& context,
                    model::Ledger& ledger) {
        ledger.received("");
        const auto command = codec::parse_command(message.payload);
        const std::string_view wrong = poisoned         ? codec::info(Reason::poison).text
                                       : message.retain ? "a command must not be retained"
                                       : !command       ? std::string_view(command.error().message)
                                                        : obey(*command, context);
        ledger.settle("", wrong.empty() ? model::Fate::kept_local : model::Fate::rejected);
        if (wrong.empty()) return;
        emit_dead(message, "", poisoned ? Reason::poison : Reason::command, arrival_ns, context, wrong);
    }

    // "" or why not.
    std::string_view obey(const codec::Command& command, const Context& context) {
        if (command.what == codec::Command::What::acknowledge) {
            const Acknowledgement wanted{command.text, command.by};
            const bool known = std::any_of(s_.streams.begin(), s_.streams.end(),
                                           [&](const auto& stream) { return stream->acknowledge(wanted, context); });
            return known ? "" : "there is no such event, or a newer one of its series and detector";
        }
        s_.mutes.set(command.text, s_.now_ns + command.for_ns, s_.now_ns);
        return "";
    }

    void in_stream(const model::Message& message, uint32_t index, bool poisoned, int64_t arrival_ns,
                   const Context& context, model::Ledger& ledger) {
        StreamState& stream = *s_.streams[index];
        const auto& settings = stream.settings();
        ledger.received(settings.name);
        const bool raw = settings.forwards(config::kForwardRaw), all = settings.forwards(config::kForwardAll);
        if (raw && !all && !stream.consumes()) return;  // kafka settles it; nobody asks what is inside

        const Reason reason =
            poisoned ? Reason::poison
                     : s_.projection->project(message, arrival_ns, index, projected_, stats_.stamp_replaced);
        if (reason != Reason::none) {
            emit_dead(message, settings.name, reason, arrival_ns, context);
            if (!raw) ledger.settle(settings.name, model::Fate::rejected);
            return;
        }
        bool used = false, late = false, refused = false;
        for (const Projected& projected : projected_) {
            stats_.readings++;
            const Use use = stream.add(projected.series, projected.reading, context);
            used |= use == Use::used;
            late |= use == Use::late;
            refused |= use == Use::refused;
        }
        bound_ns_ = std::min({bound_ns_, stream.bound_ns(), s_.floods.next_deadline_ns()});
        if (raw || all) return;  // `forwarded` when kafka's cursor passes it
        if (refused) emit_dead(message, settings.name, Reason::series_limit, arrival_ns, context);
        const bool summarised = used && settings.forward != 0;
        ledger.settle(settings.name, summarised         ? model::Fate::summarised
                                     : refused && !used ? model::Fate::rejected
                                     : late && !used    ? model::Fate::late_only
                                                        : model::Fate::kept_local);
    }

    void emit_dead(const model::Message& message, std::string_view stream, Reason reason, int64_t arrival_ns,
                   const Context& context, std::string_view detail = {}) {
        model::DeadLetter dead;
        dead.stream = stream;
        dead.topic = message.topic;
        dead.reason = codec::info(reason).word;
        dead.detail = detail.empty() ? codec::info(reason).text : detail;
        dead.arrival_ns = arrival_ns;
        dead.seq = context.seq;
        dead.payload = message.payload.substr(0, model::kDeadPayloadBytes);
        dead.size = message.payload.size();
        dead.sha256 = base::sha256_hex(message.payload);
        context.sink.emit(std::move(dead));
        stats_.dead++;
    }

    // Streams of equal text go on with their state; what is not among the new ones closes its windows and events.
    void reconfigure(std::string_view text, const Context& context) {
        if (text == s_.config_text) return;
        auto settings = parse(text);
        if (settings == nullptr) return;  // logged; the log must have been written by something else
        std::vector<std::unique_ptr<StreamState>> streams(settings->streams.size());
        const bool same_gateway = settings->gateway.id == s_.settings->gateway.id;  // event ids depend on it
        for (auto& old : s_.streams) {
            const auto same = std::find_if(settings->streams.begin(), settings->streams.end(),
                                           [&](const auto& stream) { return stream.text == old->settings().text; });
            if (!same_gateway || same == settings->streams.end()) {
                old->flush(context);
                continue;
            }
            old->rebind(*same);
            streams[static_cast<size_t>(same - settings->streams.begin())] = std::move(old);
        }
        for (size_t i = 0; i < streams.size(); i++)
            if (streams[i] == nullptr) {
                streams[i] = std::make_unique<StreamState>(settings->streams[i]);
                streams[i]->listen(s_.connected, context.now_ns);
            }
        s_.streams = std::move(streams);
        s_.settings = std::move(settings);
        s_.config_text = text;
        s_.projection = std::make_unique<MessageProjection>(s_.settings);
        s_.projection->set_clock(s_.clock);
        s_.mutes.schedule(s_.settings->events.mutes);
        s_.floods.configure(s_.settings->events);
    }

    void on_clock(const model::ClockRecord& clock, int64_t arrival_ns, const Context& context) {
        // Behind a repaired stretch the numbers count steps that nobody has to see any more.
        const bool back = arrival_ns < s_.now_ns - model::kSmallStepNs;
        if (back || (s_.clock_seen && clock.epoch != s_.epoch && !clock.repaired)) {
            for (const auto& stream : s_.streams) stream->restart(s_.now_ns - arrival_ns, context);
            s_.floods.arrival_back(s_.now_ns - arrival_ns);
            s_.now_ns = arrival_ns;
            close_idle(context);  // renews the bound
        }
        s_.clock_seen = true;
        s_.epoch = clock.epoch;
        s_.clock = clock.state;
        s_.projection->set_clock(clock.state);
    }

    // While we are not connected nobody's silence means anything.
    void on_session(const model::SessionRecord& session, const Context& context) {
        s_.connected = session.connected;
        for (const auto& stream : s_.streams) stream->listen(session.connected, context.now_ns);
        close_idle(context);
    }

    State s_;
    int64_t bound_ns_ = base::kNever;  // at most the next idle deadline
    std::vector<uint64_t> skips_;
    std::vector<Projected> projected_;
    Stats stats_;
};

std::string StreamEngine::checkpoint() const {
    std::string out(kMagic);
    base::put_text(out, kEngineVersion);
    base::put_text(out, s_.config_text);
    base::put_signed(out, s_.now_ns);
    out.push_back(static_cast<char>(s_.clock));
    base::put_varint(out, s_.epoch);
    out.push_back(s_.clock_seen ? 1 : 0);
    out.push_back(s_.connected ? 1 : 0);
    s_.mutes.save(out);
    s_.floods.save(out);
    for (const auto& stream : s_.streams) stream->save(out);
    base::put_varint(out, base::crc32c(out));
    return out;
}

base::Result<> StreamEngine::restore(std::string_view state) {
    const base::Error damaged{"TRB-ENGINE-001", "The checkpoint is damaged; the engine rebuilds from the intake log."};
    base::ByteReader in(state);
    if (in.take(kMagic.size()) != kMagic) return damaged;
    if (const auto version = in.text(); !in.ok() || version != kEngineVersion)
        return base::Error{"TRB-ENGINE-002", base::format("The checkpoint is of engine version {}, this is {}.",
                                                          in.ok() ? version : "?", kEngineVersion)};
    State fresh;
    fresh.config_text = in.text();
    fresh.now_ns = std::clamp(in.signed_varint(), -codec::kTimeLimitNs, codec::kTimeLimitNs);
    fresh.clock = static_cast<model::ClockState>(std::min<uint8_t>(in.byte(), 3));
    fresh.epoch = static_cast<uint32_t>(in.varint());
    fresh.clock_seen = in.byte() != 0;
    fresh.connected = in.byte() != 0;
    fresh.mutes.load(in);
    fresh.floods.load(in);
    if (!in.ok()) return damaged;
    if (!fresh.config_text.empty()) {
        auto settings = parse(fresh.config_text);
        if (settings == nullptr) return damaged;
        fresh.settings = std::move(settings);
        fresh.projection = std::make_unique<MessageProjection>(fresh.settings);
        fresh.projection->set_clock(fresh.clock);
        fresh.mutes.schedule(fresh.settings->events.mutes);
        fresh.floods.configure(fresh.settings->events);
    }
    for (const auto& stream : fresh.settings->streams) {
        fresh.streams.push_back(std::make_unique<StreamState>(stream));
        if (!fresh.streams.back()->load(in)) return damaged;
    }
    const size_t covered = state.size() - in.left();
    const uint64_t crc = in.varint();
    if (!in.ok() || !in.at_end() || crc != base::crc32c(state.substr(0, covered))) return damaged;
    s_ = std::move(fresh);
    skips_.clear();
    renew_bound();
    return {};
}

}  // namespace

std::unique_ptr<Engine> make_engine() { return std::make_unique<StreamEngine>(); }

}  // namespace tributary::engine
