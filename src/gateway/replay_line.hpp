// SPDX-License-Identifier: Apache-2.0
// What the inputs of `replay` share: Printer writes what Kafka would get, Line is one engine and beside it the
// forwarding of readings that the feeds do in the gateway. Replay's one thread. What it does not do: read files.
#pragma once

#include <algorithm>
#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <ostream>

#include "base/log.hpp"
#include "config/load.hpp"
#include "detect/detector.hpp"
#include "engine/engine.hpp"
#include "gateway/replay.hpp"
#include "gateway/replay_context.hpp"
#include "record/routing.hpp"

namespace tributary::gateway {

inline base::Error input_error(const std::string& file, uint64_t line, std::string_view what) {
    return {"TRB-REPLAY-001", base::format("{}:{}: {}", file, line, what)};
}

// Counts the logs and prints, in the order of emission; or hands the outputs to somebody and prints nothing.
class Printer final : public engine::Sink {
  public:
    using Watch = std::function<void(const model::Output&)>;
    Printer(const config::Settings& settings, std::ostream& out, Watch watch = {})
        : routing_(settings), source_(routing_.source("replay")), out_(out), watch_(std::move(watch)) {}

    void emit(model::Output&& output) override {
        if (watch_) return watch_(output);
        record::project(source_, output, ++seqs_[static_cast<size_t>(model::log_of(output))], record_);
        routing_.address(output, record_);
        print();
    }
    void score(std::string_view /*series*/, int64_t /*event_ns*/, double score, bool opened, bool alarm) override {
        said_.score = std::max(said_.score, score);
        said_.onset = std::max(said_.onset, opened ? score : std::min(score, detect::kNoAlarm));
        said_.alarm |= alarm;
    }
    void reading(const engine::Projected& p, uint64_t seq, uint32_t n, bool several,
                 std::span<const std::string> event_ids = {}) {
        if (watch_) return;
        record::project(source_, p.series, p.reading, p.stream->unit, p.stream->labels, seq, n, several, record_,
                        event_ids);
        routing_.address(*p.stream, p.series, record_);
        print();
    }
    void set_clock(model::ClockState state) { clock_ = state; }
    void raw(const config::StreamSettings& stream, const model::Message& message, uint64_t seq, int64_t arrival_ns) {
        if (watch_) return;
        record::project_raw(source_, message, seq, arrival_ns, clock_, true, record_);
        routing_.address(stream, message.topic, record_);
        print();
    }

    // By the detectors since the last call: the greatest score, the same but below 0.5 where no event opened, and
    // whether an event is open.
    struct Said {
        double score = 0, onset = 0;
        bool alarm = false;
    };
    Said take_said() { return std::exchange(said_, {}); }

  private:
    void print() { out_ << record::to_json_line(source_, record_) << '\n'; }

    const record::Routing routing_;
    const record::Source source_;
    std::ostream& out_;
    const Watch watch_;
    record::KafkaRecord record_;
    std::array<uint64_t, model::kLogNumbers> seqs_{};
    model::ClockState clock_ = model::ClockState::synced;
    Said said_;
};

// One engine, and beside it what kafka_loop does in the gateway: forwarded readings and raw context.
class Line final : engine::Sink {
  public:
    Line(const config::Settings& settings, Printer& printer, uint64_t& seq)
        : printer_(printer), seq_(seq), engine_(engine::make_engine()) {
        const std::string text = config::engine_text(settings);
        settings_ = std::make_shared<const config::Settings>(settings);
        projection_ = engine::make_projection(settings_);
        context_.configure(settings_);
        take(INT64_MIN, model::ConfigRecord{engine::kEngineVersion, text});
    }

    template <class Body>
    void take(int64_t arrival_ns, const Body& body) {
        model::IntakeRecord record;
        record.seq = ++seq_;
        record.arrival_ns = arrival_ns;
        record.body = body;
        if (const auto* message = record.message(); message != nullptr && !std::exchange(poison_, false)) {
            forward(*message, arrival_ns);
            context_.keep(*message, seq_, arrival_ns);
        }
        if (const auto* clock = std::get_if<model::ClockRecord>(&record.body)) {
            projection_->set_clock(clock->state);
            printer_.set_clock(clock->state);
            context_.set_clock(clock->state);
        }
        engine_->process(record, *this, ledger_);
        context_.trim(*engine_);
    }

