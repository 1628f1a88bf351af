// SPDX-License-Identifier: Apache-2.0
#include "record/token.hpp"

#include <nlohmann/json.hpp>

#include "base/log.hpp"

namespace tributary::record {

base::Result<AccessToken> parse_token_answer(std::string_view json) {
    constexpr int64_t kUsualLifetime = 3600;
    const auto answer = nlohmann::json::parse(json, nullptr, false);
    if (!answer.is_object()) return base::Error{"TRB-KAFKA-015", "the answer is not a JSON object"};
    const auto text = [&](const char* name) {
        const auto found = answer.find(name);
        return found != answer.end() && found->is_string() ? found->get<std::string>() : std::string();
    };
    AccessToken out{text("access_token"), kUsualLifetime};
    if (out.token.empty()) {
        const auto error = text("error"), detail = text("error_description");
        return base::Error{"TRB-KAFKA-015",
                           base::format("there is no access_token in the answer{}{}{}{}", error.empty() ? "" : ": ",
                                        error, detail.empty() ? "" : ", ", detail)};
    }
    if (const auto found = answer.find("expires_in"); found != answer.end()) {
        if (found->is_number()) out.lifetime_s = static_cast<int64_t>(found->get<double>());
        if (found->is_string()) out.lifetime_s = std::atoll(found->get<std::string>().c_str());
    }
    if (out.lifetime_s <= 0) return base::Error{"TRB-KAFKA-015", "the token has ended already (expires_in)"};
    return out;
}

}  // namespace tributary::record
