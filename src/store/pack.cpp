// SPDX-License-Identifier: Apache-2.0
#include "store/pack.hpp"

#include <zstd.h>

#include "base/bytes.hpp"
#include "base/hash.hpp"

namespace tributary::store {
namespace {

enum Encoding : char { kPlain = 0, kZstd = 1 };
constexpr unsigned long long kMaxBytes = 512ULL << 20;  // two of MQTT's largest packets: no bomb of a length field

}  // namespace

struct Packer::Contexts {
    ZSTD_CCtx* compress = nullptr;  // made when first needed: a reader never compresses
    ZSTD_DCtx* decompress = nullptr;
    ~Contexts() { ZSTD_freeCCtx(compress), ZSTD_freeDCtx(decompress); }
};

Packer::Packer(int zstd_level) : contexts_(std::make_unique<Contexts>()), level_(zstd_level) {}
Packer::~Packer() = default;

void Packer::pack(std::string_view bytes, std::string& out) {
    if (contexts_->compress == nullptr) contexts_->compress = ZSTD_createCCtx();
    out.resize(1 + ZSTD_compressBound(bytes.size()));
    const size_t packed =
        ZSTD_compressCCtx(contexts_->compress, out.data() + 1, out.size() - 1, bytes.data(), bytes.size(), level_);
    if (ZSTD_isError(packed) == 0 && packed < bytes.size()) {
        out[0] = kZstd;
        out.resize(1 + packed);
    } else {
        out.assign(1, kPlain);
        out.append(bytes);
    }
}

bool Packer::unpack(std::string_view body, std::string& out) {
    if (body.empty()) return false;
    const auto bytes = body.substr(1);
    if (body[0] == kPlain) {
        out.assign(bytes);
        return true;
    }
    const unsigned long long size = ZSTD_getFrameContentSize(bytes.data(), bytes.size());
    if (body[0] != kZstd || size > kMaxBytes) return false;  // the error values are above it
    if (contexts_->decompress == nullptr) contexts_->decompress = ZSTD_createDCtx();
    out.resize(size);
    return ZSTD_decompressDCtx(contexts_->decompress, out.data(), out.size(), bytes.data(), bytes.size()) == size;
}

uint32_t block_crc(const BlockHead& head, std::string_view body) {
    std::string bytes;
    bytes.push_back(static_cast<char>(head.log));
    base::put_fixed64(bytes, head.seq);
    base::put_fixed64(bytes, head.count);
    base::put_fixed64(bytes, static_cast<uint64_t>(head.first_time_ns));
    base::put_fixed64(bytes, static_cast<uint64_t>(head.last_time_ns));
    bytes.append(head.incarnation);
    bytes.push_back(static_cast<char>(head.block_class));
    return base::crc32c(body, base::crc32c(bytes));
}

uint32_t text_crc(uint64_t seq, std::string_view version, std::string_view body) {
    std::string bytes;
    base::put_fixed64(bytes, seq);
    base::put_text(bytes, version);
    return base::crc32c(body, base::crc32c(bytes));
}

}  // namespace tributary::store
