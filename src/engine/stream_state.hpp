// SPDX-License-Identifier: Apache-2.0
// Everything the engine keeps per configured stream: its series, their windows, the detectors and the state of their
// events, the downsampler. Owned by the engine (one thread). Turns readings into output records; which of them are
// wanted is decided here (forward), which message has which fate is not.
#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "detect/detector.hpp"
#include "engine/alarms.hpp"
#include "engine/context.hpp"
#include "engine/context_ranges.hpp"
#include "engine/engine.hpp"
#include "engine/groups.hpp"
#include "engine/silence.hpp"
#include "engine/thinning.hpp"
#include "model/series_table.hpp"
#include "stream/window_stage.hpp"

namespace tributary::engine {

enum class Use : uint8_t { none, late, used, refused };  // refused: one series too many

class StreamState {
  public:
    explicit StreamState(const config::StreamSettings& settings);

    const config::StreamSettings& settings() const { return *settings_; }
    void rebind(const config::StreamSettings& settings);  // of equal text
    bool consumes() const { return !windows_.empty() || !settings_->detectors.empty() || thinning_ != nullptr; }

    Use add(std::string_view series, const model::Reading& reading, const Context& context);
    void close_idle(const Context& context);
    void flush(const Context& context);  // closes all windows and events
    // A new time epoch, arrival went back by so much. Series with times of arrival among theirs, or with times that lie
    // ahead now (their clock was set with ours), close windows and events and remember no times; detectors keep their
    // state. Where the devices' own times still make sense, all goes on.
    void restart(int64_t back_ns, const Context& context);

    // Somebody has seen this event; whether it is one of ours.
    bool acknowledge(const Acknowledgement& wanted, const Context& context);

    void listen(bool connected, int64_t now_ns) { silence_.listen(connected, now_ns); }

    int64_t bound_ns() const {
        int64_t bound_ns = std::min(windows_.bound_ns(), silence_.bound_ns());
        if (ranges_) bound_ns = std::min(bound_ns, ranges_->bound_ns());
        return thinning_ ? std::min(bound_ns, thinning_->bound_ns()) : bound_ns;
    }
    int64_t next_deadline_ns() const {
        int64_t next_ns = std::min(windows_.next_deadline_ns(), silence_.next_deadline_ns());
        if (ranges_) next_ns = std::min(next_ns, ranges_->next_deadline_ns());
        return thinning_ ? std::min(next_ns, thinning_->next_deadline_ns()) : next_ns;
    }
    int64_t complete_until_ns() const { return windows_.complete_until_ns(); }
    uint64_t context_floor(int64_t now_ns) const {
        return ranges_ ? ranges_->floor_seq(now_ns) : ContextRanges::kNoSeq;
    }
    void count(Stats& stats) const;

    void save(std::string& out) const;
    bool load(base::ByteReader& in);

  private:
    struct Stage {
        std::unique_ptr<detect::Detector> detector;
        size_t number = 0;  // among the detectors of the settings
        size_t offset = 0;  // of its bytes within a series
        bool watches_silence = false;
    };
    void on_event(const Alarms::Place& place, const model::Event& event, const Context& context);
    void follow_context(model::SeriesId series, const Context& context);
    void end_context(model::SeriesId series, const Context& context);
    void emit_parts(const Context& context);
    std::optional<model::SeriesId> admit(std::string_view series, const Context& context);
    void forget_silent(const Context& context);
    void forget(model::SeriesId series, const Context& context);
    model::Origin origin(model::SeriesId series) const;
    void emit_closed(const Context& context);
    void emit_late(model::SeriesId series, const model::Reading& reading, const std::string& missed, int64_t end_ns,
                   const Context& context);
    bool thin(model::SeriesId series, const model::Reading& reading, const Context& context);
    void emit_reduced(model::SeriesId series, const Context& context);
    void flush_reduced(model::SeriesId series, const Context& context);
    void detect(model::SeriesId series, const model::Reading& reading, const Context& context);
    Alarms::Place place(model::SeriesId series, size_t stage) const {
        return {*settings_, series_.name(series), series * stages_.size() + stage, stages_[stage].number};
    }
    std::byte* state_of(model::SeriesId series, size_t stage) {
        return bytes_.data() + series * stride_ + stages_[stage].offset;
    }
    void ask_silent(const Context& context);

    const config::StreamSettings* settings_;
    model::SeriesTable series_;
    stream::WindowStage windows_;
    Silence silence_;                        // slots as alarms_
    std::unique_ptr<Thinning> thinning_;     // null: none is configured
    std::unique_ptr<ContextRanges> ranges_;  // null: no raw context
    std::vector<Stage> stages_;
    std::vector<int64_t> last_arrival_ns_;  // by series
    std::vector<int64_t> ahead_ns_;         // by series: its greatest event time; kNever where arrival stood in
    int64_t nobody_silent_before_ns_ = 0;   // arrival; until then there is nothing to forget
    size_t stride_ = 0;                     // detector bytes per series
    std::vector<std::byte> bytes_;          // series * stride_
    Alarms alarms_;                         // slots: series * stages
    std::vector<Groups> groups_;            // a detector each that sees several series
    std::vector<int64_t> newest_ns_;        // event time by series; only with detectors
    std::vector<stream::Closed> closed_;    // reused
    std::vector<stream::Late> late_;
    std::vector<downsample::Reduced> reduced_;
    std::vector<ContextRanges::Part> parts_;
};

}  // namespace tributary::engine
