// SPDX-License-Identifier: Apache-2.0
#include "detect/onnx.hpp"

#ifdef TRIBUTARY_ONNX
#include <onnxruntime_c_api.h>

#include <array>
#include <cmath>
#include <cstdint>

#include "base/log.hpp"
#endif

namespace tributary::detect {

#ifdef TRIBUTARY_ONNX
namespace {

base::Error fault(std::string_view why) {
    return {"TRB-DETECT-003", base::format("the model cannot be used: ONNX Runtime: {}", why)};
}

// The C interface: its C++ one throws.
class Session final : public OnnxModel {
  public:
    explicit Session(size_t features) : features_(static_cast<int64_t>(features)) {}
    ~Session() override {
        if (memory_ != nullptr) api().ReleaseMemoryInfo(memory_);
        if (session_ != nullptr) api().ReleaseSession(session_);
    }

    // "" or what is wrong.
    std::string open(std::string_view model, const std::string& output) {
        OrtSessionOptions* options = nullptr;
        if (!ok(api().CreateSessionOptions(&options))) return why_;
        // One thread and one order of the sums: what the engine asks of everything it calls.
        const bool set =
            ok(api().SetIntraOpNumThreads(options, 1)) && ok(api().SetInterOpNumThreads(options, 1)) &&
            ok(api().SetDeterministicCompute(options, true)) &&
            ok(api().CreateSessionFromArray(environment(), model.data(), model.size(), options, &session_));
        api().ReleaseSessionOptions(options);
        if (!set || !ok(api().CreateCpuMemoryInfo(OrtArenaAllocator, OrtMemTypeDefault, &memory_))) return why_;
        size_t inputs = 0, outputs = 0;
        if (!ok(api().SessionGetInputCount(session_, &inputs)) || !ok(api().SessionGetOutputCount(session_, &outputs)))
            return why_;
        if (inputs != 1 || outputs == 0) return "it has not one input and at least one output";
        input_ = name_of(true, 0);
        output_ = output.empty() ? name_of(false, outputs - 1) : output;
        std::array<float, 64> probe{};
        if (features_ > static_cast<int64_t>(probe.size())) return "it has more than 64 features";
        return std::isfinite(predict({probe.data(), static_cast<size_t>(features_)}))
                   ? ""
                   : base::format("a trial with zeros gives no number at \"{}\": {}", output_, why_);
    }

    double predict(std::span<const float> features) const override {
        const std::array<int64_t, 2> shape{1, features_};
        OrtValue *input = nullptr, *output = nullptr;
        double result = std::nan("");
        // The library only reads it.
        auto* const data = const_cast<float*>(features.data());
        const char *input_name = input_.c_str(), *output_name = output_.c_str();
        if (ok(api().CreateTensorWithDataAsOrtValue(memory_, data, features.size_bytes(), shape.data(), shape.size(),
                                                    ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT, &input)) &&
            ok(api().Run(session_, nullptr, &input_name, &input, 1, &output_name, 1, &output)))
            result = last_of(output);
        if (output != nullptr) api().ReleaseValue(output);
        if (input != nullptr) api().ReleaseValue(input);
        return result;
    }

  private:
    static const OrtApi& api() {
        static const OrtApi* const api = OrtGetApiBase()->GetApi(ORT_API_VERSION);
        TRB_ASSERT(api != nullptr);  // a library older than its header
        return *api;
    }
    static OrtEnv* environment() {  // one a process, for its whole life
        static OrtEnv* const environment = [] {
            OrtEnv* made = nullptr;
            if (auto* status = api().CreateEnv(ORT_LOGGING_LEVEL_ERROR, "tributary", &made))
                api().ReleaseStatus(status);
            return made;
        }();
        return environment;
    }

    bool ok(OrtStatus* status) const {
        if (status == nullptr) return true;
        why_ = api().GetErrorMessage(status);
        api().ReleaseStatus(status);
        return false;
    }

    std::string name_of(bool input, size_t index) {
        OrtAllocator* allocator = nullptr;
        char* name = nullptr;
        if (!ok(api().GetAllocatorWithDefaultOptions(&allocator))) return {};
        const bool got = input ? ok(api().SessionGetInputName(session_, index, allocator, &name))
                               : ok(api().SessionGetOutputName(session_, index, allocator, &name));
        if (!got) return {};
        std::string text = name;
        (void)ok(api().AllocatorFree(allocator, name));
        return text;
    }

    double last_of(const OrtValue* value) const {
        OrtTensorTypeAndShapeInfo* info = nullptr;
        int tensor = 0;
        if (!ok(api().IsTensor(value, &tensor)) || tensor == 0) return std::nan("");  // a list of maps: zipmap
        if (!ok(api().GetTensorTypeAndShape(value, &info))) return std::nan("");
        size_t count = 0;
        auto type = ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED;
        const bool known =
            ok(api().GetTensorShapeElementCount(info, &count)) && ok(api().GetTensorElementType(info, &type));
        api().ReleaseTensorTypeAndShapeInfo(info);
        void* data = nullptr;
        if (!known || count == 0 || !ok(api().GetTensorMutableData(const_cast<OrtValue*>(value), &data)))
            return std::nan("");
        if (type == ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT) return static_cast<const float*>(data)[count - 1];
        if (type == ONNX_TENSOR_ELEMENT_DATA_TYPE_DOUBLE) return static_cast<const double*>(data)[count - 1];
        return std::nan("");
    }

    const int64_t features_;
    OrtSession* session_ = nullptr;
    OrtMemoryInfo* memory_ = nullptr;
    std::string input_, output_;
    mutable std::string why_;
};

}  // namespace

base::Result<std::shared_ptr<const OnnxModel>> OnnxModel::load(std::string_view model, const std::string& output,
                                                               size_t features) {
    auto session = std::make_shared<Session>(features);
    if (const auto wrong = session->open(model, output); !wrong.empty()) return fault(wrong);
    return std::shared_ptr<const OnnxModel>(std::move(session));
}
#else
base::Result<std::shared_ptr<const OnnxModel>> OnnxModel::load(std::string_view /*model*/,
                                                               const std::string& /*output*/, size_t /*features*/) {
    return base::Error{"TRB-DETECT-003",
                       "the model cannot be used: this gateway is built without ONNX Runtime (TRIBUTARY_ONNX)"};
}
#endif

}  // namespace tributary::detect
