// SPDX-License-Identifier: Apache-2.0
// `tributary bench`: what this box can do, measured in bounded time on made-up data that is the same every time:
// commits of the store, encoding and compression of intake blocks, the engine with windows, JSON records. Needs no
// broker and leaves nothing behind. Caller's thread. The cost of the whole gateway under load is `make bench`.
#pragma once

#include <string>

namespace tributary::gateway {

struct BenchOptions {
    std::string dir = ".";  // a temporary folder is made in it
    int seconds = 10;
    bool json = false;
};

// Prints a table or JSON. Exit code 0, or 1 when the folder cannot be used.
int bench(const BenchOptions& options);

}  // namespace tributary::gateway
