// SPDX-License-Identifier: Apache-2.0
#include "engine/stream_state.hpp"

#include <algorithm>
#include <cstring>

#include "base/log.hpp"
#include "codec/codec.hpp"

namespace tributary::engine {

namespace {

// How long a range waits for readings out of order.
int64_t context_lateness(const config::StreamSettings& settings) {
    constexpr int64_t kMost = 5 * 60 * base::kNsPerSecond;
    int64_t lateness_ns = 0;
    for (const auto& window : settings.windows) lateness_ns = std::max(lateness_ns, window.lateness_ns);
    return std::min(lateness_ns, kMost);
}

}  // namespace

StreamState::StreamState(const config::StreamSettings& settings)
    : settings_(&settings), windows_(settings), alarms_(settings) {
    for (size_t i = 0; i < settings.detectors.size(); i++) {
        const auto& wanted = settings.detectors[i];
        const detect::DetectorType* type = detect::find_type(wanted.type);
        TRB_ASSERT(type != nullptr);  // validate() refused it
        if (type->make == nullptr) {
            groups_.emplace_back(settings, i);
            continue;
        }
        Stage stage{type->make(wanted.options), i, stride_, false};
        stage.watches_silence = stage.detector->watches_silence();
        constexpr size_t kAlign = alignof(std::max_align_t);
        stride_ += (stage.detector->state_bytes() + kAlign - 1) / kAlign * kAlign;
        stages_.push_back(std::move(stage));
    }
    if (settings.downsample) thinning_ = std::make_unique<Thinning>(settings);
    if (!settings.context) return;
    ranges_ = std::make_unique<ContextRanges>(*settings.context, context_lateness(settings));
    alarms_.tell([this](const Alarms::Place& place, const model::Event& event, const Context& context) {
        on_event(place, event, context);
    });
}

void StreamState::rebind(const config::StreamSettings& settings) {
    settings_ = &settings;
    for (Groups& groups : groups_) groups.rebind(settings);
}

model::Origin StreamState::origin(model::SeriesId series) const {
    return {series_.name(series), settings_->name, settings_->unit, settings_->labels};
}

Use StreamState::add(std::string_view name, const model::Reading& reading, const Context& context) {
    const bool number = reading.value.kind != model::ValueKind::text;
    const bool windowed = windows_.takes(reading.value.kind), detected = number && !settings_->detectors.empty();
    if (!windowed && !detected && !thinning_ && !ranges_) return Use::none;
    const auto series = admit(name, context);
    if (!series) return Use::refused;
    ahead_ns_[*series] =
        std::max(ahead_ns_[*series], reading.mark == model::TimeMark::device ? reading.event_ns : base::kNever);
    if (ranges_) ranges_->reading(*series, reading.event_ns, context.seq, context.now_ns);
    if (!windowed && !detected && !thinning_) return Use::none;
    const bool kept = thinning_ && thin(*series, reading, context);
    if (windowed) {
        late_.clear();
        const uint32_t taken = windows_.add(*series, reading, context.now_ns, closed_, late_);
        if (!closed_.empty()) emit_closed(context);
        for (const stream::Late& missed : late_)
            emit_late(*series, reading, settings_->windows[missed.window].name, missed.end_ns, context);
        if (taken == 0) return kept ? Use::used : Use::late;
    }
    if (detected) detect(*series, reading, context);
    if (ranges_) follow_context(*series, context);
    return kept || windowed || detected ? Use::used : Use::late;
}

// The number of a series; nothing for one too many.
std::optional<model::SeriesId> StreamState::admit(std::string_view name, const Context& context) {
    auto series = series_.find(name);
    if (!series) {
        const auto most = static_cast<size_t>(settings_->max_series);
        if (series_.known() >= most) forget_silent(context);
        if (series_.known() >= most) {
            context.stats.series_refused++;
            return std::nullopt;
        }
        series = series_.intern(name);
        if (last_arrival_ns_.size() <= *series) {
            last_arrival_ns_.resize(*series + 1);
            ahead_ns_.resize(*series + 1, INT64_MIN);
        }
    }
    last_arrival_ns_[*series] = context.now_ns;
    return series;
}

// Gives the places of silent series away. A flood of new names walks the series once, not once a name: none can have
// been silent long enough before the one that is silent for longest now.
void StreamState::forget_silent(const Context& context) {
    if (settings_->forget_ns == 0 || context.now_ns < nobody_silent_before_ns_) return;
    nobody_silent_before_ns_ = base::kNever;
    for (model::SeriesId id = 0; id < series_.size(); id++) {
        if (last_arrival_ns_[id] == base::kNever) continue;  // released
        const int64_t silent_ns = last_arrival_ns_[id] + settings_->forget_ns;
        if (silent_ns <= context.now_ns)
            forget(id, context);
        else
            nobody_silent_before_ns_ = std::min(nobody_silent_before_ns_, silent_ns);
    }
}

void StreamState::forget(model::SeriesId series, const Context& context) {
    windows_.forget(series, closed_);
    emit_closed(context);
    if (thinning_) {
        flush_reduced(series, context);
        thinning_->forget(series);
    }
    if (series < newest_ns_.size()) {
        for (size_t i = 0; i < stages_.size(); i++) {
            alarms_.close(place(series, i), newest_ns_[series], context);
            silence_.forget(series * stages_.size() + i);
        }
        std::fill_n(bytes_.begin() + static_cast<std::ptrdiff_t>(series * stride_), stride_, std::byte{});
        newest_ns_[series] = INT64_MIN;
    }
    for (Groups& groups : groups_) groups.forget(series, context);
    if (ranges_) end_context(series, context);
    series_.release(series);
    last_arrival_ns_[series] = base::kNever;
    ahead_ns_[series] = INT64_MIN;
    context.stats.series_forgotten++;
}

void StreamState::emit_closed(const Context& context) {
    if (settings_->forwards(config::kForwardWindows)) {
        for (stream::Closed& closed : closed_) {
            closed.record.origin = origin(closed.series);
            closed.record.window = settings_->windows[closed.window].name;
            context.sink.emit(std::move(closed.record));
            context.stats.windows++;
        }
    }
    closed_.clear();
}

void StreamState::emit_late(model::SeriesId series, const model::Reading& reading, const std::string& missed,
                            int64_t end_ns, const Context& context) {
    model::LateReading late;
    late.origin = origin(series);
    late.event_ns = reading.event_ns;
    late.kind = reading.value.kind;
    late.number = reading.value.number;
    late.text = reading.value.text;
    late.window = missed;
    late.window_end_ns = end_ns;
    late.seq = context.seq;
    late.mark = reading.mark;
    context.sink.emit(std::move(late));
    context.stats.late++;
}

void StreamState::detect(model::SeriesId series, const model::Reading& reading, const Context& context) {
    if (newest_ns_.size() <= series) {
        newest_ns_.resize(series + 1, INT64_MIN);
        bytes_.resize(newest_ns_.size() * stride_);
        alarms_.resize(newest_ns_.size() * stages_.size());
    }
    newest_ns_[series] = std::max(newest_ns_[series], reading.event_ns);
    for (size_t i = 0; i < stages_.size(); i++) {
        const Stage& stage = stages_[i];
        const size_t slot = series * stages_.size() + i;
        std::byte* const state = state_of(series, i);
        if (stage.watches_silence && silence_.was_away(slot)) stage.detector->was_away(state);
        const auto finding = stage.detector->update(state, reading.event_ns, reading.value.number);
        if (stage.watches_silence)
            silence_.arrived(slot, context.now_ns, stage.detector->arrived(state, context.now_ns), reading.mark);
        const bool opened =
            alarms_.settle(place(series, i), finding, reading.event_ns, reading.value.number, reading.mark, context);
        context.sink.score(series_.name(series), reading.event_ns, finding.score, opened, alarms_.is_open(slot));
    }
    for (Groups& groups : groups_) groups.add(series, series_.name(series), reading, context);
}

void StreamState::ask_silent(const Context& context) {
    while (const auto slot = context.hears ? silence_.next_due(context.now_ns) : std::nullopt) {
        const auto series = static_cast<model::SeriesId>(*slot / stages_.size());
        const size_t i = *slot % stages_.size();
        const auto silent = stages_[i].detector->on_silence(state_of(series, i));
        alarms_.settle(place(series, i), silent.finding, silent.finding.since_ns.value_or(newest_ns_[series]),
                       silent.value, silence_.mark(*slot), context);
        if (ranges_) follow_context(series, context);
    }
}

bool StreamState::acknowledge(const Acknowledgement& wanted, const Context& context) {
    for (size_t slot = 0; slot < newest_ns_.size() * stages_.size(); slot++)
        if (alarms_.acknowledge(place(static_cast<model::SeriesId>(slot / stages_.size()), slot % stages_.size()),
                                wanted, context))
            return true;
    return std::any_of(groups_.begin(), groups_.end(),
                       [&](Groups& groups) { return groups.acknowledge(wanted, context); });
}

// An event that is put out wants its context.
void StreamState::on_event(const Alarms::Place& place, const model::Event& event, const Context& context) {
    const auto series = static_cast<model::SeriesId>(place.slot / stages_.size());
    if (event.state == model::EventState::open)
        ranges_->opened(series, place.detector, event.event_id, event.start_ns, context.now_ns, parts_);
    if (event.state == model::EventState::closed) ranges_->closed(series, place.detector, *event.end_ns);
}

// Behind the detectors: what their events want.
void StreamState::follow_context(model::SeriesId series, const Context& context) {
    ranges_->settle(series, parts_);
    emit_parts(context);
}

void StreamState::end_context(model::SeriesId series, const Context& context) {
    ranges_->finish(series, parts_);
    emit_parts(context);
    ranges_->forget(series);
}

void StreamState::emit_parts(const Context& context) {
    for (ContextRanges::Part& part : parts_) {
        part.range.origin = origin(part.series);
        context.sink.emit(std::move(part.range));
        context.stats.contexts++;
    }
    parts_.clear();
}

void StreamState::close_idle(const Context& context) {
    windows_.close_idle(context.now_ns, closed_);
    emit_closed(context);
    ask_silent(context);
    if (ranges_) ranges_->close_idle(context.now_ns, parts_);
    emit_parts(context);
    if (!thinning_) return;
    while (const auto series = thinning_->flush_due(context.now_ns, reduced_)) emit_reduced(*series, context);
}

void StreamState::flush(const Context& context) {
    windows_.flush(closed_);
    emit_closed(context);
    for (model::SeriesId series = 0; series < newest_ns_.size(); series++)
        for (size_t i = 0; i < stages_.size(); i++) alarms_.close(place(series, i), newest_ns_[series], context);
    for (Groups& groups : groups_) groups.flush(context);
    for (model::SeriesId series = 0; thinning_ && series < series_.size(); series++) flush_reduced(series, context);
    for (model::SeriesId series = 0; ranges_ && series < series_.size(); series++) ranges_->finish(series, parts_);
    emit_parts(context);
}

void StreamState::restart(int64_t back_ns, const Context& context) {
    const int64_t most_ns = context.now_ns - back_ns + settings_->max_ahead_ns;
    for (model::SeriesId series = 0; series < ahead_ns_.size(); series++) {
        if (last_arrival_ns_[series] != base::kNever) last_arrival_ns_[series] -= back_ns;
        if (ahead_ns_[series] <= most_ns) continue;
        ahead_ns_[series] = INT64_MIN;
        windows_.forget(series, closed_);
        if (thinning_) {
            flush_reduced(series, context);
            thinning_->forget(series);
        }
        if (ranges_) end_context(series, context);
        if (series >= newest_ns_.size()) continue;
        for (size_t i = 0; i < stages_.size(); i++) {
            alarms_.close(place(series, i), newest_ns_[series], context);
            stages_[i].detector->forget_times(state_of(series, i));
        }
        for (Groups& groups : groups_) groups.restart(series, context);
        newest_ns_[series] = INT64_MIN;
    }
    emit_closed(context);
    nobody_silent_before_ns_ = 0;
    windows_.arrival_back(back_ns);
    silence_.arrival_back(back_ns);
    if (thinning_) thinning_->arrival_back(back_ns);
    if (ranges_) ranges_->arrival_back(back_ns);
}

void StreamState::count(Stats& stats) const {
    stats.series += series_.known();
    stats.bounds.add(windows_.stats());
    if (thinning_) {
        stats.cut_windows += thinning_->cut_windows();
        stats.bounds.hurried += thinning_->forced();
    }
    stats.open_events += alarms_.open();
    stats.detector_bytes += bytes_.size();
    if (!stages_.empty()) stats.detected_series += newest_ns_.size();
    for (const Groups& groups : groups_) groups.count(stats);
}

void StreamState::save(std::string& out) const {
    series_.save(out);
    for (const int64_t arrival : last_arrival_ns_) base::put_signed(out, arrival);
    for (const int64_t ahead : ahead_ns_) base::put_signed(out, ahead);
    windows_.save(out);
    silence_.save(out);
    base::put_varint(out, newest_ns_.size());
    for (const int64_t newest : newest_ns_) base::put_signed(out, newest);
    out.append(reinterpret_cast<const char*>(bytes_.data()), bytes_.size());
    alarms_.save(out);
    for (const Groups& groups : groups_) groups.save(out);
    if (thinning_) thinning_->save(out);
    if (ranges_) ranges_->save(out);
}

bool StreamState::load(base::ByteReader& in) {
    if (!series_.load(in)) return false;
    for (size_t i = 0; i < series_.size(); i++) last_arrival_ns_.push_back(in.signed_varint());
    for (size_t i = 0; i < series_.size(); i++) ahead_ns_.push_back(in.signed_varint());
    if (!in.ok() || !windows_.load(in) || !silence_.load(in)) return false;
    const uint64_t rows = in.varint();
    if (rows > series_.size() || (settings_->detectors.empty() && rows != 0) || rows * stride_ > in.left())
        return false;
    for (uint64_t i = 0; i < rows; i++) newest_ns_.push_back(in.signed_varint());
    const auto bytes = in.take(rows * stride_);
    if (!in.ok()) return false;
    bytes_.resize(bytes.size());
    if (!bytes.empty()) std::memcpy(bytes_.data(), bytes.data(), bytes.size());
    alarms_.resize(rows * stages_.size());
    if (!alarms_.load(in)) return false;
    for (Groups& groups : groups_)
        if (!groups.load(in, series_.size())) return false;
    if (thinning_ && !thinning_->load(in)) return false;
    if (ranges_ && !ranges_->load(in)) return false;
    return in.ok();
}

}  // namespace tributary::engine
