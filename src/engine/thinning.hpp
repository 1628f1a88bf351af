// SPDX-License-Identifier: Apache-2.0
// The thinning out of one stream: readings put in order, then the downsampler. Owned by StreamState (engine's thread);
// asks no clock; can be saved. Numbers and booleans wait for `lateness`; texts do not (they would have to be stored):
// one that is older than the newest reading of its series is late. What it does not do: names, output records.
#pragma once

#include "downsample/stage.hpp"
#include "stream/reorder.hpp"

namespace tributary::engine {

class Thinning {
  public:
    explicit Thinning(const config::StreamSettings& settings);  // checked; it has a downsampler

    // One reading; what is kept of its series is appended. False: too late, not taken.
    bool add(model::SeriesId series, const model::Reading& reading, int64_t now_ns,
             std::vector<downsample::Reduced>& kept);
    void flush(model::SeriesId series, int64_t now_ns, std::vector<downsample::Reduced>& kept);
    // The next series that was silent for too long, flushed; none: no (more).
    std::optional<model::SeriesId> flush_due(int64_t now_ns, std::vector<downsample::Reduced>& kept);

    int64_t bound_ns() const { return stage_.bound_ns(); }
    int64_t next_deadline_ns() const { return stage_.next_deadline_ns(); }
    int64_t newest_ns(model::SeriesId series) const { return stage_.newest_ns(series); }
    uint64_t cut_windows() const { return stage_.cut_windows(); }
    uint64_t forced() const { return order_.forced(); }
    void forget(model::SeriesId series);                              // flushed; its number gets a new life
    void arrival_back(int64_t by_ns) { stage_.arrival_back(by_ns); }  // now_ns will be so much less from here on

    void save(std::string& out) const;
    bool load(base::ByteReader& in);

  private:
    void pass_on(model::SeriesId series, int64_t now_ns, std::vector<downsample::Reduced>& kept);

    downsample::Stage stage_;
    stream::ReorderBuffer order_;
    std::vector<stream::Held> released_;  // reused
};

}  // namespace tributary::engine
