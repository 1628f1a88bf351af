// SPDX-License-Identifier: Apache-2.0
#include "base/hash.hpp"

#include <openssl/evp.h>
#include <sys/random.h>

#include <array>

#include "base/result.hpp"

namespace tributary::base {
namespace {

constexpr auto kCrcTable = [] {
    std::array<std::array<uint32_t, 256>, 8> table{};
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t crc = i;
        for (int bit = 0; bit < 8; bit++) crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0x82f63b78U : 0);
        table[0][i] = crc;
    }
    // Slicing-by-8 (Kounavis and Berry, 2005): eight bytes a step.
    for (size_t k = 1; k < 8; k++)
        for (size_t i = 0; i < 256; i++) table[k][i] = (table[k - 1][i] >> 8) ^ table[0][table[k - 1][i] & 0xff];
    return table;
}();

std::string to_hex(const unsigned char* data, size_t size) {
    static constexpr char kDigits[] = "0123456789abcdef";
    std::string out(size * 2, '0');
    for (size_t i = 0; i < size; i++) out[2 * i] = kDigits[data[i] >> 4], out[2 * i + 1] = kDigits[data[i] & 15];
    return out;
}

}  // namespace

uint32_t crc32c(std::string_view data, uint32_t seed) {
    uint32_t crc = ~seed;
    const auto* p = reinterpret_cast<const unsigned char*>(data.data());
    size_t left = data.size();
    for (; left >= 8; left -= 8, p += 8) {
        const uint32_t low = crc ^ (static_cast<uint32_t>(p[0]) | static_cast<uint32_t>(p[1]) << 8 |
                                    static_cast<uint32_t>(p[2]) << 16 | static_cast<uint32_t>(p[3]) << 24);
        crc = kCrcTable[7][low & 0xff] ^ kCrcTable[6][(low >> 8) & 0xff] ^ kCrcTable[5][(low >> 16) & 0xff] ^
              kCrcTable[4][low >> 24] ^ kCrcTable[3][p[4]] ^ kCrcTable[2][p[5]] ^ kCrcTable[1][p[6]] ^
              kCrcTable[0][p[7]];
    }
    for (; left > 0; left--, p++) crc = (crc >> 8) ^ kCrcTable[0][(crc ^ *p) & 0xff];
    return ~crc;
}

std::string sha256_hex(std::string_view data) {
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned size = 0;
    TRB_ASSERT(EVP_Digest(data.data(), data.size(), digest.data(), &size, EVP_sha256(), nullptr) == 1);
    return to_hex(digest.data(), size);
}

std::string random_hex(size_t bytes) {
    std::string raw(bytes, '\0');
    TRB_ASSERT(getrandom(raw.data(), raw.size(), 0) == static_cast<ssize_t>(raw.size()));
    return to_hex(reinterpret_cast<const unsigned char*>(raw.data()), raw.size());
}

}  // namespace tributary::base
