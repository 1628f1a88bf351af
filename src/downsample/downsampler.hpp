// SPDX-License-Identifier: Apache-2.0
// The interface of downsamplers: which readings of a series are kept. A downsampler is immutable after it was made; the
// state of a series lives in bytes that `Stage` owns (trivially copyable, aligned to 8, all zero = fresh), so a
// checkpoint is a copy of them. Engine's thread. One file per method, with its options; one row in registry.cpp.
// Time is whole milliseconds, as the kept readings carry it to Kafka: what a consumer computes is what was promised.
// Floats: + - * / sqrt only. What it does not do: texts, booleans, changes of quality, disorder, silence (Stage).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "config/load.hpp"
#include "model/option.hpp"

namespace tributary::downsample {

struct Point {
    int64_t time_ms = 0;
    double value = 0;

    bool operator==(const Point&) const = default;
};

// deviation: the bound in force for what was dropped between the kept point before and this one; below 0: no bound.
struct Kept {
    Point point;
    double deviation = -1;
};

// Where a method works for one series. `window` is for methods that look at a window as a whole (window_points() > 0);
// its memory is kept from window to window.
struct Series {
    std::byte* state = nullptr;
    std::vector<Point>* window = nullptr;
    uint64_t* cut = nullptr;  // counts windows that were reduced in parts for want of room
};

class Downsampler {
  public:
    virtual ~Downsampler() = default;
    virtual size_t state_bytes() const = 0;
    virtual size_t window_points() const { return 0; }  // at most so many points wait in Series::window

    // Times never go back (equal ones are allowed), values are finite. Appends what is kept to `kept`, in order of
    // time. True: something waits that flush() would put out.
    virtual bool add(const Series& series, const Point& point, std::vector<Kept>& kept) const = 0;
    // Puts out what has to be kept so that the promise holds for every point so far. The series goes on behind it.
    virtual void flush(const Series& series, std::vector<Kept>& kept) const = 0;
    // After flush(): the next point is kept whatever it is, and nothing is said about the time between. What was
    // learned of the series stays.
    virtual void begin_anew(const Series& series) const = 0;
};

// Options every method has besides its own.
struct Common {
    int64_t lateness_ns = 0;  // how much disorder in time stamps is waited for, before the downsampler
    int64_t max_time_ns = 0;  // heartbeat in event time, and the longest wait of a silent series in arrival time
};

struct DownsamplerType {
    std::string_view name;
    std::string_view summary;                    // one line for `list` and docs/downsampling.md
    std::span<const model::OptionSpec> options;  // its own
    std::unique_ptr<Downsampler> (*make)(const model::OptionMap& options, const Common& common);
    // What a declaration cannot say; may be null. Called when the declared checks passed.
    void (*check)(const model::OptionMap& options, std::vector<std::string>& problems);
};

std::span<const DownsamplerType> registry();
std::span<const model::OptionSpec> common_options();
const DownsamplerType* find_type(std::string_view name);
Common read_common(const model::OptionMap& options);
// Type known (did you mean), options right; context names the stream for people.
std::vector<config::Diagnostic> check(const config::DownsampleSettings& settings, std::string_view context);
// One row per option, for `list downsamplers --markdown` and docs/downsampling.md.
std::string markdown_table();

}  // namespace tributary::downsample
