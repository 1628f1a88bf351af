// SPDX-License-Identifier: Apache-2.0
// The thinning out in StreamState: kept readings and the ones too late for it become output records.
#include "engine/stream_state.hpp"

namespace tributary::engine {

// False: too late for the downsampler; it is in the late log then.
bool StreamState::thin(model::SeriesId series, const model::Reading& reading, const Context& context) {
    const bool taken = thinning_->add(series, reading, context.now_ns, reduced_);
    if (!reduced_.empty()) emit_reduced(series, context);
    if (taken) return true;
    emit_late(series, reading, settings_->downsample->type, thinning_->newest_ns(series), context);
    return false;
}

void StreamState::emit_reduced(model::SeriesId series, const Context& context) {
    if (settings_->forwards(config::kForwardReduced)) {
        for (const downsample::Reduced& kept : reduced_) {
            model::Reduced out;
            out.origin = origin(series);
            out.event_ns = kept.event_ns;
            out.kind = kept.value.kind;
            out.number = kept.value.number;
            out.text = kept.value.text;
            out.quality = kept.quality;
            out.mark = kept.mark;
            out.method = settings_->downsample->type;
            if (kept.deviation >= 0) out.deviation = kept.deviation;
            context.sink.emit(std::move(out));
            context.stats.reduced++;
        }
    }
    reduced_.clear();
}

void StreamState::flush_reduced(model::SeriesId series, const Context& context) {
    thinning_->flush(series, context.now_ns, reduced_);
    emit_reduced(series, context);
}

}  // namespace tributary::engine
