// SPDX-License-Identifier: Apache-2.0
// Settings, readings and a stage that keeps what it put out, for the tests of windows.
// One test's own; no thread.
#pragma once

#include <string>
#include <vector>

#include "base/log.hpp"
#include "stream/window_stage.hpp"

namespace stream_test {

using namespace tributary;

inline config::StreamSettings stream_of(std::vector<config::WindowSettings> windows) {
    config::StreamSettings stream;
    stream.windows = std::move(windows);
    return stream;
}

inline model::Reading reading(int64_t event_ns, double value = 1, model::TimeMark mark = model::TimeMark::device) {
    model::Reading reading;
    reading.event_ns = event_ns;
    reading.value.number = value;
    reading.mark = mark;
    return reading;
}

inline model::Reading text(int64_t event_ns, std::string_view word) {
    model::Reading reading;
    reading.event_ns = event_ns;
    reading.value.kind = model::ValueKind::text;
    reading.value.text = word;
    return reading;
}

inline config::WindowSettings tumbling(int64_t size, int64_t lateness = 0, int64_t idle = int64_t{1} << 50) {
    config::WindowSettings window;
    window.size_ns = size, window.lateness_ns = lateness, window.idle_ns = idle;
    return window;
}

// Every output as "start..end xcount rREVISION", every late reading as "late END".
struct Run {
    explicit Run(config::StreamSettings settings) : stage(settings) {}

    void add(const model::Reading& one, int64_t now_ns = 0, model::SeriesId series = 0) {
        stage.close_idle(now_ns, closed);
        stage.add(series, one, now_ns, closed, late);
        take();
    }
    void flush() {
        stage.flush(closed);
        take();
    }
    void take() {
        for (const auto& missed : late) lines.push_back(base::format("late {}", missed.end_ns));
        for (auto& one : closed) {
            lines.push_back(base::format("{}..{} x{} r{}", one.record.start_ns, one.record.end_ns, one.record.count,
                                         one.record.revision));
            records.push_back(std::move(one.record));
        }
        closed.clear();
        late.clear();
    }
    std::string text() {
        std::string out;
        for (const auto& line : lines) out += (out.empty() ? "" : "; ") + line;
        lines.clear();
        return out;
    }
    double figure(std::string_view name) const {  // of the newest record
        for (const auto& figure : records.back().figures)
            if (figure.name == name) return figure.number;
        return -12345;
    }
    int64_t in_state(std::string_view state) const {
        for (const auto& one : records.back().states)
            if (one.state == state) return one.ns;
        return -1;
    }

    stream::WindowStage stage;
    std::vector<stream::Closed> closed;
    std::vector<stream::Late> late;
    std::vector<std::string> lines;
    std::vector<model::Window> records;
};

}  // namespace stream_test
