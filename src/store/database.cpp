// SPDX-License-Identifier: Apache-2.0
#include "store/database.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "base/files.hpp"
#include "base/log.hpp"
#include "store/store.hpp"

namespace tributary::store {
namespace {

constexpr int kBusyMs = 2'000;

const char* code_for(int sqlite_code, int os_error) {
    switch (sqlite_code & 0xff) {
        case SQLITE_FULL:
            return kFull;
        case SQLITE_IOERR:
            return os_error == ENOSPC || os_error == EDQUOT ? kFull : kBroken;
        case SQLITE_CANTOPEN:
            return os_error == ENOSPC || os_error == EDQUOT ? kFull : kPath;
        case SQLITE_READONLY:
        case SQLITE_PERM:
            return kPath;
        case SQLITE_BUSY:
        case SQLITE_LOCKED:
            return kLocked;
        default:
            return kBroken;
    }
}

}  // namespace

bool Statement::prepare(Database& database, const char* sql) {
    database_ = &database;
    const int code = sqlite3_prepare_v3(database.handle(), sql, -1, SQLITE_PREPARE_PERSISTENT, &handle_, nullptr);
    if ((code & 0xff) == SQLITE_ERROR) database.note_damage();  // a table or column is missing
    return database.note(code);
}

bool Statement::next() {
    errno = 0;  // see Database::system_error()
    const int code = sqlite3_step(handle_);
    if (code == SQLITE_ROW) return true;
    ok_ = code == SQLITE_DONE || database_->note(code);
    sqlite3_reset(handle_);
    return false;
}

void Statement::reset() {
    sqlite3_reset(handle_);
    ok_ = true;
}

std::string_view Statement::text(int column) {
    const auto* data = reinterpret_cast<const char*>(sqlite3_column_text(handle_, column));
    return data == nullptr ? std::string_view{}
                           : std::string_view(data, static_cast<size_t>(sqlite3_column_bytes(handle_, column)));
}

std::string_view Statement::blob(int column) {
    const auto* data = static_cast<const char*>(sqlite3_column_blob(handle_, column));
    return data == nullptr ? std::string_view{}
                           : std::string_view(data, static_cast<size_t>(sqlite3_column_bytes(handle_, column)));
}

bool Database::open(const std::string& path, Mode mode) {
    path_ = path;
    const int how = mode == Mode::write ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE : SQLITE_OPEN_READONLY;
    if (!note(sqlite3_open_v2(path.c_str(), &handle_, how | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, nullptr)))
        return false;
    if (mode == Mode::write && sqlite3_db_readonly(handle_, "main") == 1) {
        note(SQLITE_READONLY);
        text_ = "it must not be written";
        return false;
    }
    sqlite3_busy_timeout(handle_, kBusyMs);
    return note(sqlite3_db_config(handle_, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr)) &&
           note(sqlite3_db_config(handle_, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr));
}

void Database::allow_writes() { sqlite3_db_config(handle_, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, nullptr); }

void Database::close() {
    if (const int code = sqlite3_close(handle_); code != SQLITE_OK)
        base::log::error("closing the store {}: {}", path_, sqlite3_errstr(code));
    handle_ = nullptr;
}

bool Database::exec(const char* sql) {
    errno = 0;
    return note(sqlite3_exec(handle_, sql, nullptr, nullptr, nullptr));
}

std::string Database::pragma(const char* name) {
    Statement statement;
    if (!statement.prepare(*this, base::format("PRAGMA {}", name).c_str()) || !statement.first()) return {};
    return std::string(statement.text(0));
}

bool Database::checkpoint() {
    errno = 0;
    const int code = sqlite3_wal_checkpoint_v2(handle_, nullptr, SQLITE_CHECKPOINT_TRUNCATE, nullptr, nullptr);
    return (code & 0xff) != SQLITE_BUSY && note(code);
}

bool Database::copy_of(Database& from) {
    sqlite3_backup* work = sqlite3_backup_init(handle_, "main", from.handle_, "main");
    if (work == nullptr) return note(sqlite3_errcode(handle_));
    sqlite3_backup_step(work, -1);
    return note(sqlite3_backup_finish(work));
}

bool Database::note(int code) {
    if (code == SQLITE_OK) return true;
    const int low = code & 0xff;
    // No batch of ours breaks a constraint in a sound file, and nothing in one is too big for SQLite.
    if (low == SQLITE_CORRUPT || low == SQLITE_NOTADB || low == SQLITE_CONSTRAINT || low == SQLITE_MISMATCH ||
        low == SQLITE_TOOBIG)
        damaged_ = true;
    // The head of the file says that it must not be written; the file system does not.
    if (code == SQLITE_READONLY && faccessat(AT_FDCWD, path_.c_str(), W_OK, AT_EACCESS) == 0) damaged_ = true;
    if (code_ == SQLITE_OK) {
        code_ = code;
        errno_ = system_error(low);
        const bool its_own = handle_ != nullptr && sqlite3_errcode(handle_) != SQLITE_OK;  // else it was found by us
        text_ = its_own ? sqlite3_errmsg(handle_) : sqlite3_errstr(code);
    }
    return false;
}

// SQLite keeps what the system said, but not of what fails in a commit: there the one of an earlier failure stands
// still.
int Database::system_error(int low) const {
    const int kept = handle_ != nullptr ? sqlite3_system_errno(handle_) : 0;
    if (low != SQLITE_IOERR && kept != 0) return kept;
    sqlite3_vfs* vfs = sqlite3_vfs_find(nullptr);
    const int newest = vfs->xGetLastError(vfs, 0, nullptr);
    return newest != 0 ? newest : kept;
}

base::Error Database::error(std::string_view doing) {
    std::string text = base::format("cannot {} the store {}: {}", doing, path_, text_);
    const int low = code_ & 0xff;
    if (errno_ != 0 && (low == SQLITE_IOERR || low == SQLITE_CANTOPEN || low == SQLITE_FULL))
        text += base::format(" ({})", base::errno_text(errno_));
    const char* code = code_for(code_, errno_);
    code_ = SQLITE_OK;
    return {code, std::move(text)};
}

}  // namespace tributary::store
