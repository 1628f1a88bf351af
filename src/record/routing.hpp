// SPDX-License-Identifier: Apache-2.0
// Where a record goes and what it carries besides: topic, key and headers by the templates of [kafka], and the headers
// of CloudEvents 1.0 (Kafka protocol binding, binary mode). Comes behind project(), before a lane adds its own ending
// to the topic. Without any of these settings it does nothing. Pure; const after the constructor, any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/template.hpp"
#include "record/record.hpp"

namespace tributary::record {

class Routing {
  public:
    explicit Routing(const config::Settings& settings);  // checked: the templates are right
    Routing(std::string gateway, std::string prefix);    // the usual topics and keys

    Source source(std::string_view incarnation) const { return {gateway_, prefix_, incarnation}; }
    const std::string& gateway() const { return gateway_; }
    const std::string& prefix() const { return prefix_; }

    void address(const model::Output& output, KafkaRecord& record) const;
    // A reading or a message as it came; series: of a message its MQTT topic.
    void address(const config::StreamSettings& stream, std::string_view series, KafkaRecord& record) const;
    // The gateway's own words: no template, but CloudEvents.
    void address_own(std::string_view kind, KafkaRecord& record) const;

    // All topics to which records of this log go under this configuration, once each.
    static std::vector<std::string> topics(const config::Settings& settings, model::Log log);

  private:
    void fill(std::string_view kind, std::string_view stream, std::string_view series, const model::Labels& labels,
              KafkaRecord& record) const;
    void add_cloudevents(std::string_view kind, std::string_view subject, KafkaRecord& record) const;

    std::string gateway_, prefix_, source_;
    bool cloudevents_ = false, topic_is_usual_ = true, key_is_usual_ = true;
    config::Template topic_, key_;
    std::vector<std::pair<std::string, config::Template>> headers_;
};

}  // namespace tributary::record
