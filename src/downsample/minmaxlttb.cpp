// SPDX-License-Identifier: Apache-2.0
// `minmaxlttb`: as lttb, chosen among the least and greatest readings of many small columns: quicker, and extremes are
// likelier to stay. No bound on what a dropped reading was.
#include "downsample/select.hpp"
#include "downsample/window.hpp"

namespace tributary::downsample {

DownsamplerType minmaxlttb_type() {
    return {"minmaxlttb", "lttb among the extremes of four small columns for each kept reading", kWindowOptions,
            [](const model::OptionMap& options, const Common& /*common*/) {
                return make_window_downsampler(options, [](std::span<const double> x, std::span<const double> y,
                                                           size_t n_out) { return select_minmaxlttb(x, y, n_out); });
            },
            check_window_options};
}

}  // namespace tributary::downsample
