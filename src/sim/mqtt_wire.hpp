// SPDX-License-Identifier: Apache-2.0
// MQTT 3.1.1 and 5.0 packets as the fake broker needs them: what a client sends is parsed, what a broker sends is
// built. Written from the OASIS standards; no part of the gateway uses it, so that tests have a second opinion.
// Pure; any thread. Not for QoS 2.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tributary::sim {

enum class PacketType : uint8_t {
    connect = 1,
    connack = 2,
    publish = 3,
    puback = 4,
    subscribe = 8,
    suback = 9,
    unsubscribe = 10,
    unsuback = 11,
    pingreq = 12,
    pingresp = 13,
    disconnect = 14,
};

struct ConnectInfo {
    std::string client_id;
    uint8_t version = 0;       // 4 = 3.1.1, 5 = 5.0
    bool clean_start = false;  // 3.1.1: clean session
    uint16_t keepalive_s = 0;
    std::optional<uint32_t> session_expiry_s;
    std::optional<uint16_t> receive_maximum;
    bool has_user = false, has_password = false, has_will = false;
    std::string user, will_topic, will_payload;
    bool will_retain = false;
    uint8_t will_qos = 0;
};

struct Subscription {
    std::string filter;
    uint8_t qos = 0;
    uint8_t retain_handling = 0;
    bool no_local = false, retain_as_published = false;
};

// One packet from a client. Fields that its type does not have keep their defaults.
struct Received {
    PacketType type = PacketType::pingreq;
    int connection = 0;   // from 1, in order of acceptance
    int64_t time_ns = 0;  // CLOCK_MONOTONIC, when the broker had read it
    uint16_t packet_id = 0;
    uint8_t reason = 0;  // PUBACK, DISCONNECT
    ConnectInfo connect;
    std::vector<Subscription> filters;  // SUBSCRIBE; UNSUBSCRIBE: the filter only
    std::string topic, payload;         // PUBLISH
    uint8_t qos = 0;
    bool dup = false, retain = false;
};

struct Publish {
    std::string_view topic, payload;
    uint16_t packet_id = 0;  // for QoS 1
    uint8_t qos = 1;
    bool dup = false, retain = false;
};

// Takes one whole packet off the front of `bytes`; nullopt: not whole yet (malformed stays false) or malformed.
// `version` is the connection's; a CONNECT sets it.
std::optional<Received> take_packet(std::string_view& bytes, uint8_t& version, bool& malformed);

std::string make_connack(uint8_t version, bool session_present, uint8_t code);
std::string make_publish(uint8_t version, const Publish& publish);
std::string make_ack(PacketType type, uint8_t version, uint16_t packet_id, std::string_view codes = {});

}  // namespace tributary::sim
