// SPDX-License-Identifier: Apache-2.0
#include "gateway/tls_watch.hpp"

#include <sys/stat.h>

#include "base/certificates.hpp"
#include "base/files.hpp"
#include "base/log.hpp"
#include "base/text.hpp"

namespace tributary::gateway {
namespace {

constexpr int64_t kLookNs = 2 * base::kNsPerSecond;
constexpr int64_t kJudgeNs = 3600 * base::kNsPerSecond;
constexpr int64_t kWarnNs = int64_t{14} * 24 * 3600 * base::kNsPerSecond;

}  // namespace

TlsFiles mqtt_tls_files(const config::MqttSettings& settings) {
    TlsFiles files{"mqtt", settings.tls.ca, settings.tls.cert, settings.tls.key, {}, settings.tls.key_password_file,
                   {}};
    return files;
}

TlsFiles kafka_tls_files(const config::KafkaSettings& settings) {
    const auto property = [&](const char* name) {
        const auto found = settings.properties.find(name);
        return found == settings.properties.end() ? std::string() : found->second;
    };
    return {"kafka",
            property("ssl.ca.location"),
            property("ssl.certificate.location"),
            property("ssl.key.location"),
            property("ssl.key.password"),
            property("ssl.keystore.location"),
            settings.password_file};
}

TlsWatch::TlsWatch(TlsFiles files, metrics::Registry& metrics, const base::Clock& clock)
    : files_(std::move(files)), metrics_(metrics), clock_(clock), in_force_(look()), seen_(in_force_) {}

// Links are followed: what they point to is exchanged with them.
std::string TlsWatch::look() const {
    std::string out;
    for (const auto* path : {&files_.ca, &files_.cert, &files_.key, &files_.other, &files_.login}) {
        struct stat info {};
        if (path->empty() || stat(path->c_str(), &info) != 0)
            out += "-;";
        else
            out += base::format("{}.{}.{}.{};", info.st_ino, info.st_size, static_cast<int64_t>(info.st_mtim.tv_sec),
                                static_cast<int64_t>(info.st_mtim.tv_nsec));
    }
    return out;
}

bool TlsWatch::changed() {
    const int64_t now_ns = clock_.boot_ns();
    if (now_ns >= next_judgement_ns_) judge_end();
    if (now_ns < next_look_ns_) return false;
    next_look_ns_ = now_ns + kLookNs;
    const auto now = look();
    const bool still = now == seen_;
    seen_ = now;
    if (now == in_force_ || !still) return false;
    if (!fits()) return false;
    in_force_ = now;
    base::log::info("tls: {} has new certificates, or a new password; connecting with them", files_.side);
    metrics_.healthy("tls-" + files_.side);
    judge_end();
    return true;
}

bool TlsWatch::fits() {
    base::Result<> pair;
    std::string password = files_.password;
    if (files_.side == "mqtt" && !files_.other.empty())
        if (const auto secret = base::read_secret(files_.other)) password = *secret;
    if (!files_.cert.empty())
        pair = base::check_pair(files_.cert, files_.key.empty() ? files_.cert : files_.key, password);
    if (pair && !files_.ca.empty())
        if (auto end = base::certificate_end_ns(files_.ca); !end) pair = end.error();
    if (pair) return true;
    metrics_.degraded("tls-" + files_.side, "TRB-TLS-002",
                      base::format("the new certificate files of {} are not used, the ones before stay in force: {}",
                                   files_.side, pair.error().message));
    return false;
}

void TlsWatch::judge_end() {
    next_judgement_ns_ = clock_.boot_ns() + kJudgeNs;
    int64_t earliest = INT64_MAX;
    std::string which;
    for (const auto* path : {&files_.cert, &files_.ca}) {
        if (path->empty()) continue;
        const auto end = base::certificate_end_ns(*path);
        if (end && *end < earliest) earliest = *end, which = *path;
    }
    if (earliest == INT64_MAX) return;
    metrics_
        .gauge("tributary_certificate_end_timestamp_seconds", "When the first certificate of this side ends", "side",
               files_.side)
        .set(earliest / base::kNsPerSecond);
    const int64_t left = earliest - clock_.wall_ns();
    if (left < kWarnNs)
        metrics_.degraded("tls-" + files_.side, "TRB-TLS-003",
                          base::format("{}: a certificate {} {}", which, left < 0 ? "has ended on" : "ends on",
                                       base::format_time_ms(base::ns_to_ms(earliest))));
    else if (in_force_ == seen_)
        metrics_.healthy("tls-" + files_.side);
}

}  // namespace tributary::gateway
