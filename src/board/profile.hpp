// SPDX-License-Identifier: Apache-2.0
// A board as boards/*.json describes it: facts for people, what to recognise it by, and budgets by installed RAM.
// Made by load() out of a folder; plain values afterwards, any thread.
// What it does not do: check facts (a test does, by boards/schema.json), look at this machine (machine.hpp).
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/result.hpp"

namespace tributary::board {

// The texts are as in the file: the configuration's own reader gives them their meaning.
struct Budget {
    int64_t ram_mib = 0;                  // from this much installed RAM on
    std::string memory_high, memory_max;  // "160MiB", of the cgroup
    std::string cpu_quota;                // "150%": of one core
    std::string store_max_size, gather, max_queue, kafka_queue;
    std::string written_per_day;  // what it leads to at least, for people
    std::string endurance;        // "" = not known
};

struct Profile {
    std::string id, name;
    std::vector<std::string> compatible, model;  // of the device tree: entries, beginnings
    bool dmi = false;                            // any machine with DMI tables
    std::vector<std::pair<std::string, std::string>> facts;
    std::vector<std::string> notes;
    std::vector<Budget> budgets;  // smallest first, never empty
    std::string json;             // the file as it is

    // The last one that this much RAM is enough for; the first one when it is less than any, or not known (0).
    const Budget& budget(int64_t ram_mib) const;
};

base::Result<Profile> parse(const std::string& text, const std::string& file);
base::Result<std::vector<Profile>> load(const std::string& folder);  // by id

}  // namespace tributary::board
