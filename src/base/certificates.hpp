// SPDX-License-Identifier: Apache-2.0
// Certificates in PEM files: until when they hold, and whether a key belongs to one. For warnings and for rotation; who
// connects reads and checks the files by itself. Any thread. What it does not do: judge a chain.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.hpp"

namespace tributary::base {

// The earliest end of all certificates in the file, wall time.
Result<int64_t> certificate_end_ns(const std::string& path);

// The first certificate of `cert` and the private key of `key` belong together. password: of the key, "" = none.
Result<> check_pair(const std::string& cert, const std::string& key, const std::string& password = {});

}  // namespace tributary::base
