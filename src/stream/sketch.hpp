// SPDX-License-Identifier: Apache-2.0
// Quantiles with a bounded relative error in bounded memory: logarithmic bins (DDSketch) of 1 % error, and when a
// sketch runs out of bins, neighbours are joined and the error nearly doubles (UDDSketch), which it says. Mergeable
// exactly. The bytes belong to the window; all zero = empty. Pure. Texts and infinities never come here.
// Sources: C. Masson, J. E. Rim, H. K. Lee, "DDSketch" (VLDB 2019); I. Epicoco et al., "UDDSketch" (2020).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "base/bytes.hpp"

namespace tributary::stream {

class Sketch {
  public:
    static constexpr double kError = 0.01;  // relative, of a fresh sketch
    static constexpr uint32_t kFewestBins = 16, kMostBins = 4096;

    explicit Sketch(uint32_t bins) : bins_(bins) {}
    size_t bytes() const { return sizeof(Head) + bins_ * sizeof(Bin); }

    void add(std::byte* at, double value) const;
    void merge(std::byte* into, const std::byte* other) const;
    // The value of rank ceil(q * count), at most error() off in proportion to it. Of an empty sketch: 0.
    double quantile(const std::byte* at, double q) const;
    double error(const std::byte* at) const;
    bool coarse(const std::byte* at) const { return head(at).joined != 0; }  // its error is above kError

    void save(const std::byte* at, std::string& out) const;
    bool load(std::byte* at, base::ByteReader& in) const;

  private:
    // In order of value: the key of a negative value is the negated one of its magnitude, 0 is zero.
    struct Bin {
        int32_t key;
        uint32_t count;  // stays at its greatest value
    };
    struct Head {
        uint32_t used;
        uint32_t joined;  // how often neighbours were joined
    };
    static Head& head(std::byte* at) { return *reinterpret_cast<Head*>(at); }
    static const Head& head(const std::byte* at) { return *reinterpret_cast<const Head*>(at); }
    static Bin* bins(std::byte* at) { return reinterpret_cast<Bin*>(at + sizeof(Head)); }
    static const Bin* bins(const std::byte* at) { return reinterpret_cast<const Bin*>(at + sizeof(Head)); }

    void count(std::byte* at, int32_t key, uint32_t n) const;
    static void join(std::byte* at);

    uint32_t bins_;
};

}  // namespace tributary::stream
