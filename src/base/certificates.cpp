// SPDX-License-Identifier: Apache-2.0
#include "base/certificates.hpp"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <algorithm>
#include <cstring>
#include <memory>

#include "base/clock.hpp"
#include "base/files.hpp"
#include "base/log.hpp"

namespace tributary::base {
namespace {

struct Free {
    void operator()(BIO* p) const { BIO_free(p); }
    void operator()(X509* p) const { X509_free(p); }
    void operator()(EVP_PKEY* p) const { EVP_PKEY_free(p); }
    void operator()(ASN1_TIME* p) const { ASN1_TIME_free(p); }
};
template <class T>
using Owned = std::unique_ptr<T, Free>;

// What OpenSSL has to say never stays for somebody else's call.
Error failed(const std::string& path, const char* what) {
    const char* reason = ERR_reason_error_string(ERR_peek_last_error());
    ERR_clear_error();
    return {"TRB-TLS-001",
            format("{}: {}{}{}", path, what, reason != nullptr ? ": " : "", reason != nullptr ? reason : "")};
}

Result<Owned<BIO>> open(const std::string& path, std::string& content) {
    auto read = read_file(path);
    if (!read) return read.error();
    content = std::move(*read);
    return Owned<BIO>(BIO_new_mem_buf(content.data(), static_cast<int>(content.size())));
}

int give_password(char* out, int size, int /*writing*/, void* password) {
    const auto& text = *static_cast<const std::string*>(password);
    const int length = std::min(size, static_cast<int>(text.size()));
    std::memcpy(out, text.data(), static_cast<size_t>(length));
    return length;  // never asks at a terminal
}

}  // namespace

Result<int64_t> certificate_end_ns(const std::string& path) {
    std::string content;
    auto bio = open(path, content);
    if (!bio) return bio.error();
    const Owned<ASN1_TIME> epoch(ASN1_TIME_set(nullptr, 0));
    int64_t earliest = INT64_MAX;
    while (const Owned<X509> one{PEM_read_bio_X509(bio->get(), nullptr, nullptr, nullptr)}) {
        int days = 0, seconds = 0;
        if (ASN1_TIME_diff(&days, &seconds, epoch.get(), X509_get0_notAfter(one.get())) != 1)
            return failed(path, "the end of a certificate cannot be read");
        // Years beyond 2262 do not fit; nobody waits for them.
        const int64_t end_s = std::min<int64_t>(int64_t{days} * 86'400 + seconds, INT64_MAX / kNsPerSecond);
        earliest = std::min(earliest, end_s * kNsPerSecond);
    }
    if (earliest == INT64_MAX) return failed(path, "no certificate in PEM form");
    ERR_clear_error();  // the end of the file
    return earliest;
}

Result<> check_pair(const std::string& cert, const std::string& key, const std::string& password) {
    std::string cert_text, key_text;
    auto cert_bio = open(cert, cert_text), key_bio = open(key, key_text);
    if (!cert_bio) return cert_bio.error();
    if (!key_bio) return key_bio.error();
    const Owned<X509> certificate(PEM_read_bio_X509(cert_bio->get(), nullptr, nullptr, nullptr));
    if (!certificate) return failed(cert, "no certificate in PEM form");
    std::string secret = password;
    const Owned<EVP_PKEY> private_key(PEM_read_bio_PrivateKey(key_bio->get(), nullptr, give_password, &secret));
    if (!private_key) return failed(key, "no private key that can be read");
    if (X509_check_private_key(certificate.get(), private_key.get()) != 1)
        return failed(key, "the key does not belong to the certificate");
    return {};
}

}  // namespace tributary::base
