// SPDX-License-Identifier: Apache-2.0
// The downsamplers there are, one function each, and what they share. The table is in registry.cpp; registering is a
// row there, not a static initialiser. Pure.
#pragma once

#include <cmath>
#include <type_traits>

#include "downsample/downsampler.hpp"

namespace tributary::downsample {

DownsamplerType deadband_type();
DownsamplerType swinging_door_type();
DownsamplerType m4_type();
DownsamplerType minmaxlttb_type();
DownsamplerType lttb_type();
DownsamplerType sample_type();

// The stage's bytes as the method's own struct: aligned to 8, and all zero must mean fresh.
template <class State>
State& state_of(std::byte* bytes) {
    static_assert(std::is_trivially_copyable_v<State> && alignof(State) <= 8);
    return *reinterpret_cast<State*>(bytes);
}

// `window` of methods that work per window of event time, for their option tables and checks.
constexpr model::OptionSpec kWindowOption{
    .name = "window",
    .kind = model::OptionKind::duration,
    .default_value = {},
    .help = "length of a window in event time; windows begin at multiples of it since 1970 UTC",
    .min = 0.001,
    .max = 31 * 86400.0,
    .required = true};
int64_t window_ms(const model::OptionMap& options);

}  // namespace tributary::downsample
