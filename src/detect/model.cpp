// SPDX-License-Identifier: Apache-2.0
// `model`: what a model trained in scikit-learn or XGBoost says: a score of its own, or a forecast that the reading is
// compared with. The configuration reads `file` into `content`, which is part of the stream's text: a replay works with
// the model the gateway had.
#include <array>
#include <cmath>

#include "detect/model_file.hpp"
#include "detect/moving.hpp"
#include "detect/types.hpp"

namespace tributary::detect {
namespace {

constexpr std::array kOptions{
    model::OptionSpec{.name = "file",
                      .kind = model::OptionKind::text,
                      .default_value = {},
                      .help = "the model, as scripts/export_model.py writes it; read with the configuration"},
    model::OptionSpec{.name = "content",
                      .kind = model::OptionKind::text,
                      .default_value = {},
                      .help = "the text of the file, where there is none"},
    model::OptionSpec{
        .name = "limit",
        .default_value = {},
        .help = "alarm at this score (empty = 0.5), or when so far from the forecast, in the stream's unit",
        .min = kTiny,
        .max = kHuge},
    model::OptionSpec{.name = "hysteresis",
                      .default_value = "0",
                      .help = "the alarm ends by this part of the limit below it",
                      .min = 0,
                      .max = 0.99},
};

struct State {
    double last[kMostModelReadings];  // newest first
    uint32_t count;
    uint8_t alarmed, padding[3];
};

class Model final : public Detector {
  public:
    explicit Model(const model::OptionMap& options)
        : model_(*TrainedModel::parse(config::text_option(options, kOptions, "content"))),
          limit_(config::optional_number(options, "limit").value_or(0.5)),
          release_(limit_ * (1 - config::number_option(options, kOptions, "hysteresis"))) {}

    size_t state_bytes() const override { return sizeof(State); }

    Finding update(std::byte* bytes, int64_t /*event_ns*/, double raw) const override {
        StateBytes<State> state(bytes);
        const double value = std::clamp(raw, -kHuge, kHuge);
        Finding result;
        if (model_.output() == TrainedModel::Output::forecast) {
            if (state->count == model_.readings()) {
                const double forecast = std::clamp(model_.predict(state->last), -kHuge, kHuge);
                judge(*state, std::min(std::abs(value - forecast), kHuge), "deviation", result);
                result.expected = forecast;
            }
            keep(*state, value);
        } else {
            keep(*state, value);
            if (state->count == model_.readings())
                judge(*state, std::clamp(model_.predict(state->last), 0.0, kHuge), "model", result);
        }
        return result;
    }

  private:
    void judge(State& state, double size, std::string_view kind, Finding& result) const {
        state.alarmed = size >= (state.alarmed != 0 ? release_ : limit_) ? 1 : 0;
        result.score = score_of(size, limit_, state.alarmed != 0);
        if (state.alarmed != 0) result.kind = kind;
    }

    void keep(State& state, double value) const {
        const size_t count = std::min<size_t>(state.count + 1, model_.readings());
        std::memmove(state.last + 1, state.last, (count - 1) * sizeof(double));
        state.last[0] = value;
        state.count = static_cast<uint32_t>(count);
    }

    TrainedModel model_;
    double limit_, release_;
};

void check_model(const model::OptionMap& options, std::vector<std::string>& problems) {
    const std::string content = config::text_option(options, kOptions, "content");
    if (content.empty()) return problems.push_back("model needs a \"file\"");
    const auto parsed = TrainedModel::parse(content);
    if (!parsed) return problems.push_back(parsed.error().message);
    if (parsed->output() == TrainedModel::Output::forecast && !options.contains("limit"))
        problems.emplace_back("this model is a forecast: how far from it is an alarm? Give \"limit\"");
}

}  // namespace

DetectorType model_type() {
    return {
        "model", "what a model trained in scikit-learn or XGBoost says", kOptions,
        [](const model::OptionMap& options) -> std::unique_ptr<Detector> { return std::make_unique<Model>(options); },
        check_model};
}

}  // namespace tributary::detect
