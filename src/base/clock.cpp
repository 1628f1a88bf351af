// SPDX-License-Identifier: Apache-2.0
#include "base/clock.hpp"

#include <charconv>
#include <cstdlib>
#include <ctime>
#include <string>
#include <string_view>

#include "base/files.hpp"
#include "base/kernel_clock.hpp"

namespace tributary::base {
namespace {

int64_t read_clock(clockid_t id) {
    timespec t{};
    clock_gettime(id, &t);
    return static_cast<int64_t>(t.tv_sec) * kNsPerSecond + t.tv_nsec;
}

// The first 16 hex digits of a boot id.
uint64_t boot_number(std::string_view text) {
    std::string digits;
    for (const char c : text)
        if (c != '-' && digits.size() < 16) digits += c;
    uint64_t number = 0;
    const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), number, 16);
    return read.ec == std::errc{} ? number : 0;
}

}  // namespace

int64_t SystemClock::wall_ns() const { return read_clock(CLOCK_REALTIME); }
int64_t SystemClock::boot_ns() const { return read_clock(CLOCK_BOOTTIME); }

bool says_synchronised(std::string_view state, int64_t boot_ns) {
    int64_t asked_ns = 0;
    const char* end = state.data() + state.size();
    const auto read = std::from_chars(state.data(), end, asked_ns);
    return read.ec == std::errc{} && std::string_view(read.ptr, end) == " 1\n" && asked_ns <= boot_ns &&
           boot_ns - asked_ns <= 20 * kNsPerSecond;
}

bool SystemClock::synchronised() const {
    if (const char* file = std::getenv("TRIBUTARY_CLOCK_STATE")) {  // NOLINT(concurrency-mt-unsafe)
        const auto state = read_file(file);
        return state && says_synchronised(*state, boot_ns());
    }
    return kernel_synchronised();
}

uint64_t SystemClock::boot() const {
    if (const auto text = read_file("/proc/sys/kernel/random/boot_id")) return boot_number(*text);
    const char* handed = std::getenv("TRIBUTARY_BOOT_ID");  // NOLINT(concurrency-mt-unsafe)
    return handed == nullptr ? 0 : boot_number(handed);
}

int64_t build_day_ns() { return int64_t{TRIBUTARY_BUILD_DAY} * 86'400 * kNsPerSecond; }

}  // namespace tributary::base
