// SPDX-License-Identifier: Apache-2.0
// tests/cases/model: models of scikit-learn and XGBoost, a series, and what the libraries themselves said to it.
#include <cmath>
#include <filesystem>

#include "base/files.hpp"
#include "base/text.hpp"
#include "detect/helper.hpp"
#include "detect/model_file.hpp"

using namespace tributary;
using namespace tributary::detect;

namespace {

struct Row {
    double value;
    std::optional<double> said;
};

std::string text_of(const std::string& name) {
    return *base::read_file(std::string(TRIBUTARY_SOURCE_DIR "/tests/cases/model/") + name);
}

std::vector<Row> rows_of(const std::string& name) {
    std::vector<Row> rows;
    const std::string text = text_of(name);
    for (size_t at = 0; at < text.size();) {
        const size_t end = text.find('\n', at), comma = text.find(',', at);
        rows.push_back({*base::parse_number(text.substr(at, comma - at)), {}});
        if (comma + 1 < end) rows.back().said = *base::parse_number(text.substr(comma + 1, end - comma - 1));
        at = end + 1;
    }
    return rows;
}

model::OptionMap with_content(const std::string& content, double limit) {
    return options({{"content", content}, {"limit", limit}});
}

std::string small(const std::string& rest, const std::string& features = R"(["value","lag1"])",
                  const std::string& output = "score") {
    return R"({"format":"tributary-model-1","features":)" + features + R"(,"output":")" + output +
           R"(","link":"identity",)" + rest + "}";
}

}  // namespace

TEST_CASE("model: equal to the libraries' own scores to 1e-6") {
    size_t cases = 0, compared = 0;
    for (const auto& entry : std::filesystem::directory_iterator(TRIBUTARY_SOURCE_DIR "/tests/cases/model")) {
        if (entry.path().extension() != ".json") continue;
        const std::string name = entry.path().stem().string(), content = text_of(name + ".json");
        CAPTURE(name);
        const auto model = TrainedModel::parse(content);
        REQUIRE_MESSAGE(model.ok(), model.error().message);
        const bool forecast = model->output() == TrainedModel::Output::forecast;
        CHECK(forecast == (name.find("forecast") != std::string::npos));
        Probe probe("model", with_content(content, forecast ? 4.0 : 0.5));
        std::vector<double> newest_first;
        std::optional<double> before;
        int alarms = 0;
        for (const Row& row : rows_of(name + ".csv")) {
            const auto finding = probe(row.value);
            REQUIRE(sane(finding));
            newest_first.insert(newest_first.begin(), row.value);
            alarms += finding.score >= 0.5;
            if (forecast) {  // of this reading, made at the one before
                CHECK(finding.expected.has_value() == before.has_value());
                if (before) CHECK(std::abs(*finding.expected - *before) <= 1e-6 * std::max(1.0, std::abs(*before)));
                if (before) CHECK((finding.score >= 0.5) == (std::abs(row.value - *finding.expected) >= 4));
            } else if (row.said && std::abs(*row.said - 0.5) > 1e-6) {
                CHECK((finding.score >= 0.5) == (*row.said >= 0.5));
            }
            before = row.said;
            if (!row.said) continue;
            compared++;
            CHECK(std::abs(model->predict(newest_first) - *row.said) <= 1e-6 * std::max(1.0, std::abs(*row.said)));
        }
        CHECK(alarms > 0);
        CHECK(alarms < 150);
        cases++;
    }
    CHECK(cases == 10);
    CHECK(compared > 2500);
}

TEST_CASE("model: features") {
    const auto model = TrainedModel::parse(
        small(R"("linear":[0,0,0,0,0,0,0,0])", R"(["value","lag1","lag3","diff2","mean4","std4","min3","max2"])"));
    REQUIRE(model.ok());
    CHECK(model->readings() == 4);
    const double newest_first[] = {8, 2, 4, 6};
    const double want[] = {8, 2, 6, 4, 5, std::sqrt(5.0), 2, 8};
    for (size_t i = 0; i < std::size(want); i++) CHECK(model->features()[i].of(newest_first) == want[i]);
}

