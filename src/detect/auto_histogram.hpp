// SPDX-License-Identifier: Apache-2.0
// How rare is this value so far? A histogram whose range follows the values: it doubles when one falls outside (pairs
// of bins become one) and is halved again when the values use a quarter of it; counts are halved every kHalving, which
// forgets. Part of the state of `auto` (one per test and series): trivially copyable, all zero = fresh. Pure.
// What it does not do: decide. odds() is one in how many readings came near this value: of a value in or beside a used
// bin at most kHalving / kNeighbour, of one far from all up to kHalving / kUnseen. Values are any finite floats below
// 1e38.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <iterator>

namespace tributary::detect {

template <int Bins>
struct RarityHistogram {
    static constexpr double kUnseen = 0.01;     // what counts as seen where nothing was
    static constexpr double kNeighbour = 0.2;   // a bin lends so much of its count to each side
    static constexpr uint16_t kHalving = 8000;  // readings
    static constexpr int kMaxDoublings = 3;     // per reading: one wild value does not blind the histogram
    static constexpr float kMinWidth = 1e-30F;
    static constexpr int kHalf = Bins / 2, kQuarter = Bins / 4;

    float low, width;  // of the range, of a bin; width 0: all values so far were `low`
    uint16_t total, count[Bins];

    // Before learn(). 1 when nothing was learned.
    double odds(float value) const { return total == 0 ? 1 : (total + 1.0) / (near(value) + kUnseen); }

    bool seen(float value) const { return near(value) >= 0.5; }

    void learn(float value) {
        if (total == 0) {
            low = value, width = 0;
        } else if (width == 0 && value != low) {
            spread(value);
        }
        if (width != 0) {
            for (int i = 0; i < kMaxDoublings && place(value) < 0; i++) widen(true);
            for (int i = 0; i < kMaxDoublings && place(value) >= Bins; i++) widen(false);
        }
        count[width == 0 ? 0 : std::clamp(place(value), 0, Bins - 1)]++;
        if (++total >= kHalving) forget();
    }

  private:
    // -2 .. Bins + 1: beyond that nothing is near.
    int place(float value) const {
        const double at = std::floor((static_cast<double>(value) - low) / width);
        return static_cast<int>(std::clamp(at, -2.0, Bins + 1.0));
    }
    double at(int bin) const { return bin >= 0 && bin < Bins ? count[bin] : 0; }

    double near(float value) const {
        if (width == 0) return value == low ? total : 0;
        const int bin = place(value);
        return (1 - 2 * kNeighbour) * at(bin) + kNeighbour * (at(bin - 1) + at(bin + 1));
    }

    // The second value there is: a quarter of the bins lies between the two.
    void spread(float value) {
        const float first = low;
        width = std::max(std::abs(value - first) / kQuarter, kMinWidth);
        low = first - width * (kHalf + 0.5F);
        count[0] = 0;
        count[std::clamp(place(first), 0, Bins - 1)] = total;
    }

    void widen(bool downwards) {
        uint16_t wider[Bins]{};
        const int first = downwards ? kHalf : 0;
        for (int i = 0; i < kHalf; i++) wider[first + i] = static_cast<uint16_t>(count[2 * i] + count[2 * i + 1]);
        if (downwards) low -= width * Bins;
        width *= 2;
        std::copy(std::begin(wider), std::end(wider), count);
    }

    void forget() {
        total = 0;
        int first = Bins, last = -1;
        for (int i = 0; i < Bins; i++) {
            count[i] /= 2;
            total = static_cast<uint16_t>(total + count[i]);
            if (count[i] != 0) first = std::min(first, i), last = i;
        }
        if (width > kMinWidth && last >= first && last - first < kQuarter) narrow(first, last);
    }

    // Each used bin becomes two with half its count, about the middle.
    void narrow(int first, int last) {
        const int start = std::clamp((first + last + 1) / 2 - kQuarter, 0, kHalf);
        uint16_t finer[Bins]{};
        for (int i = 0; i < kHalf; i++) {
            const uint16_t here = count[start + i];
            finer[2 * i] = static_cast<uint16_t>(here - here / 2);
            finer[2 * i + 1] = here / 2;
        }
        low += width * static_cast<float>(start);
        width /= 2;
        std::copy(std::begin(finer), std::end(finer), count);
    }
};

}  // namespace tributary::detect
