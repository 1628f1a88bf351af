// SPDX-License-Identifier: Apache-2.0
#include "engine/thinning.hpp"

namespace tributary::engine {

Thinning::Thinning(const config::StreamSettings& settings)
    : stage_(*settings.downsample), order_(stage_.common().lateness_ns, static_cast<size_t>(settings.max_reorder)) {}

bool Thinning::add(model::SeriesId series, const model::Reading& reading, int64_t now_ns,
                   std::vector<downsample::Reduced>& kept) {
    if (stage_.common().lateness_ns == 0) return stage_.add(series, reading, now_ns, kept);
    if (reading.value.kind == model::ValueKind::text) {
        order_.release(series, released_);
        pass_on(series, now_ns, kept);
        return stage_.add(series, reading, now_ns, kept);
    }
    const stream::Held held{reading.event_ns, reading.value.number, reading.value.kind, reading.quality, reading.mark};
    // A text may have gone by.
    if (held.event_ns < stage_.newest_ns(series) || !order_.add(series, held, released_)) return false;
    pass_on(series, now_ns, kept);
    stage_.wait(series, now_ns);  // the newest one always waits
    return true;
}

void Thinning::pass_on(model::SeriesId series, int64_t now_ns, std::vector<downsample::Reduced>& kept) {
    for (const stream::Held& held : released_) {
        model::Reading reading;
        reading.event_ns = held.event_ns;
        reading.value = {held.kind, held.value, {}};
        reading.quality = held.quality;
        reading.mark = held.mark;
        stage_.add(series, reading, now_ns, kept);
    }
    released_.clear();
}

void Thinning::flush(model::SeriesId series, int64_t now_ns, std::vector<downsample::Reduced>& kept) {
    order_.release(series, released_);
    pass_on(series, now_ns, kept);
    stage_.flush(series, kept);
}

std::optional<model::SeriesId> Thinning::flush_due(int64_t now_ns, std::vector<downsample::Reduced>& kept) {
    const auto series = stage_.next_due(now_ns);
    if (series) flush(*series, now_ns, kept);
    return series;
}

void Thinning::forget(model::SeriesId series) {
    stage_.forget(series);
    order_.forget(series);
}

void Thinning::save(std::string& out) const {
    stage_.save(out);
    order_.save(out);
}

bool Thinning::load(base::ByteReader& in) { return stage_.load(in) && order_.load(in); }

}  // namespace tributary::engine
