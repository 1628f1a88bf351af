// SPDX-License-Identifier: Apache-2.0
// Little-endian fixed and variable-length integers, for the records on disk (docs/formats). Writer appends to a
// string; Reader walks a view and turns sour at the first thing that does not fit: check ok() once at the end.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace tributary::base {

// LEB128: seven bits a byte, low bits first.
inline void put_varint(std::string& out, uint64_t value) {
    while (value >= 0x80) {
        out.push_back(static_cast<char>(value | 0x80));
        value >>= 7;
    }
    out.push_back(static_cast<char>(value));
}

inline uint64_t zigzag(int64_t value) {
    return (static_cast<uint64_t>(value) << 1) ^ static_cast<uint64_t>(value >> 63);
}
inline int64_t unzigzag(uint64_t value) { return static_cast<int64_t>((value >> 1) ^ (~(value & 1) + 1)); }
inline void put_signed(std::string& out, int64_t value) { put_varint(out, zigzag(value)); }

inline void put_fixed64(std::string& out, uint64_t value) {
    for (int i = 0; i < 8; i++) out.push_back(static_cast<char>(value >> (8 * i)));
}
inline void put_double(std::string& out, double value) { put_fixed64(out, std::bit_cast<uint64_t>(value)); }
inline void put_text(std::string& out, std::string_view text) {
    put_varint(out, text.size());
    out.append(text);
}

class ByteReader {
  public:
    explicit ByteReader(std::string_view data) : data_(data) {}

    bool ok() const { return ok_; }
    bool at_end() const { return data_.empty(); }
    size_t left() const { return data_.size(); }

    uint8_t byte() {
        if (data_.empty()) return fail(), 0;
        const auto value = static_cast<uint8_t>(data_.front());
        data_.remove_prefix(1);
        return value;
    }
    uint64_t varint() {
        uint64_t value = 0;
        for (int shift = 0; shift < 64; shift += 7) {
            const uint8_t next = byte();
            if (!ok_) return 0;
            value |= static_cast<uint64_t>(next & 0x7f) << shift;
            if ((next & 0x80) == 0) return value;
        }
        return fail(), 0;
    }
    int64_t signed_varint() { return unzigzag(varint()); }
    uint64_t fixed64() {
        const auto bytes = take(8);
        uint64_t value = 0;
        for (size_t i = 0; i < bytes.size(); i++)
            value |= static_cast<uint64_t>(static_cast<uint8_t>(bytes[i])) << (8 * i);
        return value;
    }
    double number() { return std::bit_cast<double>(fixed64()); }
    std::string_view take(size_t size) {
        if (size > data_.size()) return fail(), std::string_view{};
        const auto part = data_.substr(0, size);
        data_.remove_prefix(size);
        return part;
    }
    std::string_view text() { return take(varint()); }
    std::string_view rest() { return take(data_.size()); }
    void fail() { ok_ = false, data_ = {}; }

  private:
    std::string_view data_;
    bool ok_ = true;
};

}  // namespace tributary::base
