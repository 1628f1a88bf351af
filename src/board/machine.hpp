// SPDX-License-Identifier: Apache-2.0
// What a machine says about itself: device tree, DMI tables, RAM, the size of the file system the store will lie on;
// and which profile is its. Read once, by whoever asks; plain values afterwards. What it does not do: ask the daemon
// (its sandbox hides all this).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "board/profile.hpp"

namespace tributary::board {

struct Machine {
    std::vector<std::string> compatible;  // device tree, the most specific first
    std::string model;                    // device tree
    std::string vendor, product;          // DMI
    int64_t ram_mib = 0;                  // installed: what the kernel has, up to the next power of two; 0 = not known
    int64_t disk_bytes = 0;               // of the file system of /var/lib; 0 = not known

    // Below root, which may be that of an image: then there is no RAM to be seen.
    static Machine look(const std::string& root);
    std::string describe() const;  // one line for people
};

struct Match {
    const Profile* profile = nullptr;  // nullptr: none
    std::string by;                    // "compatible \"raspberrypi,4-model-b\""
};
Match recognise(std::span<const Profile> profiles, const Machine& machine);

}  // namespace tributary::board
