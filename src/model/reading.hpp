// SPDX-License-Identifier: Apache-2.0
// A Reading is one measured value of one series: what a codec makes of a message and what stream, detect and
// downsample work on. Series are 32-bit numbers of the SeriesTable; names live there once.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace tributary::model {

using SeriesId = uint32_t;

enum class ValueKind : uint8_t { number = 0, boolean = 1, text = 2 };

// text is a view into the message; integers beyond 2^53 come as text, exactly as written.
struct Value {
    ValueKind kind = ValueKind::number;
    double number = 0;  // boolean: 0 or 1
    std::string_view text;
};

enum class Quality : uint8_t { good = 0, uncertain = 1, bad = 2 };

// How the event time came about: header tb-time (docs/formats/kafka-records.md); device = no header.
enum class TimeMark : uint8_t { device = 0, arrival = 1, repaired = 2, unsynced = 3 };

struct Reading {
    SeriesId series = 0;
    int64_t event_ns = 0;
    Value value;
    Quality quality = Quality::good;
    TimeMark mark = TimeMark::device;
};

}  // namespace tributary::model
