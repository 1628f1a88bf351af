// SPDX-License-Identifier: Apache-2.0
// SASL/OAUTHBEARER: fetches a token with the client's credentials (RFC 6749, section 4.4) whenever librdkafka asks for
// one, before the last one ends. libcurl is loaded only when [kafka.oauth] is set, so that others do not carry its
// libraries. The fetching runs on a thread of librdkafka's; the settings outlive every client made with them.
#pragma once

#include "kafka/client.hpp"
#include "record/token.hpp"

namespace tributary::kafka {

// Before the client is made: its configuration learns whom to ask.
void use_oauth(rd_kafka_conf_t* conf, const config::Settings& settings);
// Behind it: the asking begins.
base::Result<> begin_oauth(rd_kafka_t* client);

// One token, within 10 s. Errors say what is wrong with address, login or answer: TRB-KAFKA-015.
base::Result<record::AccessToken> fetch_token(const config::OauthSettings& settings);

}  // namespace tributary::kafka
