// SPDX-License-Identifier: Apache-2.0
// The answer of an OAuth 2.0 token endpoint (RFC 6749, section 5): token and lifetime, or what the endpoint had to say
// against it. It stands here because JSON is read in this room. Pure; any thread. What it does not do: fetch it
// (kafka/oauth), look into the token.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace tributary::record {

struct AccessToken {
    std::string token;
    int64_t lifetime_s = 0;
};

// Without expires_in: an hour. The error says what the endpoint said, never the token.
base::Result<AccessToken> parse_token_answer(std::string_view json);

}  // namespace tributary::record
