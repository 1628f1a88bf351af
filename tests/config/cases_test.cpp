// SPDX-License-Identifier: Apache-2.0
// tests/cases/config/<name>/input.toml (and conf.d/*.toml beside it) gives what stands in want.txt: the diagnostics as
// rendered, or "ok". With WRITE_WANT=1 in the environment the files are written instead of compared.
#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <set>

#include "base/files.hpp"
#include "config/load.hpp"

namespace {

std::string outcome(const std::string& folder) {
    const auto loaded = tributary::config::load(folder + "/input.toml");
    std::string out;
    for (const auto& diagnostic : loaded.diagnostics) out += tributary::config::render(diagnostic);
    if (loaded.ok()) out += "ok\n";
    for (auto at = out.find(folder + "/"); at != std::string::npos; at = out.find(folder + "/"))
        out.erase(at, folder.size() + 1);
    return out;
}

}  // namespace

TEST_CASE("what a slip in the configuration is answered with") {
    const std::string root = TRIBUTARY_SOURCE_DIR "/tests/cases/config";
    std::set<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(root)) names.insert(entry.path().string());
    CHECK(names.size() >= 40);
    const bool write = std::getenv("WRITE_WANT") != nullptr;
    for (const auto& folder : names) {
        CAPTURE(folder);
        // A checkout keeps no modes beyond the executable bit, and one warning is about them.
        std::error_code ignored;
        std::filesystem::permissions(folder + "/input.toml", std::filesystem::perms::others_read,
                                     std::filesystem::perm_options::add, ignored);
        const auto got = outcome(folder);
        if (write) REQUIRE(tributary::base::write_file_atomically(folder + "/want.txt", got).ok());
        const auto want = tributary::base::read_file(folder + "/want.txt");
        REQUIRE(want.ok());
        CHECK(got == *want);
        CHECK(got.find("topsecret") == std::string::npos);
    }
}
