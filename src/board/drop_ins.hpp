// SPDX-License-Identifier: Apache-2.0
// The two files by which a profile takes effect: one for the gateway's configuration, one for its systemd unit.
// Pure texts, and putting them down: each atomically, and never over a file that somebody else wrote.
// What it does not do: restart anything.
#pragma once

#include <string>
#include <vector>

#include "board/machine.hpp"

namespace tributary::board {

struct DropIn {
    std::string path, content;
    enum class State { fresh, same, changed, foreign } state = State::fresh;  // of what lies there
};

// For a profile on a machine, in the folders below root; nothing is written.
std::vector<DropIn> drop_ins(const Profile& profile, const Machine& machine, const std::string& root);
// All of them, or none when one is foreign.
base::Result<> write(const std::vector<DropIn>& files);

}  // namespace tributary::board
