// SPDX-License-Identifier: Apache-2.0
// What the tests of the store share: a folder that goes away, and shorthands for batches.
#pragma once

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <unistd.h>
#if __has_include(<sanitizer/common_interface_defs.h>)
#include <sanitizer/common_interface_defs.h>
#endif

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <random>
#include <string>

#include "base/files.hpp"
#include "store/store.hpp"

namespace tributary::store {

struct TempFolder {
    TempFolder() : TempFolder(std::filesystem::temp_directory_path()) {}
    explicit TempFolder(const std::filesystem::path& where) {
        std::string pattern = (where / "tributary-store-XXXXXX").string();
        REQUIRE(mkdtemp(pattern.data()) != nullptr);
        path = pattern;
    }
    ~TempFolder() {
        std::error_code ignored;
        std::filesystem::remove_all(path, ignored);
    }
    TempFolder(const TempFolder&) = delete;
    TempFolder& operator=(const TempFolder&) = delete;
    std::string file() const { return path + "/store.db"; }

    std::string path;
};

// For tests whose disk is invented anyhow.
struct MemoryFolder : TempFolder {
    MemoryFolder()
        : TempFolder(std::filesystem::is_directory("/dev/shm") ? "/dev/shm" : std::filesystem::temp_directory_path()) {}
};

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define TRIBUTARY_SANITIZED
#endif

// The log of hundreds of damaged stores is of no use to anybody. What a sanitizer finds meanwhile is said all the same.
class Quiet {
  public:
    Quiet() : before_(dup(STDERR_FILENO)) {
        const int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
        dup2(nowhere, STDERR_FILENO);
        close(nowhere);
        report_to(before_);
    }
    ~Quiet() {
        report_to(STDERR_FILENO);
        dup2(before_, STDERR_FILENO);
        close(before_);
    }
    Quiet(const Quiet&) = delete;
    Quiet& operator=(const Quiet&) = delete;

  private:
    static void report_to([[maybe_unused]] int fd) {
#ifdef TRIBUTARY_SANITIZED
        __sanitizer_set_report_fd(reinterpret_cast<void*>(static_cast<intptr_t>(fd)));
#endif
    }
    int before_;
};

// With a sanitizer a case costs five times as much; then an ordinary run takes every fourth of the many that are alike.
#ifdef TRIBUTARY_SANITIZED
inline constexpr size_t kSlower = 4;
#else
inline constexpr size_t kSlower = 1;
#endif
inline bool long_run() { return std::getenv("TRIBUTARY_STORE_LONG") != nullptr; }
// Random, or as given, to see a failure again.
inline uint64_t seed_of_run() {
    if (const char* given = std::getenv("TRIBUTARY_STORE_SEED")) return std::strtoull(given, nullptr, 10);
    return std::random_device()();
}

inline std::unique_ptr<Store> open_store(const std::string& path, int64_t max_size = int64_t{1} << 30) {
    auto store = Store::open({path, max_size, 1});
    if (!store) FAIL(store.error().text());
    return std::move(*store);
}

inline std::unique_ptr<Reader> open_reader(const Store& store) {
    auto reader = store.reader();
    if (!reader) FAIL(reader.error().text());
    return std::move(*reader);
}

inline Append append(model::Log log, uint32_t count, std::string_view body) {
    return {log, count, 1'000, 2'000, 0, body};
}

inline std::vector<Appended> commit(Store& store, const Batch& batch) {
    auto appended = store.commit(batch);
    if (!appended) FAIL(appended.error().text());
    return std::move(*appended);
}

// Behind the store's back.
inline void meddle(const std::string& path, const std::string& sql) {
    sqlite3* database = nullptr;
    REQUIRE(sqlite3_open(path.c_str(), &database) == SQLITE_OK);
    char* message = nullptr;
    const int code = sqlite3_exec(database, sql.c_str(), nullptr, nullptr, &message);
    INFO((message != nullptr ? message : ""));
    CHECK(code == SQLITE_OK);
    sqlite3_free(message);
    sqlite3_close(database);
}

inline std::string bytes_of(const std::string& path) {
    auto bytes = base::read_file(path);
    REQUIRE(bytes.ok());
    return std::move(*bytes);
}

}  // namespace tributary::store
