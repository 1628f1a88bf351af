// SPDX-License-Identifier: Apache-2.0
#include "detect/model_file.hpp"

#include <algorithm>
#include <array>
#include <cfloat>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/log.hpp"
#include "base/math.hpp"
#include "base/text.hpp"

namespace tributary::detect {

using Json = nlohmann::json;

namespace {

constexpr size_t kMostFeatures = 64;
constexpr size_t kMostNodes = 1'000'000;
constexpr double kMost = 1e150;

struct FeatureName {
    std::string_view name;
    Feature::Kind kind;
    bool back;  // a number of readings ago, not over a number of them
};
constexpr std::array kFeatureNames{
    FeatureName{"lag", Feature::Kind::lag, true},    FeatureName{"diff", Feature::Kind::diff, true},
    FeatureName{"mean", Feature::Kind::mean, false}, FeatureName{"std", Feature::Kind::std, false},
    FeatureName{"min", Feature::Kind::min, false},   FeatureName{"max", Feature::Kind::max, false},
};

std::optional<Feature> feature_of(std::string_view text) {
    if (text == "value") return Feature{Feature::Kind::lag, 0};
    for (const auto& each : kFeatureNames) {
        if (!text.starts_with(each.name)) continue;
        const auto n = base::parse_number(text.substr(each.name.size()));
        if (!n || *n != std::floor(*n) || *n < 1 || *n > static_cast<double>(kMostModelReadings)) return std::nullopt;
        const Feature feature{each.kind, static_cast<size_t>(*n)};
        return feature.readings() <= kMostModelReadings ? std::optional(feature) : std::nullopt;
    }
    return std::nullopt;
}

double mean_of(std::span<const double> values) {
    double sum = 0;
    for (const double value : values) sum += value;
    return sum / static_cast<double>(values.size());
}

// To the nearest single, as both libraries take their inputs; what is too large for one is the largest.
float single(double value) { return static_cast<float>(std::clamp<double>(value, -FLT_MAX, FLT_MAX)); }

}  // namespace

double Feature::of(std::span<const double> newest_first) const {
    if (kind == Kind::lag) return newest_first[n];
    if (kind == Kind::diff) return newest_first[0] - newest_first[n];
    const auto values = newest_first.first(n);
    if (kind == Kind::min) return *std::min_element(values.begin(), values.end());
    if (kind == Kind::max) return *std::max_element(values.begin(), values.end());
    const double mean = mean_of(values);
    if (kind == Kind::mean) return mean;
    double squares = 0;
    for (const double value : values) squares += (value - mean) * (value - mean);
    return std::sqrt(squares / static_cast<double>(n));
}

double TrainedModel::predict(std::span<const double> newest_first) const {
    std::array<double, kMostFeatures> features;
    for (size_t i = 0; i < features_.size(); i++) features[i] = features_[i].of(newest_first);
    return predict_from({features.data(), features_.size()});
}

double TrainedModel::leaf_of(uint32_t root, std::span<const float> features) const {
    uint32_t at = root;  // children stand behind their parents, so this ends
    while (nodes_[at].feature >= 0) {
        const Node& node = nodes_[at];
        at = features[static_cast<size_t>(node.feature)] <= node.value ? node.left : node.right;
    }
    return nodes_[at].value;
}

double TrainedModel::predict_from(std::span<const double> features) const {
    double sum = base_;
    if (onnx_) {
        std::array<float, kMostFeatures> singles;
        for (size_t i = 0; i < features.size(); i++) singles[i] = single(features[i]);
        const double said = onnx_->predict({singles.data(), features.size()});
        sum += std::isnan(said) ? 0 : said;
    }
    for (size_t i = 0; i < coefficients_.size(); i++) sum += coefficients_[i] * features[i];
    if (!roots_.empty()) {
        std::array<float, kMostFeatures> singles;
        for (size_t i = 0; i < features.size(); i++) singles[i] = single(features[i]);
        auto single_sum = static_cast<float>(base_);
        for (const uint32_t root : roots_) {
            const double leaf = leaf_of(root, {singles.data(), features.size()});
            if (float_sums_)
                single_sum += static_cast<float>(leaf);
            else
                sum += leaf;
        }
        if (float_sums_) sum = single_sum;
    }
    sum = std::clamp(sum, -kMost, kMost);
    if (link_ == Link::logistic) return 1 / (1 + base::math::exp(std::clamp(-sum, -700.0, 700.0)));
    return link_ == Link::exp ? base::math::exp(std::min(sum, 345.0)) : sum;
}

// The first fault ends the reading; everything a prediction relies on is checked here.
class ModelReader {
  public:
    explicit ModelReader(std::string_view text) : json_(Json::parse(text.begin(), text.end(), nullptr, false)) {}

    base::Result<TrainedModel> read() {
        if (!json_.is_object()) return fault("it is not a JSON object");
        if (word("format") != "tributary-model-1") return fault("\"format\" is not \"tributary-model-1\"");
        features();
        words();
        linear();
        trees();
        if (find("onnx") != nullptr && fault_.empty())
            if (auto error = onnx()) return *error;
        if (fault_.empty() && model_.coefficients_.empty() && model_.roots_.empty() && !model_.onnx_)
            return fault("it has none of \"linear\", \"trees\" and \"onnx\"");
        if (!fault_.empty()) return fault(fault_);
        return std::move(model_);
    }

