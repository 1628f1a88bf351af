// SPDX-License-Identifier: Apache-2.0
// tributary-clock FILE, see README.md. On a temporary file system: it is written every five seconds.
#include <systemd/sd-daemon.h>

#include <cstdio>
#include <ctime>
#include <string>

#include "base/kernel_clock.hpp"

namespace {

constexpr timespec kPause{5, 0};

bool write_state(const std::string& path) {
    timespec now{};
    clock_gettime(CLOCK_BOOTTIME, &now);
    const long long boot_ns = static_cast<long long>(now.tv_sec) * 1'000'000'000 + now.tv_nsec;
    const std::string fresh = path + ".new";
    std::FILE* file = std::fopen(fresh.c_str(), "we");
    if (file == nullptr) return false;
    const bool written = std::fprintf(file, "%lld %d\n", boot_ns, tributary::base::kernel_synchronised() ? 1 : 0) > 0;
    return std::fclose(file) == 0 && written && std::rename(fresh.c_str(), path.c_str()) == 0;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 2) {
        std::fputs("usage: tributary-clock FILE\n", stderr);
        return 2;
    }
    for (bool told = false;; told = true) {
        if (!write_state(argv[1])) {
            std::perror(argv[1]);
            return 1;
        }
        if (!told) sd_notify(0, "READY=1");
        nanosleep(&kPause, nullptr);
    }
}
