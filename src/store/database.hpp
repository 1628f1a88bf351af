// SPDX-License-Identifier: Apache-2.0
// One SQLite connection and its prepared statements: the only place of this room that calls SQLite. Not shared between
// threads. Calls return false when they fail; the first failure is remembered until error() is asked, so that a row of
// calls can be joined with && and explained once. Does not know the tables.
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace tributary::store {

class Database;

struct Blob {
    std::string_view bytes;
};

// Texts and blobs are bound without a copy: they live until the statement was run.
class Statement {
  public:
    Statement() = default;
    ~Statement() { sqlite3_finalize(handle_); }
    Statement(const Statement&) = delete;
    Statement& operator=(const Statement&) = delete;

    bool prepare(Database& database, const char* sql);

    // To its end, for statements without rows.
    template <class... Args>
    bool run(const Args&... args) {
        start(args...);
        while (next()) continue;
        return ok_;
    }
    // Binds; then next() until it is false, or reset().
    template <class... Args>
    void start(const Args&... args) {
        reset();
        int index = 0;
        (bind(++index, args), ...);
    }
    template <class... Args>
    bool first(const Args&... args) {
        start(args...);
        return next();
    }
    bool next();  // false: no more rows, or a failure, see ok(); the statement is reset then
    bool ok() const { return ok_; }
    void reset();

    int64_t integer(int column) { return sqlite3_column_int64(handle_, column); }
    std::string_view text(int column);  // valid until the next call on this statement
    std::string_view blob(int column);
    int columns() const { return sqlite3_column_count(handle_); }

  private:
    void bind(int index, int64_t value) { sqlite3_bind_int64(handle_, index, value); }
    void bind(int index, uint64_t value) { sqlite3_bind_int64(handle_, index, static_cast<int64_t>(value)); }
    void bind(int index, int value) { sqlite3_bind_int64(handle_, index, value); }
    void bind(int index, uint32_t value) { sqlite3_bind_int64(handle_, index, value); }
    // A null pointer would be bound as NULL, not as the empty text.
    void bind(int index, std::string_view text) {
        sqlite3_bind_text64(handle_, index, text.empty() ? "" : text.data(), text.size(), SQLITE_STATIC, SQLITE_UTF8);
    }
    void bind(int index, Blob blob) {
        sqlite3_bind_blob64(handle_, index, blob.bytes.empty() ? "" : blob.bytes.data(), blob.bytes.size(),
                            SQLITE_STATIC);
    }

    Database* database_ = nullptr;
    sqlite3_stmt* handle_ = nullptr;
    bool ok_ = true;
};

class Database {
  public:
    enum class Mode { write, read };

    Database() = default;
    ~Database() { close(); }
    Database(const Database&) = delete;
    Database& operator=(const Database&) = delete;

    // Writes nothing yet. Until allow_writes() closing leaves WAL and file as they are, too.
    bool open(const std::string& path, Mode mode);
    void allow_writes();
    void close();  // all statements are gone by then

    bool exec(const char* sql);
    std::string pragma(const char* name);  // its value as text; "" on a failure
    int64_t most_row_bytes() const { return sqlite3_limit(handle_, SQLITE_LIMIT_LENGTH, -1); }
    // Everything in the WAL into the file, synced, and the WAL emptied. False and nothing noted: a reader was in the
    // way.
    bool checkpoint();

    // All of another one, as of one moment, by SQLite's backup. In one go: in pieces it would begin again after each
    // commit to the source.
    bool copy_of(Database& from);

    bool failed() const { return code_ != SQLITE_OK; }
    // Something SQLite said since open() means that the file itself is bad, not the disk or the moment.
    bool damaged() const { return damaged_; }
    base::Error error(std::string_view doing);  // explains the first failure, and forgets it
    void forget() { code_ = SQLITE_OK; }

    sqlite3* handle() { return handle_; }
    bool note(int code);  // remembers a failure; true when there was none
    void note_damage() { damaged_ = true; }

  private:
    int system_error(int low) const;

    std::string path_, text_;
    sqlite3* handle_ = nullptr;
    int code_ = SQLITE_OK, errno_ = 0;
    bool damaged_ = false;
};

}  // namespace tributary::store
