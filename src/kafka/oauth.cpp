// SPDX-License-Identifier: Apache-2.0
#include "kafka/oauth.hpp"

#include <curl/curl.h>
#include <dlfcn.h>

#include <array>
#include <mutex>

#include "base/files.hpp"
#include "base/log.hpp"

namespace tributary::kafka {
namespace {

using base::Error;

constexpr const char* kCode = "TRB-KAFKA-015";
constexpr long kTimeoutS = 10;
constexpr size_t kMostBytes = 1 << 20;  // of an answer

// The few functions of libcurl, loaded once and kept.
struct Curl {
    decltype(&curl_global_init) global_init = nullptr;
    decltype(&curl_easy_init) init = nullptr;
    decltype(&curl_easy_setopt) setopt = nullptr;
    decltype(&curl_easy_perform) perform = nullptr;
    decltype(&curl_easy_getinfo) getinfo = nullptr;
    decltype(&curl_easy_strerror) strerror = nullptr;
    decltype(&curl_easy_escape) escape = nullptr;
    decltype(&curl_free) free = nullptr;
    decltype(&curl_easy_cleanup) cleanup = nullptr;
    bool loaded = false;

    Curl() {
        void* library = dlopen("libcurl.so.4", RTLD_NOW | RTLD_LOCAL);
        if (library == nullptr) return;
        const auto find = [&](auto& into, const char* name) {
            into = reinterpret_cast<std::remove_reference_t<decltype(into)>>(dlsym(library, name));
            return into != nullptr;
        };
        loaded = find(global_init, "curl_global_init") && find(init, "curl_easy_init") &&
                 find(setopt, "curl_easy_setopt") && find(perform, "curl_easy_perform") &&
                 find(getinfo, "curl_easy_getinfo") && find(strerror, "curl_easy_strerror") &&
                 find(escape, "curl_easy_escape") && find(free, "curl_free") && find(cleanup, "curl_easy_cleanup") &&
                 global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
    }
};

const Curl& curl() {
    static const Curl library;
    return library;
}

size_t take(char* bytes, size_t size, size_t count, void* into) {
    auto& out = *static_cast<std::string*>(into);
    if (out.size() + size * count > kMostBytes) return 0;
    out.append(bytes, size * count);
    return size * count;
}

void on_refresh(rd_kafka_t* client, const char* /*config*/, void* opaque) {
    const auto& settings = *static_cast<const config::OauthSettings*>(opaque);
    const auto token = fetch_token(settings);
    if (!token) {
        base::log::warning("{}: {}", token.error().code, token.error().message);
        rd_kafka_oauthbearer_set_token_failure(client, token.error().message.c_str());
        return;
    }
    const int64_t end_ms = (base::SystemClock().wall_ns() / base::kNsPerSecond + token->lifetime_s) * 1000;
    std::array<char, 256> text{};
    if (rd_kafka_oauthbearer_set_token(client, token->token.c_str(), end_ms, settings.client_id.c_str(), nullptr, 0,
                                       text.data(), text.size()) == RD_KAFKA_RESP_ERR_NO_ERROR)
        return;
    base::log::warning("{}: the Kafka client does not take the token: {}", kCode, text.data());
    rd_kafka_oauthbearer_set_token_failure(client, text.data());
}

}  // namespace

base::Result<record::AccessToken> fetch_token(const config::OauthSettings& settings) {
    const auto failed = [&](const std::string& why) {
        return Error{kCode, base::format("no token from {}: {}", settings.token_url, why)};
    };
    const auto secret = base::read_secret(settings.client_secret_file);
    if (!secret) return failed(secret.error().message);
    const auto& library = curl();
    if (!library.loaded) return failed("libcurl.so.4 is not there: apt install libcurl4");
    const std::unique_ptr<CURL, decltype(library.cleanup)> request(library.init(), library.cleanup);
    if (!request) return failed("no memory");
    const auto escaped = [&](const std::string& text) {
        const std::unique_ptr<char, decltype(library.free)> out(
            library.escape(request.get(), text.data(), static_cast<int>(text.size())), library.free);
        return std::string(out ? out.get() : "");
    };
    std::string answer, form = "grant_type=client_credentials";
    if (!settings.scope.empty()) form += "&scope=" + escaped(settings.scope);
    // As RFC 6749, section 2.3.1 wants it: both encoded first.
    const std::string login = escaped(settings.client_id) + ":" + escaped(*secret);
    std::array<char, CURL_ERROR_SIZE> why{};
    const auto set = [&](CURLoption option, auto value) { library.setopt(request.get(), option, value); };
    set(CURLOPT_URL, settings.token_url.c_str());
    set(CURLOPT_PROTOCOLS_STR, "https,http");  // http: loopback only, see config
    set(CURLOPT_POSTFIELDS, form.c_str());
    set(CURLOPT_HTTPAUTH, static_cast<long>(CURLAUTH_BASIC));
    set(CURLOPT_USERPWD, login.c_str());
    set(CURLOPT_TIMEOUT, kTimeoutS);
    set(CURLOPT_NOSIGNAL, 1L);
    set(CURLOPT_ERRORBUFFER, why.data());
    set(CURLOPT_WRITEFUNCTION, &take);
    set(CURLOPT_WRITEDATA, static_cast<void*>(&answer));
    if (!settings.ca.empty()) set(CURLOPT_CAINFO, settings.ca.c_str());
    const auto done = library.perform(request.get());
    if (done != CURLE_OK) return failed(why[0] != '\0' ? why.data() : library.strerror(done));
    long status = 0;
    library.getinfo(request.get(), CURLINFO_RESPONSE_CODE, &status);
    auto token = record::parse_token_answer(answer);
    if (!token)
        return failed(
            base::format("{} (HTTP {}); look at client_id and client_secret_file", token.error().message, status));
    return token;
}

void use_oauth(rd_kafka_conf_t* conf, const config::Settings& settings) {
    rd_kafka_conf_enable_sasl_queue(conf, 1);
    rd_kafka_conf_set_opaque(conf, const_cast<config::OauthSettings*>(&settings.kafka.oauth));
    rd_kafka_conf_set_oauthbearer_token_refresh_cb(conf, &on_refresh);
}

base::Result<> begin_oauth(rd_kafka_t* client) {
    const Owned<rd_kafka_error_t> error(rd_kafka_sasl_background_callbacks_enable(client));
    if (error) return Error{kCode, rd_kafka_error_string(error.get())};
    return {};
}

}  // namespace tributary::kafka
