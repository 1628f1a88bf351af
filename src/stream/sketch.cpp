// SPDX-License-Identifier: Apache-2.0
#include "stream/sketch.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "base/math.hpp"

namespace tributary::stream {
namespace {

// A magnitude's bin is ceil(ln(magnitude) / ln(gamma)) + kOffset, so that keys of magnitudes are above zero.
constexpr int32_t kOffset = 1 << 17;
constexpr uint32_t kMostJoins = 15;

double ln_gamma() {
    static const double ln = base::math::ln((1 + Sketch::kError) / (1 - Sketch::kError));
    return ln;
}

int32_t half_up(int32_t index) { return index >= 0 ? (index + 1) / 2 : index / 2; }  // ceil(index / 2)

// The bin after its width was doubled: gamma becomes gamma^2.
int32_t joined(int32_t key) {
    if (key == 0) return 0;
    const int32_t index = half_up(std::abs(key) - kOffset) + kOffset;
    return key > 0 ? index : -index;
}

int32_t key_of(double value) {
    const double magnitude = std::fabs(value);
    if (magnitude < std::numeric_limits<double>::min()) return 0;
    const auto index = static_cast<int32_t>(std::ceil(base::math::ln(magnitude) / ln_gamma()));
    return value > 0 ? index + kOffset : -index - kOffset;
}

double error_after(uint32_t joins) {
    double error = Sketch::kError;
    for (; joins > 0; joins--) error = 2 * error / (1 + error * error);
    return error;
}

}  // namespace

void Sketch::add(std::byte* at, double value) const {
    int32_t key = key_of(value);
    for (uint32_t i = 0; i < head(at).joined; i++) key = joined(key);
    count(at, key, 1);
}

void Sketch::count(std::byte* at, int32_t key, uint32_t n) const {
    Bin* const first = bins(at);
    Bin* place = std::lower_bound(first, first + head(at).used, key, [](const Bin& b, int32_t k) { return b.key < k; });
    if (place != first + head(at).used && place->key == key) {
        place->count = n > UINT32_MAX - place->count ? UINT32_MAX : place->count + n;
        return;
    }
    if (head(at).used == bins_ && head(at).joined < kMostJoins) {
        join(at);
        return count(at, joined(key), n);
    }
    if (head(at).used == bins_) return;  // 15 joins take every double to a handful of bins
    std::memmove(place + 1, place, static_cast<size_t>(first + head(at).used - place) * sizeof(Bin));
    *place = {key, n};
    head(at).used++;
}

void Sketch::join(std::byte* at) {
    Bin* const all = bins(at);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < head(at).used; i++) {
        const Bin bin{joined(all[i].key), all[i].count};
        if (kept > 0 && all[kept - 1].key == bin.key)
            all[kept - 1].count =
                bin.count > UINT32_MAX - all[kept - 1].count ? UINT32_MAX : all[kept - 1].count + bin.count;
        else
            all[kept++] = bin;
    }
    head(at).used = kept;
    head(at).joined++;
}

void Sketch::merge(std::byte* into, const std::byte* other) const {
    while (head(into).joined < head(other).joined) join(into);
    for (uint32_t i = 0; i < head(other).used; i++) {
        int32_t key = bins(other)[i].key;
        for (uint32_t j = head(other).joined; j < head(into).joined; j++) key = joined(key);
        count(into, key, bins(other)[i].count);
    }
}

double Sketch::quantile(const std::byte* at, double q) const {
    uint64_t total = 0;
    for (uint32_t i = 0; i < head(at).used; i++) total += bins(at)[i].count;
    if (total == 0) return 0;
    const auto rank = static_cast<uint64_t>(std::max(1.0, std::ceil(q * static_cast<double>(total))));
    uint64_t passed = 0;
    int32_t key = 0;
    for (uint32_t i = 0; i < head(at).used && passed < rank; i++) {
        key = bins(at)[i].key;
        passed += bins(at)[i].count;
    }
    if (key == 0) return 0;
    // Between gamma^(index - 1) and gamma^index: the value equally far from both in proportion.
    const double ln = ln_gamma() * static_cast<double>(uint64_t{1} << head(at).joined);
    const double edge = base::math::exp(ln * (std::abs(key) - kOffset));
    const double value = std::isfinite(edge) ? edge * (1 - error(at)) : std::numeric_limits<double>::max();
    return key > 0 ? value : -value;
}

double Sketch::error(const std::byte* at) const { return error_after(head(at).joined); }

void Sketch::save(const std::byte* at, std::string& out) const {
    base::put_varint(out, head(at).used);
    base::put_varint(out, head(at).joined);
    for (uint32_t i = 0; i < head(at).used; i++) {
        base::put_signed(out, bins(at)[i].key);
        base::put_varint(out, bins(at)[i].count);
    }
}

bool Sketch::load(std::byte* at, base::ByteReader& in) const {
    const uint64_t used = in.varint(), joins = in.varint();
    if (!in.ok() || used > bins_ || joins > kMostJoins) return false;
    head(at) = {static_cast<uint32_t>(used), static_cast<uint32_t>(joins)};
    for (uint64_t i = 0; i < used; i++) {
        const int64_t key = in.signed_varint();
        const uint64_t count = in.varint();
        if (!in.ok() || key < -2 * kOffset || key > 2 * kOffset || count == 0 || count > UINT32_MAX) return false;
        if (i > 0 && key <= bins(at)[i - 1].key) return false;
        bins(at)[i] = {static_cast<int32_t>(key), static_cast<uint32_t>(count)};
    }
    return true;
}

}  // namespace tributary::stream
