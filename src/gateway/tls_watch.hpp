// SPDX-License-Identifier: Apache-2.0
// The certificates, keys and password of one side, MQTT's or Kafka's: until when they hold, and when other ones are
// there, whether these fit together. Files may come one after the other: nothing is switched before key and certificate
// are a pair and have stood still for two looks. Owned by Runtime, control's thread. What it does not do: connect
// (session, kafka).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "config/settings.hpp"
#include "metrics/metrics.hpp"

namespace tributary::gateway {

struct TlsFiles {
    std::string side;  // "mqtt" | "kafka"
    std::string ca, cert, key, password;
    std::string other;  // read by the client alone, e.g. a PKCS#12 store; only watched
    std::string login;  // a password beside them; only watched
    bool empty() const { return ca.empty() && cert.empty() && key.empty() && other.empty() && login.empty(); }
};
TlsFiles mqtt_tls_files(const config::MqttSettings& settings);
TlsFiles kafka_tls_files(const config::KafkaSettings& settings);

class TlsWatch {
  public:
    TlsWatch(TlsFiles files, metrics::Registry& metrics, const base::Clock& clock);

    // About once a second; looks now and then. True: other files are in place and fit: connect with them.
    bool changed();

  private:
    std::string look() const;
    bool fits();
    void judge_end();

    const TlsFiles files_;
    metrics::Registry& metrics_;
    const base::Clock& clock_;
    std::string in_force_, seen_;  // what the files looked like
    int64_t next_look_ns_ = 0, next_judgement_ns_ = 0;
};

}  // namespace tributary::gateway