  private:
    static base::Error fault(const std::string& why) {
        return {"TRB-DETECT-003", base::format("the model cannot be used: {}", why)};
    }
    void wrong(std::string why) {
        if (fault_.empty()) fault_ = std::move(why);
    }

    const Json* find(const char* key) const {
        const auto found = json_.find(key);
        return found == json_.end() ? nullptr : &*found;
    }
    std::string word(const char* key) const {
        const Json* found = find(key);
        return found != nullptr && found->is_string() ? found->get<std::string>() : std::string();
    }

    void features() {
        const Json* names = find("features");
        if (names == nullptr || !names->is_array() || names->empty() || names->size() > kMostFeatures)
            return wrong(base::format("\"features\" is not a list of 1 to {} names", kMostFeatures));
        for (const auto& name : *names) {
            const auto feature = feature_of(name.is_string() ? name.get<std::string>() : "");
            if (!feature)
                return wrong(
                    base::format("there is no feature {}: value, lagN and diffN up to {}, meanN, stdN, minN, maxN "
                                 "up to {}",
                                 name.dump(), kMostModelReadings - 1, kMostModelReadings));
            model_.features_.push_back(*feature);
            model_.readings_ = std::max(model_.readings_, feature->readings());
        }
    }

    void words() {
        const std::string output = word("output"), link = word("link");
        if (output != "score" && output != "forecast") wrong("\"output\" is neither \"score\" nor \"forecast\"");
        if (link != "identity" && link != "logistic" && link != "exp")
            wrong("\"link\" is none of \"identity\", \"logistic\", \"exp\"");
        model_.output_ = output == "forecast" ? TrainedModel::Output::forecast : TrainedModel::Output::score;
        model_.link_ = link == "logistic" ? TrainedModel::Link::logistic
                       : link == "exp"    ? TrainedModel::Link::exp
                                          : TrainedModel::Link::identity;
        if (const Json* base = find("base")) model_.base_ = number(*base, "base");
        if (const Json* sums = find("float_sums")) {
            if (!sums->is_boolean()) return wrong("\"float_sums\" is neither true nor false");
            model_.float_sums_ = sums->get<bool>();
        }
    }

    double number(const Json& value, std::string_view what) {
        const double number = value.is_number() ? value.get<double>() : HUGE_VAL;
        if (std::abs(number) <= kMost) return number;
        wrong(base::format("\"{}\" has something that is not a number", what));
        return 0;
    }

    void linear() {
        const Json* list = find("linear");
        if (list == nullptr) return;
        if (!list->is_array() || list->size() != model_.features_.size())
            return wrong("\"linear\" is not a list of one number a feature");
        for (const auto& each : *list) model_.coefficients_.push_back(number(each, "linear"));
    }

    void trees() {
        const Json* list = find("trees");
        if (list == nullptr) return;
        if (!list->is_array()) return wrong("\"trees\" is not a list");
        for (const auto& tree : *list) {
            if (fault_.empty()) add_tree(tree);
        }
    }

    // Four lists of one length: the feature of each node (-1: a leaf), its threshold or the leaf's number, its
    // children.
    void add_tree(const Json& tree) {
        constexpr std::array kLists{"feature", "value", "left", "right"};
        std::array<const Json*, 4> lists{};
        for (size_t i = 0; i < kLists.size(); i++) {
            const auto found = tree.is_object() ? tree.find(kLists[i]) : tree.end();
            if (!tree.is_object() || found == tree.end() || !found->is_array() || found->empty())
                return wrong(base::format("a tree has no list \"{}\"", kLists[i]));
            lists[i] = &*found;
            if (lists[i]->size() != lists[0]->size()) return wrong("the lists of a tree differ in length");
        }
        const size_t size = lists[0]->size(), first = model_.nodes_.size();
        if (first + size > kMostNodes) return wrong(base::format("it has more than {} nodes", kMostNodes));
        model_.roots_.push_back(static_cast<uint32_t>(first));
        for (size_t i = 0; i < size; i++) {
            const int64_t feature = integer((*lists[0])[i]), left = integer((*lists[2])[i]),
                          right = integer((*lists[3])[i]);
            const auto last = static_cast<int64_t>(size) - 1, self = static_cast<int64_t>(i);
            if (feature < -1 || feature >= static_cast<int64_t>(model_.features_.size()))
                return wrong("a node asks for a feature that is not there");
            if (feature >= 0 && (left <= self || left > last || right <= self || right > last))
                return wrong("a node's children do not stand behind it");
            const auto at = [&](int64_t child) {
                return static_cast<uint32_t>(feature < 0 ? 0 : child + static_cast<int64_t>(first));
            };
            model_.nodes_.push_back(
                {number((*lists[1])[i], "value"), static_cast<int32_t>(feature), at(left), at(right)});
        }
    }

    std::optional<base::Error> onnx() {
        const auto bytes = base::from_base64(word("onnx"));
        if (!bytes || bytes->empty()) return fault("\"onnx\" is not base64");
        auto loaded = OnnxModel::load(*bytes, word("onnx_output"), model_.features_.size());
        if (!loaded) return loaded.error();
        model_.onnx_ = std::move(*loaded);
        return std::nullopt;
    }

    static int64_t integer(const Json& value) { return value.is_number_integer() ? value.get<int64_t>() : INT32_MIN; }

    Json json_;
    TrainedModel model_;
    std::string fault_;
};

base::Result<TrainedModel> TrainedModel::parse(std::string_view json) { return ModelReader(json).read(); }

}  // namespace tributary::detect
