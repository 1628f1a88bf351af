// SPDX-License-Identifier: Apache-2.0
// A model trained elsewhere (scikit-learn, XGBoost), read from the JSON of docs/formats/model.md: linear, trees or
// ONNX, over features of the last readings of one series. Immutable once parsed; pure; any thread. What it does not do:
// keep the readings, read files.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "detect/onnx.hpp"

namespace tributary::detect {

constexpr size_t kMostModelReadings = 48;  // that features can look back on, the newest among them

struct Feature {
    enum class Kind : uint8_t { lag, diff, mean, std, min, max };
    Kind kind = Kind::lag;
    size_t n = 0;  // lag, diff: so many readings ago; the others: over so many readings

    size_t readings() const { return kind == Kind::lag || kind == Kind::diff ? n + 1 : n; }
    // newest_first holds at least readings() finite numbers, at most 1e150 large.
    double of(std::span<const double> newest_first) const;
};

class TrainedModel {
  public:
    enum class Output : uint8_t { score, forecast };

    static base::Result<TrainedModel> parse(std::string_view json);  // TRB-DETECT-003

    Output output() const { return output_; }
    size_t readings() const { return readings_; }  // that it needs
    double predict(std::span<const double> newest_first) const;
    double predict_from(std::span<const double> features) const;  // of one value each, in the model's order
    std::span<const Feature> features() const { return features_; }

  private:
    enum class Link : uint8_t { identity, logistic, exp };
    struct Node {
        double value;     // the threshold: at most that goes left; of a leaf its number
        int32_t feature;  // -1 = a leaf
        uint32_t left, right;
    };
    friend class ModelReader;

    double leaf_of(uint32_t root, std::span<const float> features) const;

    std::vector<Feature> features_;
    size_t readings_ = 1;
    Output output_ = Output::score;
    Link link_ = Link::identity;
    double base_ = 0;
    std::vector<double> coefficients_;  // empty, or one a feature
    std::vector<Node> nodes_;
    std::vector<uint32_t> roots_;
    bool float_sums_ = false;
    std::shared_ptr<const OnnxModel> onnx_;  // null: not one of those
};

}  // namespace tributary::detect
