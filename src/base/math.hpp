// SPDX-License-Identifier: Apache-2.0
// Elementary functions that give the same bits on every machine: + - * / and sqrt only (libm differs between machines,
// even amd64 with and without FMA). Relative error below 1e-14, tested. Also a small random generator for simulation
// and tests, never for secrets. Pure; any thread (a Random belongs to one).
//
// Sources: argument reduction after W. J. Cody and W. Waite, "Software Manual for the Elementary Functions" (1980);
// series as in any table; SplitMix64 of G. L. Steele, D. Lea, C. H. Flood, "Fast splittable pseudorandom number
// generators" (2014); G. E. P. Box and M. E. Muller, "A note on the generation of random normal deviates" (1958).
#pragma once

#include <cstdint>

namespace tributary::base::math {

double ln(double x);   // of x > 0; ln(0) = -infinity, of less: NaN
double exp(double x);  // 0 below -745.2, infinity above 709.8
// sin(2 pi x), cos(2 pi x): the argument in turns is reduced without error. |x| up to 2^51.
double sin_turns(double x);
double cos_turns(double x);

class Random {
  public:
    explicit Random(uint64_t seed) : state_(seed) {}
    uint64_t next();
    double uniform();                // 0 <= u < 1, 53 bits
    uint64_t below(uint64_t bound);  // 0 <= n < bound; bound far below 2^64
    double normal();                 // mean 0, deviation 1

  private:
    uint64_t state_;
    double spare_ = 0;
    bool has_spare_ = false;
};

}  // namespace tributary::base::math
