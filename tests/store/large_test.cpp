// SPDX-License-Identifier: Apache-2.0
// A damaged store that is larger than what salvaging it may use of memory. Small in an ordinary run;
// TRIBUTARY_STORE_MIB=1024 makes it so large.
#include <sys/resource.h>

#include <chrono>
#include <cstdio>
#include <fstream>

#include "fault_vfs.hpp"
#include "reference.hpp"

using namespace tributary;
using namespace tributary::store;
using model::Log;

namespace {

int64_t peak_rss_kib() {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss;
}

}  // namespace

TEST_CASE("a large store is salvaged in bounded memory") {
    const Quiet quiet;
    const char* given = std::getenv("TRIBUTARY_STORE_MIB");
    const int64_t mib = given != nullptr ? std::strtoll(given, nullptr, 10) : long_run() ? 512 : 64;
    const TempFolder folder;
    uint64_t blocks = 0;
    {
        FaultVfs fast;
        auto store = open_store(folder.file(), int64_t{1} << 40);
        const std::string noise = body_of(Log::intake, 5, 18'000);
        Batch batch;
        for (int i = 0; i < 40; i++)
            batch.appends.push_back({Log::intake, 1'000, 1, 2, 0, std::string_view(noise).substr(0, 14'000 + 100 * i)});
        batch.cursors["kafka:main:intake"] = 1;
        for (; static_cast<int64_t>(std::filesystem::file_size(folder.file())) < mib << 20;
             blocks += batch.appends.size())
            commit(*store, batch);
    }
    {
        std::fstream file(folder.file(), std::ios::in | std::ios::out | std::ios::binary);
        file << std::string(100, 'x');
    }
    const int64_t before = peak_rss_kib();
    int64_t words = 0;
    const auto start = std::chrono::steady_clock::now();
    auto store = Store::open({folder.file(), int64_t{1} << 40, 1, [&] { words++; }});
    const auto took = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    REQUIRE(store.ok());
    const int64_t grown = peak_rss_kib() - before;
    CHECK((*store)->next_seq(Log::intake) == blocks * 1'000 + 1);
    CHECK((*store)->first_seq(Log::intake) == 1);
    CHECK((*store)->report().find("lost: nothing") != std::string::npos);
    CHECK(words >= mib / 5);
    std::printf("store salvage: %lld MiB, %llu blocks, %.1f s (%.0f MiB/s), peak memory grew by %.1f MiB\n",
                static_cast<long long>(mib), static_cast<unsigned long long>(blocks), took,
                static_cast<double>(mib) / took, static_cast<double>(grown) / 1024);
    if (kSlower == 1) CHECK(grown < 16 * 1024);
}
