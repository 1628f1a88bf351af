// SPDX-License-Identifier: Apache-2.0
// `tributary profile detect | show | apply`: prints for people or as JSON. One thread, the caller's.
// Needs no gateway and no configuration; apply needs root, since it writes below /etc.
// What it does not do: restart the service.
#pragma once

#include <string>

namespace tributary::board {

struct ProfileOptions {
    std::string boards;  // folder of boards/*.json
    std::string root;    // "" = this machine; else an image's root folder
    std::string id;      // "" = the board that is found
    bool json = false, dry_run = false;
};

// Each gives the exit code: 0, or 1 when there is no such board, or a file cannot be read or written.
int profile_detect(const ProfileOptions& options);
int profile_show(const ProfileOptions& options);
int profile_apply(const ProfileOptions& options);

}  // namespace tributary::board
