// SPDX-License-Identifier: Apache-2.0
// Checksums and digests: CRC-32C for blocks on disk (Castagnoli, as in iSCSI, RFC 3720), FNV-1a for hash tables and
// the DUP filter, SHA-256 (FIPS 180-4, libcrypto) where a name must not collide. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace tributary::base {

uint32_t crc32c(std::string_view data, uint32_t seed = 0);

constexpr uint64_t kFnvSeed = 14695981039346656037ULL;
constexpr uint64_t fnv1a(std::string_view data, uint64_t hash = kFnvSeed) {
    for (const char c : data) hash = (hash ^ static_cast<uint8_t>(c)) * 1099511628211ULL;
    return hash;
}

std::string sha256_hex(std::string_view data);  // 64 lower-case hex digits

std::string random_hex(size_t bytes);  // from the kernel; 2 digits a byte

}  // namespace tributary::base
