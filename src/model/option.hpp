// SPDX-License-Identifier: Apache-2.0
// How a stage declares its options, once, where they are used. `check`, `list`, the manual page and the JSON schema
// come from this declaration. Static data; no thread.
#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace tributary::model {

// number_or_text: what a bare number cannot say too ("1%"). numbers: a list of them.
enum class OptionKind : uint8_t { number, integer, boolean, text, duration, number_or_text, numbers };

struct OptionSpec {
    std::string_view name;
    OptionKind kind = OptionKind::number;
    std::string_view default_value;  // as written in TOML without quotes; "" = must be given or is off, see help
    std::string_view help;           // one line, with the unit
    double min = -std::numeric_limits<double>::infinity();  // of numbers; durations in seconds
    double max = std::numeric_limits<double>::infinity();
    bool required = false;
    std::string_view choices = {};  // of texts: "a|b|c"
};

struct SourcePosition {
    std::string file;
    uint32_t line = 0, column = 0;  // from 1; 0 = not known
};

struct OptionValue {
    std::variant<bool, int64_t, double, std::string, std::vector<double>> value;
    SourcePosition position;
};

// Where a stage declares the texts `file` and `content`, the configuration reads the named file into `content` when it
// is loaded, so that what stands in it is part of the configuration and not of the disk of whoever processes the log.
using OptionMap = std::map<std::string, OptionValue, std::less<>>;

}  // namespace tributary::model
