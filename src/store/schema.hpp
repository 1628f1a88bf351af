// SPDX-License-Identifier: Apache-2.0
// The file as a whole: its lock, its tables, its pragmas, its version, the look at it before it is trusted, and setting
// a damaged one aside. Used by Store::open and reopen. Docs: docs/formats/store.md.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.hpp"
#include "store/database.hpp"

namespace tributary::store {

inline constexpr int64_t kPageBytes = 4096;
inline constexpr int64_t kWalPages = 1000;  // checkpoint at so many
inline constexpr uint64_t kHighestSeq = uint64_t{1} << 62;

// Held for the life of the Store: one writer process.
class WriterLock {
  public:
    WriterLock() = default;
    ~WriterLock();
    WriterLock(const WriterLock&) = delete;
    WriterLock& operator=(const WriterLock&) = delete;
    base::Result<> take(const std::string& store_path);

  private:
    int fd_ = -1;
};

// The pid of another process, or of this one, that has the lock; "" = nobody. Takes it for a moment to find out.
std::string lock_holder(const std::string& store_path);

// kNewer when the file's own header says so; read without SQLite, so nothing is written.
base::Result<> refuse_newer(const std::string& path);
// For readers: the file is a store, and of a version we know.
base::Result<> check_version(Database& database, const std::string& path);
// Checks the version, creates the tables in an empty file, sets the pragmas and reads them back, looks at the tables.
// database.damaged() afterwards tells a bad file from a bad moment.
base::Result<> prepare_file(Database& database, const std::string& path);
bool create_tables(Database& database);

// What salvage() writes beside a damaged store, until it takes its place.
std::string salvage_path(const std::string& path);
// Renames file, WAL and index to <path>.damaged-<time>, gives that name; then the salvaged file, if there is one,
// becomes the store. Can be interrupted anywhere: finish_replacing() at the next start goes on.
base::Result<std::string> set_aside(const std::string& path);
base::Result<bool> finish_replacing(const std::string& path);  // true: there was something to finish

base::Result<> sync_file(const std::string& path);

int64_t file_bytes(const std::string& path);  // 0 when it is not there

}  // namespace tributary::store
