// SPDX-License-Identifier: Apache-2.0
#include "sim/mqtt_wire.hpp"

#include "base/bytes.hpp"

namespace tributary::sim {
namespace {

uint16_t read_u16(base::ByteReader& in) {
    const unsigned high = in.byte();
    return static_cast<uint16_t>(high << 8 | in.byte());
}
uint32_t read_u32(base::ByteReader& in) {
    const uint32_t high = read_u16(in);
    return high << 16 | read_u16(in);
}
std::string read_text(base::ByteReader& in) { return std::string(in.take(read_u16(in))); }

void put_u16(std::string& out, size_t value) {
    out.push_back(static_cast<char>(value >> 8));
    out.push_back(static_cast<char>(value));
}

// MQTT 5.0, section 2.2.2.2: the type of a property follows from its identifier. Only two values matter here.
void read_properties(base::ByteReader& in, uint8_t version, ConnectInfo* info) {
    if (version < 5) return;
    base::ByteReader properties(in.text());
    while (properties.ok() && !properties.at_end()) {
        const uint8_t id = properties.byte();
        switch (id) {
            case 0x01:
            case 0x17:
            case 0x19:
            case 0x24:
            case 0x25:
            case 0x28:
            case 0x29:
            case 0x2a:
                properties.byte();
                break;
            case 0x13:
            case 0x22:
            case 0x23:
                read_u16(properties);
                break;
            case 0x21: {
                const uint16_t value = read_u16(properties);
                if (info != nullptr) info->receive_maximum = value;
                break;
            }
            case 0x02:
            case 0x18:
            case 0x27:
                read_u32(properties);
                break;
            case 0x11: {
                const uint32_t value = read_u32(properties);
                if (info != nullptr) info->session_expiry_s = value;
                break;
            }
            case 0x0b:
                properties.varint();
                break;
            case 0x26:
                read_text(properties);
                read_text(properties);
                break;
            case 0x03:
            case 0x08:
            case 0x09:
            case 0x12:
            case 0x15:
            case 0x16:
            case 0x1a:
            case 0x1c:
            case 0x1f:
                read_text(properties);
                break;
            default:
                properties.fail();
        }
    }
    if (!properties.ok()) in.fail();
}

void read_connect(base::ByteReader& in, uint8_t& version, ConnectInfo& info) {
    if (read_text(in) != "MQTT") return in.fail();
    info.version = version = in.byte();
    if (version != 4 && version != 5) return in.fail();
    const uint8_t flags = in.byte();
    info.clean_start = (flags & 0x02) != 0;
    info.has_will = (flags & 0x04) != 0;
    info.will_qos = (flags >> 3) & 3;
    info.will_retain = (flags & 0x20) != 0;
    info.has_password = (flags & 0x40) != 0;
    info.has_user = (flags & 0x80) != 0;
    info.keepalive_s = read_u16(in);
    read_properties(in, version, &info);
    info.client_id = read_text(in);
    if (info.has_will) {
        read_properties(in, version, nullptr);
        info.will_topic = read_text(in);
        info.will_payload = read_text(in);
    }
    if (info.has_user) info.user = read_text(in);
    if (info.has_password) read_text(in);
}

void read_filters(base::ByteReader& in, Received& packet) {
    while (in.ok() && !in.at_end()) {
        Subscription entry;
        entry.filter = read_text(in);
        if (packet.type == PacketType::subscribe) {
            const uint8_t options = in.byte();
            entry.qos = options & 3;
            entry.no_local = (options & 4) != 0;
            entry.retain_as_published = (options & 8) != 0;
            entry.retain_handling = (options >> 4) & 3;
        }
        packet.filters.push_back(std::move(entry));
    }
    if (packet.filters.empty()) in.fail();
}

bool read_body(base::ByteReader in, uint8_t flags, uint8_t& version, Received& packet) {
    switch (packet.type) {
        case PacketType::connect:
            read_connect(in, version, packet.connect);
            break;
        case PacketType::publish:
            packet.dup = (flags & 8) != 0;
            packet.qos = (flags >> 1) & 3;
            packet.retain = (flags & 1) != 0;
            packet.topic = read_text(in);
            if (packet.qos > 0) packet.packet_id = read_u16(in);
            read_properties(in, version, nullptr);
            packet.payload = std::string(in.rest());
            break;
        case PacketType::puback:
            packet.packet_id = read_u16(in);
            if (!in.at_end()) packet.reason = in.byte();
            break;
        case PacketType::subscribe:
        case PacketType::unsubscribe:
            packet.packet_id = read_u16(in);
            read_properties(in, version, nullptr);
            read_filters(in, packet);
            break;
        case PacketType::disconnect:
            if (!in.at_end()) packet.reason = in.byte();
            break;
        case PacketType::pingreq:
            break;
        default:
            return false;
    }
    return in.ok();
}

std::string framed(uint8_t first, std::string_view body) {
    std::string out(1, static_cast<char>(first));
    base::put_varint(out, body.size());
    return out.append(body);
}

uint8_t type_bits(PacketType type) { return static_cast<uint8_t>(static_cast<unsigned>(type) << 4); }

}  // namespace

std::optional<Received> take_packet(std::string_view& bytes, uint8_t& version, bool& malformed) {
    if (bytes.empty()) return std::nullopt;
    const auto first = static_cast<uint8_t>(bytes[0]);
    const auto type = static_cast<PacketType>(first >> 4);
    if ((type == PacketType::connect) != (version == 0)) return malformed = true, std::nullopt;
    // The length field ends within four bytes or the packet is malformed.
    size_t header = 1;
    while (header < bytes.size() && header < 5 && (bytes[header] & 0x80) != 0) header++;
    if (header == 5) return malformed = true, std::nullopt;
    if (header >= bytes.size()) return std::nullopt;
    base::ByteReader length(bytes.substr(1, header));
    const size_t size = length.varint();
    if (bytes.size() < header + 1 + size) return std::nullopt;

    Received packet;
    packet.type = type;
    if (!read_body(base::ByteReader(bytes.substr(header + 1, size)), first & 15, version, packet))
        return malformed = true, std::nullopt;
    bytes.remove_prefix(header + 1 + size);
    return packet;
}

std::string make_connack(uint8_t version, bool session_present, uint8_t code) {
    std::string body{static_cast<char>(session_present && code == 0), static_cast<char>(code)};
    if (version >= 5) body.push_back(0);
    return framed(type_bits(PacketType::connack), body);
}

std::string make_publish(uint8_t version, const Publish& publish) {
    std::string body;
    put_u16(body, publish.topic.size());
    body.append(publish.topic);
    if (publish.qos > 0) put_u16(body, publish.packet_id);
    if (version >= 5) body.push_back(0);
    body.append(publish.payload);
    const unsigned flags = (publish.dup ? 8u : 0u) | (publish.qos & 3u) << 1 | (publish.retain ? 1u : 0u);
    return framed(static_cast<uint8_t>(type_bits(PacketType::publish) | flags), body);
}

std::string make_ack(PacketType type, uint8_t version, uint16_t packet_id, std::string_view codes) {
    std::string body;
    if (type != PacketType::pingresp) put_u16(body, packet_id);
    if (version >= 5 && (type == PacketType::suback || type == PacketType::unsuback)) body.push_back(0);
    body.append(codes);
    return framed(type_bits(type), body);
}

}  // namespace tributary::sim
