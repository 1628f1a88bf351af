// SPDX-License-Identifier: Apache-2.0
// What LTTB and MinMaxLTTB share: the points of one window of event time are gathered, at most `max_points`, and
// reduced to `points` of them when the window is over. With one point more than fit the window is reduced in parts,
// which is counted: more is kept then, never less. Immutable; engine's thread.
#pragma once

#include <array>

#include "downsample/types.hpp"

namespace tributary::downsample {

using Select = std::vector<size_t> (*)(std::span<const double> x, std::span<const double> y, size_t n_out);

std::unique_ptr<Downsampler> make_window_downsampler(const model::OptionMap& options, Select select);

constexpr std::array kWindowOptions{
    kWindowOption,
    model::OptionSpec{.name = "points",
                      .kind = model::OptionKind::integer,
                      .default_value = "12",
                      .help = "so many readings of a window are kept, first and last among them",
                      .min = 3,
                      .max = 1000},
    model::OptionSpec{.name = "max_points",
                      .kind = model::OptionKind::integer,
                      .default_value = "1024",
                      .help = "so many readings of one window are gathered, 16 bytes each; more: the window is reduced "
                              "in parts (counted)",
                      .min = 4,
                      .max = 65536}};

void check_window_options(const model::OptionMap& options, std::vector<std::string>& problems);

}  // namespace tributary::downsample