TEST_CASE("model: the limit, the hysteresis, a forecast does not see the reading it judges") {
    auto given = with_content(small(R"("linear":[1,0])"), 4.0);
    given["hysteresis"] = {0.5, {}};
    Probe probe("model", given);
    CHECK(probe(100).score == 0);  // one reading is not two
    CHECK(probe(4).score == 0.5);
    CHECK(probe(8).score == 0.75);
    CHECK(probe(2).score == 0.5);
    CHECK(probe(2).kind == "model");
    CHECK(probe(1.9).score < 0.5);
    CHECK(probe(2).score == 0.25);
    CHECK(probe(-5).score == 0);
    Probe forecast("model", with_content(small(R"("base":1,"linear":[1,0])", R"(["value","lag1"])", "forecast"), 2.0));
    forecast(1), forecast(2);
    CHECK(forecast(3).score == 0);
    CHECK(forecast(6).score == 0.5);
    CHECK(forecast(6).expected == 7.0);
    CHECK(forecast(1).kind == "deviation");
}

TEST_CASE("model: what is no model is refused, with a reason") {
    const std::string leaf = R"("trees":[{"feature":[-1],"value":[1],"left":[0],"right":[0]}])";
    CHECK(TrainedModel::parse(small(leaf)).ok());
    CHECK(TrainedModel::parse(small(leaf))->predict(std::array{1.0, 2.0}) == 1);
    const std::string bad[] = {
        "",
        "[]",
        "{",
        R"({"format":"x"})",
        small("\"base\":1"),
        small(R"("linear":[1])"),
        small(R"("linear":[1,"2"])"),
        small(R"("linear":[1,1e300])"),
        small(leaf, R"(["speed"])"),
        small(leaf, R"(["lag0"])"),
        small(leaf, R"(["lag48"])"),
        small(leaf, R"(["mean49"])"),
        small(leaf, R"(["mean1.5"])"),
        small(leaf, "[]"),
        small(leaf, "7"),
        small(leaf, R"(["lag1"])", "both"),
        small(R"("trees":[{}])"),
        small(R"("trees":[7])"),
        small(R"("trees":7)"),
        small(R"("trees":[])"),
        small(R"("trees":[{"feature":[2],"value":[1],"left":[1],"right":[1]}])"),
        small(R"("trees":[{"feature":[0],"value":[1],"left":[0],"right":[0]}])"),
        small(R"("trees":[{"feature":[0,-1],"value":[1,1],"left":[1,0],"right":[2,0]}])"),
        small(R"("trees":[{"feature":[0,-1],"value":[1],"left":[1,0],"right":[1,0]}])"),
        small(R"("trees":[{"feature":[0,-1],"value":[null,1],"left":[1,0],"right":[1,0]}])"),
        small(R"("float_sums":1,"linear":[1,1])"),
    };
    for (const auto& text : bad) {
        CAPTURE(text);
        CHECK_FALSE(TrainedModel::parse(text).ok());
        CHECK(check({"model", "m", options({{"content", text}}), {}}, "t").size() == 1);
    }
    CHECK(check({"model", "m", {}, {}}, "t").size() == 1);
    CHECK(check({"model", "m", options({{"content", small(leaf, R"(["lag1"])", "forecast")}}), {}}, "t").size() == 1);
    // Any damage to the text is a refusal or a model, never a crash.
    const std::string whole = text_of("forest.json");
    base::math::Random random(1);
    for (int i = 0; i < 3000; i++) {
        std::string text = whole;
        text[random.below(text.size())] = static_cast<char>(random.below(128));
        const auto parsed = TrainedModel::parse(text);
        if (parsed) CHECK(std::isfinite(parsed->predict(std::vector<double>(kMostModelReadings, 1.0))));
    }
}

TEST_CASE("model: strange numbers, restarts") {
    for (const char* name : {"logistic.json", "xgboost_forecast.json", "isolation.json"}) {
        check_strange("model", with_content(text_of(name), 0.5));
        base::math::Random random(5);
        check_restart("model", with_content(text_of(name), 0.6), 2000,
                      [&](int i) { return std::pair(int64_t{i}, 50 + 5 * random.normal() + (i % 20 == 0 ? 20 : 0)); });
    }
}