    void skip_next() { engine_->skip(seq_ + 1), poison_ = true; }  // poison: nobody may look into it
    void flush() { engine_->flush(*this, ledger_); }
    bool wanted(std::string_view topic) { return !projection_->streams_of(topic).empty(); }

    // A new configuration; empty = fine.
    std::string reconfigure(int64_t arrival_ns, const model::ConfigRecord& record) {
        auto loaded = config::parse_engine_text(record.text);
        if (loaded.ok()) loaded.diagnostics = engine::validate(*loaded.settings);
        for (const auto& found : loaded.diagnostics)
            if (found.level == config::Diagnostic::Level::error) return found.message;
        settings_ = std::make_shared<const config::Settings>(std::move(*loaded.settings));
        projection_ = engine::make_projection(settings_);
        context_.configure(settings_);
        take(arrival_ns, record);
        return {};
    }

    // The newest event time the message brings itself, if any.
    std::optional<int64_t> device_time(const model::Message& message) {
        std::optional<int64_t> newest;
        for (const uint32_t stream : projection_->streams_of(message.topic)) {
            projection_->readings(message, INT64_MAX, stream, projected_);
            for (const auto& p : projected_)
                if (p.reading.mark == model::TimeMark::device)
                    newest = std::max(newest.value_or(INT64_MIN), p.reading.event_ns);
        }
        return newest;
    }

  private:
    void emit(model::Output&& output) override {
        const auto* range = std::get_if<model::ContextRange>(&output);
        if (range == nullptr) return printer_.emit(std::move(output));
        context_.readings(*range, [&](const engine::Projected& p, uint64_t seq, uint32_t n, bool several) {
            printer_.reading(p, seq, n, several, range->event_ids);
        });
    }
    void score(std::string_view series, int64_t event_ns, double score, bool opened, bool alarm) override {
        printer_.score(series, event_ns, score, opened, alarm);
    }

    void forward(const model::Message& message, int64_t arrival_ns) {
        const auto& streams = projection_->streams_of(message.topic);
        uint32_t count = 0;
        for (const bool counting : {true, false}) {
            uint32_t n = 0;
            for (const uint32_t index : streams) {
                const auto& stream = settings_->streams[index];
                if (stream.forwards(config::kForwardRaw)) {
                    if (!counting) printer_.raw(stream, message, seq_, arrival_ns);
                    n++;
                }
                if (!stream.forwards(config::kForwardAll) ||
                    !projection_->readings(message, arrival_ns, index, projected_))
                    continue;
                for (const auto& p : projected_) {
                    if (!counting) printer_.reading(p, seq_, n, count > 1);
                    n++;
                }
            }
            count = n;
        }
    }

    Printer& printer_;
    uint64_t& seq_;
    std::unique_ptr<engine::Engine> engine_;
    std::shared_ptr<const config::Settings> settings_;
    std::unique_ptr<engine::Projection> projection_;
    std::vector<engine::Projected> projected_;
    ReplayContext context_;
    bool poison_ = false;  // the next message is
    model::Ledger ledger_;
};

// All inputs through the configuration, in their order.
base::Result<> replay_inputs(const config::Settings& settings, const ReplayOptions& options, Printer& printer);

// Both configurations over the inputs: which alarms come, go, move. Exit code as replay()'s.
int replay_compare(const config::Settings& fresh, const config::Settings& running, const ReplayOptions& options,
                   std::ostream& out);

// The intake log of a store, as far as it is kept, through an engine: messages, clocks (repaired, as recorded), mutes.
// Its own configurations are passed over.
base::Result<> replay_store(Line& line, const std::string& path);

// One CSV through a fresh engine; seq goes on from file to file.
base::Result<> replay_csv(const config::Settings& settings, const ReplayOptions& options, Printer& printer,
                          uint64_t& seq, const std::string& path);

}  // namespace tributary::gateway
