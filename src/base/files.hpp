// SPDX-License-Identifier: Apache-2.0
// Files: whole reads, atomic writes (temporary file, fsync, rename, fsync of the folder).
// Any thread; nothing is kept open. Errors name the path and what the system said.
// What it does not do: watch files, lock them.
#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"

namespace tributary::base {

Result<std::string> read_file(const std::string& path);
// A secret file's first line, without its end: how editors and `systemd-creds` leave it.
Result<std::string> read_secret(const std::string& path);
// mode: of a file that others have to read, for example; whatever the umask is.
Result<> write_file_atomically(const std::string& path, std::string_view content, unsigned mode = 0640);
Result<> make_folders(const std::string& path);  // like mkdir -p
std::string errno_text(int number);

}  // namespace tributary::base
