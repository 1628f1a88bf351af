// SPDX-License-Identifier: Apache-2.0
// Counts the allocations of a bench: replaces operator new of the whole program, so one source file of it includes
// this. What it does not do: count malloc called directly.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <new>

inline uint64_t allocations = 0;

void* operator new(size_t bytes) {
    allocations++;
    if (void* place = std::malloc(bytes == 0 ? 1 : bytes)) return place;
    throw std::bad_alloc();
}
void operator delete(void* place) noexcept { std::free(place); }
void operator delete(void* place, size_t /*bytes*/) noexcept { std::free(place); }
