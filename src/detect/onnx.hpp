// SPDX-License-Identifier: Apache-2.0
// The one place that knows ONNX Runtime (build option TRIBUTARY_ONNX, off by default): a model of one input of shape
// [1, features] in single precision, and one number of what it says. Immutable once loaded; predict() from one thread.
// What it does not promise: the same bits on every machine, and no allocation per reading; both are the library's.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace tributary::detect {

class OnnxModel {
  public:
    // model: the bytes of the file. output: name of the output; "" = the last one. Without the option: an error.
    static base::Result<std::shared_ptr<const OnnxModel>> load(std::string_view model, const std::string& output,
                                                               size_t features);
    virtual ~OnnxModel() = default;
    // The last number of the output (of two classes: the probability of the second); NaN when it cannot be had.
    virtual double predict(std::span<const float> features) const = 0;
};

}  // namespace tributary::detect
