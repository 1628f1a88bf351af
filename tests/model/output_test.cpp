// SPDX-License-Identifier: Apache-2.0
#include "model/output.hpp"

#include <doctest/doctest.h>

using namespace tributary::model;

TEST_CASE("every kind of output comes back equal") {
    const Origin origin{"m1/temp", "temperature", "C", {{"site", "ulm"}, {"line", "1"}}};
    Window window;
    window.origin = origin, window.window = "10s", window.start_ns = -5, window.end_ns = 10;
    window.count = 3, window.sum = 1.5, window.min = 0.1, window.max = 0.9, window.mean = 0.5, window.stddev = 0.25;
    window.first = 0.1, window.last = 0.9, window.revision = 2, window.mark = TimeMark::arrival, window.numbers = 3;
    Window more = window;
    more.numbers = 0;
    more.figures = {{"p99", ValueKind::number, 1.5, ""}, {"mode", ValueKind::text, 0, "run"}};
    more.states = {{"run", 17}, {"stop", 4}};
    Event event{origin,       "0123456789abcdef", "limit",          "high", EventState::closed, 17, 99, 0.75, 81.5,
                std::nullopt, Severity::critical, TimeMark::device, ""};
    Event open = event;
    open.end_ns.reset();
    open.expected = 70.25;
    open.acknowledged_by = "shift lead";
    LateReading late{origin, 1, ValueKind::text, 0, "9007199254740993", "10s", 10, 77, TimeMark::unsynced};
    DeadLetter dead{"temperature", "t", "json", "unexpected end", 3, 9, std::string("\0\xff", 2), 70000, "ab"};
    RefusedRecord refused{Log::windows, 5, 1, "tributary.windows", "k", "MSG_SIZE_TOO_LARGE", "too large", 1, 2};
    const Reduced reduced{origin,          -7, ValueKind::number, 21.5, "", Quality::uncertain, TimeMark::arrival,
                          "swinging-door", 0.5};
    Reduced text = reduced;
    text.kind = ValueKind::text, text.text = "open", text.deviation.reset();
    const ContextRange context{origin, {"0123456789abcdef", "0123456789abcde0"}, -5, 10, 7, 12};
    OutputBlockWriter writer;
    std::vector<Output> all{window, more, event, open, late, dead, refused, reduced, text, context};
    for (const auto& output : all) writer.add(output);
    CHECK(writer.count() == all.size());
    const auto block = writer.take();
    size_t seen = 0;
    CHECK(for_each_output(block, [&](uint32_t index, std::string_view bytes) {
        const auto decoded = decode_output(bytes);
        REQUIRE(decoded.ok());
        CHECK(*decoded == all[index]);
        CHECK(log_of(*decoded) == log_of(all[index]));
        seen++;
    }));
    CHECK(seen == all.size());
    for (size_t cut = 1; cut < block.size(); cut++)
        for_each_output(std::string_view(block).substr(0, cut),
                        [](uint32_t, std::string_view bytes) { (void)decode_output(bytes).ok(); });
}
