// SPDX-License-Identifier: Apache-2.0
// tests/cases/model_onnx: a small network and what ONNX Runtime said of a series. Without the build option such a model
// is refused with a word that says so.
#include "base/files.hpp"
#include "base/log.hpp"
#include "base/text.hpp"
#include "detect/helper.hpp"
#include "detect/model_file.hpp"

using namespace tributary;
using namespace tributary::detect;

namespace {
std::string text_of(const std::string& name) {
    return *base::read_file(std::string(TRIBUTARY_SOURCE_DIR "/tests/cases/model_onnx/") + name);
}
}  // namespace

TEST_CASE("onnx: equal to the library's own scores to 1e-6, or refused by a build without it") {
    const auto model = TrainedModel::parse(text_of("network.json"));
    if (!model) {
        CHECK(model.error().message.find("built without ONNX Runtime") != std::string::npos);
        return;
    }
    const std::string text = text_of("network.csv");
    std::vector<double> newest_first;
    size_t compared = 0, alarms = 0;
    for (size_t at = 0; at < text.size();) {
        const size_t end = text.find('\n', at), comma = text.find(',', at);
        newest_first.insert(newest_first.begin(), *base::parse_number(text.substr(at, comma - at)));
        if (comma + 1 < end) {
            const double said = *base::parse_number(text.substr(comma + 1, end - comma - 1));
            CHECK(model->predict(newest_first) == doctest::Approx(said).epsilon(1e-6));
            compared++;
            alarms += said >= 0.5 ? 1 : 0;
        }
        at = end + 1;
    }
    CHECK(compared == 391);
    CHECK(alarms > 10);
}

TEST_CASE("onnx: what is no model is refused") {
    for (const char* wrong : {"\"\"", "5", "\"AA\"", "\"????\"", "\"AAAA\""}) {
        CAPTURE(wrong);
        CHECK_FALSE(TrainedModel::parse(base::format(R"({{"format":"tributary-model-1","features":["value"],)"
                                                     R"("output":"score","link":"identity","onnx":{}}})",
                                                     wrong)));
    }
}
