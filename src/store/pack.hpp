// SPDX-License-Identifier: Apache-2.0
// How bytes stand in a body column: one byte for the encoding (0 plain, 1 zstd), then the bytes. Holds the zstd
// contexts, which are used again from body to body; one Packer a thread. The CRC of a block is made here as well.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "store/store.hpp"

namespace tributary::store {

class Packer {
  public:
    explicit Packer(int zstd_level);
    ~Packer();
    Packer(const Packer&) = delete;
    Packer& operator=(const Packer&) = delete;

    void pack(std::string_view bytes, std::string& out);
    bool unpack(std::string_view body, std::string& out);  // false: does not follow the format

  private:
    struct Contexts;
    std::unique_ptr<Contexts> contexts_;
    const int level_;
};

// CRC-32C over the other columns of the row, then the body: a flipped bit in seq would be as bad as one in a payload.
struct BlockHead {
    uint8_t log = 0;
    uint64_t seq = 0;
    uint32_t count = 0;
    int64_t first_time_ns = 0, last_time_ns = 0;
    std::string_view incarnation;
    uint8_t block_class = 0;
};
uint32_t block_crc(const BlockHead& head, std::string_view body);
uint32_t text_crc(uint64_t seq, std::string_view version, std::string_view body);  // config_history and checkpoint

}  // namespace tributary::store
