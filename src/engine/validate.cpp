// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <set>
#include <string>

#include "base/log.hpp"
#include "base/text.hpp"
#include "base/units.hpp"
#include "base/zone.hpp"
#include "codec/codec.hpp"
#include "detect/detector.hpp"
#include "downsample/downsampler.hpp"
#include "engine/engine.hpp"
#include "stream/figures.hpp"
#include "stream/grid.hpp"

namespace tributary::engine {
namespace {

constexpr int64_t kMostWindowNs = 366 * 24 * 3600 * base::kNsPerSecond;

class Validation {
  public:
    std::vector<config::Diagnostic> run(const config::Settings& settings) {
        std::set<std::string> names;
        for (const auto& stream : settings.streams) {
            context_ = base::format("stream \"{}\"", stream.name);
            if (!names.insert(stream.name).second)
                add("TRB-ENGINE-003", stream.position, "there are two streams of this name", "give each its own name");
            check_format(stream);
            check_windows(stream);
            check_detectors(stream);
            if (!stream.downsample) continue;
            auto problems = downsample::check(*stream.downsample, context_ + ", downsample");
            std::move(problems.begin(), problems.end(), std::back_inserter(found_));
        }
        return std::move(found_);
    }

  private:
    void add(const char* code, const model::SourcePosition& at, std::string_view what, std::string hint) {
        found_.push_back({config::Diagnostic::Level::error, code, at.file, at.line, at.column, 1,
                          base::format("{}: {}", context_, what), std::move(hint)});
    }

    void check_format(const config::StreamSettings& stream) {
        if (codec::find_format(stream.format) == nullptr) {
            std::vector<std::string_view> known;
            for (const auto& format : codec::registry()) known.push_back(format.name);
            const std::string near = base::nearest(stream.format, known);
            add("TRB-ENGINE-004", stream.position, base::format("there is no format \"{}\"", stream.format),
                near.empty() ? "auto, json or scalar" : base::format("did you mean \"{}\"?", near));
        }
        if (stream.format == "scalar" && (stream.values.size() != 1 || !stream.time_pointer.empty()))
            add("TRB-ENGINE-005", stream.position, "a scalar is one value without a time",
                "use format = \"json\" for several values or a time in the payload");
        for (const auto& value : stream.values)
            if (!codec::valid_pointer(value.pointer)) bad_pointer(stream, value.pointer);
        if (!codec::valid_pointer(stream.time_pointer)) bad_pointer(stream, stream.time_pointer);
    }

    void bad_pointer(const config::StreamSettings& stream, std::string_view pointer) {
        add("TRB-ENGINE-006", stream.position, base::format("\"{}\" is not a JSON pointer", pointer),
            "write it like \"/value\" or \"/data/0/temp\" (RFC 6901)");
    }

    void check_windows(const config::StreamSettings& stream) {
        std::set<std::string> names;
        for (const auto& window : stream.windows) {
            const auto in_range = [](int64_t ns, bool needed) { return ns >= (needed ? 1 : 0) && ns <= kMostWindowNs; };
            const bool grid = window.type == "tumbling" || window.type == "hopping";
            if (!grid && window.type != "session" && window.type != "count")
                add("TRB-ENGINE-007", window.position, base::format("there is no window type \"{}\"", window.type),
                    "tumbling, hopping, session or count");
            if (!in_range(window.size_ns, grid) || !in_range(window.slide_ns, window.type == "hopping") ||
                !in_range(window.gap_ns, window.type == "session") || !in_range(window.lateness_ns, false) ||
                !in_range(window.revise_ns, false) || !in_range(window.offset_ns, false) ||
                !in_range(window.idle_ns, true) || (window.type == "count" && window.count < 1))
                add("TRB-ENGINE-008", window.position, "a length of the window is missing or out of range",
                    "size, slide, gap and idle: above 0; all: at most 366 days");
            if (window.slide_ns > 0 && window.size_ns % window.slide_ns != 0)
                add("TRB-ENGINE-008", window.position, "\"size\" is not a multiple of \"slide\"",
                    "size = \"10s\", slide = \"2s\"");
            if (const auto figures = stream::Figures::make(window); !figures)
                add("TRB-STREAM-001", window.position, figures.error().message, "");
            check_zone(window);
            if (!names.insert(window.name).second)
                add("TRB-ENGINE-003", window.position, base::format("there are two windows \"{}\"", window.name),
                    "give each its own name");
        }
    }

    void check_zone(const config::WindowSettings& window) {
        if (window.zone.empty()) return;
        if (const auto zone = base::Zone::find(window.zone); !zone)
            return add(zone.error().code.c_str(), window.position, zone.error().message, "");
        const int64_t step_ns = window.slide_ns > 0 ? window.slide_ns : window.size_ns;
        if (const char* problem = step_ns > 0 ? stream::Grid::problem(step_ns) : nullptr)
            add("TRB-ENGINE-008", window.position,
                base::format("a zone has no windows every {}", base::format_duration(step_ns)), problem);
    }

    void check_detectors(const config::StreamSettings& stream) {
        std::set<std::string> names;
        for (const auto& detector : stream.detectors) {
            auto problems = detect::check(detector, context_);
            std::move(problems.begin(), problems.end(), std::back_inserter(found_));
            if (!names.insert(detector.name).second)
                add("TRB-ENGINE-003", detector.position, base::format("there are two detectors \"{}\"", detector.name),
                    "give each its own name");
        }
    }

    std::string context_;
    std::vector<config::Diagnostic> found_;
};

}  // namespace

std::vector<config::Diagnostic> validate(const config::Settings& settings) { return Validation().run(settings); }

}  // namespace tributary::engine
