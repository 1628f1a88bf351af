// SPDX-License-Identifier: Apache-2.0
// `lttb`: per window of event time the readings that carry the shape for the eye (largest triangle three buckets).
// No bound on what a dropped reading was.
#include "downsample/select.hpp"
#include "downsample/window.hpp"

namespace tributary::downsample {

DownsamplerType lttb_type() {
    return {"lttb", "per window the readings that carry the shape (largest triangle three buckets)", kWindowOptions,
            [](const model::OptionMap& options, const Common& /*common*/) {
                return make_window_downsampler(options, select_lttb);
            },
            check_window_options};
}

}  // namespace tributary::downsample
