// SPDX-License-Identifier: Apache-2.0
// A shim over SQLite's default VFS, the default while the object lives. It counts the calls of each kind, lets chosen
// ones fail, never waits for the real disk, and keeps a trace of what changed files and when it was synced, from which
// power_cut_test makes the disk as a power cut would leave it. One thread. Shared memory is the real one.
#pragma once

#include <doctest/doctest.h>
#include <sqlite3.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace tributary::store {

enum class Call { open, read, write, sync, truncate, remove, size, lock, shm };
constexpr size_t kCalls = 9;
constexpr std::array<const char*, kCalls> kCallNames{"open",   "read", "write", "sync", "truncate",
                                                     "remove", "size", "lock",  "shm"};
enum class Fault { eio, enospc, edquot, short_read, half_write };
constexpr std::array<const char*, 5> kFaultNames{"EIO", "ENOSPC", "EDQUOT", "short read", "half write"};

class FaultVfs {
  public:
    // What changed a file, in order. remove and sync have no data; size: of truncate.
    struct Op {
        Call call = Call::write;
        std::string path;
        int64_t at = 0;
        std::string data;
        bool durable = true;  // of a sync: it did what it said; of a remove: the folder was synced
        bool folder = false;  // of a sync: the folder was synced, too
    };

    FaultVfs() : real_(sqlite3_vfs_find(nullptr)) {
        vfs_ = *real_;
        vfs_.pNext = nullptr;
        vfs_.zName = "fault";
        vfs_.pAppData = this;
        vfs_.szOsFile = static_cast<int>(sizeof(File)) + real_->szOsFile;
        vfs_.xOpen = open;
        vfs_.xDelete = remove;
        vfs_.xGetLastError = [](sqlite3_vfs*, int, char*) { return errno; };  // as the system's own
        if (sqlite3_vfs_register(&vfs_, 1) != SQLITE_OK) FAIL("no VFS");
        for (auto& count : counts_) count = 0;
    }
    ~FaultVfs() {
        sqlite3_vfs_unregister(&vfs_);
        sqlite3_vfs_register(real_, 1);
    }
    FaultVfs(const FaultVfs&) = delete;
    FaultVfs& operator=(const FaultVfs&) = delete;

    // Calls [first, first + calls) of this kind fail, counted from now.
    void fail(Call call, Fault fault, int64_t first, int64_t calls) {
        counts_[static_cast<size_t>(call)] = 0;
        call_ = call, fault_ = fault, first_ = first, calls_ = calls, fired_ = 0;
    }
    // Every call that writes fails until heal().
    void fill_disk() { full_ = true; }
    // No room in files of this name beyond so many bytes.
    void limit(std::string ends, int64_t bytes) { limited_ = std::move(ends), limit_ = bytes; }
    void heal() { calls_ = 0, full_ = false, limited_.clear(); }
    int64_t fired() const { return fired_; }
    int64_t count(Call call) const { return counts_[static_cast<size_t>(call)]; }

    void record(bool on) { recording_ = on; }
    const std::vector<Op>& trace() const { return trace_; }
    std::vector<Op> take_trace() { return std::exchange(trace_, {}); }
    // The n-th sync from now says EIO and what it should have written never gets there by itself.
    void lie_at_sync(int64_t n) { fail(Call::sync, Fault::eio, n, 1); }

  private:
    struct File {
        sqlite3_file base;
        FaultVfs* vfs;
        char* path;
        bool syncs_folder;
        sqlite3_file* real() { return reinterpret_cast<sqlite3_file*>(this + 1); }
    };
    static File* of(sqlite3_file* file) { return reinterpret_cast<File*>(file); }
    static FaultVfs* self(sqlite3_vfs* vfs) { return static_cast<FaultVfs*>(vfs->pAppData); }

    // SQLITE_OK, or what the call has to return.
    int due(Call call) {
        const int64_t number = counts_[static_cast<size_t>(call)]++;
        const bool writes = call == Call::write || call == Call::sync || call == Call::truncate;
        if (full_ && writes) return errno = ENOSPC, error_of(call, Fault::enospc);
        if (calls_ == 0 || call != call_ || number < first_ || number >= first_ + calls_) return SQLITE_OK;
        fired_++;
        errno = fault_ == Fault::enospc ? ENOSPC : fault_ == Fault::edquot ? EDQUOT : EIO;
        return error_of(call, fault_);
    }
    static int error_of(Call call, Fault fault) {
        switch (call) {
            case Call::open:
                return SQLITE_CANTOPEN;
            case Call::read:
                return fault == Fault::short_read ? SQLITE_IOERR_SHORT_READ : SQLITE_IOERR_READ;
            case Call::write:
                return fault == Fault::enospc ? SQLITE_FULL : SQLITE_IOERR_WRITE;
            case Call::sync:
                return SQLITE_IOERR_FSYNC;
            case Call::truncate:
                return SQLITE_IOERR_TRUNCATE;
            case Call::remove:
                return SQLITE_IOERR_DELETE;
            case Call::size:
                return SQLITE_IOERR_FSTAT;
            case Call::lock:
                return SQLITE_IOERR_LOCK;
            case Call::shm:
                return fault == Fault::enospc ? SQLITE_IOERR_SHMSIZE : SQLITE_IOERR_SHMMAP;
        }
        return SQLITE_IOERR;
    }
    void note(Call call, const char* path, int64_t at, std::string data, bool durable = true, bool folder = false) {
        if (recording_) trace_.push_back({call, path, at, std::move(data), durable, folder});
    }

    static int open(sqlite3_vfs* vfs, sqlite3_filename name, sqlite3_file* file, int flags, int* out_flags) {
        auto* me = self(vfs);
        auto* mine = of(file);
        mine->base.pMethods = nullptr;
        if (const int code = me->due(Call::open); code != SQLITE_OK) return code;
        const int code = me->real_->xOpen(me->real_, name, mine->real(), flags, out_flags);
        if (code != SQLITE_OK) return code;
        mine->vfs = me;
        mine->path = name != nullptr ? strdup(name) : strdup("");
        mine->base.pMethods = methods();
        // As the VFS for Unix does it: with the first sync of a journal or WAL that it may have made.
        mine->syncs_folder =
            (flags & SQLITE_OPEN_CREATE) != 0 && (flags & (SQLITE_OPEN_WAL | SQLITE_OPEN_MAIN_JOURNAL)) != 0;
        return SQLITE_OK;
    }
    static int remove(sqlite3_vfs* vfs, const char* path, int sync) {
        auto* me = self(vfs);
        if (const int code = me->due(Call::remove); code != SQLITE_OK) return code;
        const int code = me->real_->xDelete(me->real_, path, 0);
        if (code == SQLITE_OK) me->note(Call::remove, path, 0, {}, sync != 0);
        return code;
    }

    static const sqlite3_io_methods* methods() {
        static const sqlite3_io_methods table = make_methods();
        return &table;
    }
    static sqlite3_io_methods make_methods() {
        sqlite3_io_methods m{};
        m.iVersion = 2;  // no memory-mapped reading
        m.xClose = [](sqlite3_file* f) {
            std::free(of(f)->path);
            return of(f)->real()->pMethods->xClose(of(f)->real());
        };
        m.xRead = read;
        m.xWrite = write;
        m.xTruncate = [](sqlite3_file* f, sqlite3_int64 size) {
            if (const int code = of(f)->vfs->due(Call::truncate); code != SQLITE_OK) return code;
            of(f)->vfs->note(Call::truncate, of(f)->path, size, {});
            return of(f)->real()->pMethods->xTruncate(of(f)->real(), size);
        };
        m.xSync = [](sqlite3_file* f, int) {
            const int code = of(f)->vfs->due(Call::sync);
            of(f)->vfs->note(Call::sync, of(f)->path, 0, {}, code == SQLITE_OK, of(f)->syncs_folder);
            if (code == SQLITE_OK) of(f)->syncs_folder = false;
            return code;
        };
        m.xFileSize = [](sqlite3_file* f, sqlite3_int64* size) {
            if (const int code = of(f)->vfs->due(Call::size); code != SQLITE_OK) return code;
            return of(f)->real()->pMethods->xFileSize(of(f)->real(), size);
        };
        m.xLock = [](sqlite3_file* f, int level) {
            if (const int code = of(f)->vfs->due(Call::lock); code != SQLITE_OK) return code;
            return of(f)->real()->pMethods->xLock(of(f)->real(), level);
        };
        m.xUnlock = [](sqlite3_file* f, int level) { return of(f)->real()->pMethods->xUnlock(of(f)->real(), level); };
        m.xCheckReservedLock = [](sqlite3_file* f, int* out) {
            return of(f)->real()->pMethods->xCheckReservedLock(of(f)->real(), out);
        };
        m.xFileControl = [](sqlite3_file* f, int op, void* arg) {
            return of(f)->real()->pMethods->xFileControl(of(f)->real(), op, arg);
        };
        m.xSectorSize = [](sqlite3_file*) { return 512; };
        // What the system's own VFS says of every disk: a write touches nothing beside it. Without it SQLite pads each
        // transaction with copies of its last frame, and no gateway's WAL looks like that.
        m.xDeviceCharacteristics = [](sqlite3_file*) { return SQLITE_IOCAP_POWERSAFE_OVERWRITE; };
        m.xShmMap = [](sqlite3_file* f, int page, int size, int extend, void volatile** at) {
            if (const int code = of(f)->vfs->due(Call::shm); code != SQLITE_OK) return code;
            return of(f)->real()->pMethods->xShmMap(of(f)->real(), page, size, extend, at);
        };
        m.xShmLock = [](sqlite3_file* f, int at, int n, int flags) {
            return of(f)->real()->pMethods->xShmLock(of(f)->real(), at, n, flags);
        };
        m.xShmBarrier = [](sqlite3_file* f) { of(f)->real()->pMethods->xShmBarrier(of(f)->real()); };
        m.xShmUnmap = [](sqlite3_file* f, int del) { return of(f)->real()->pMethods->xShmUnmap(of(f)->real(), del); };
        return m;
    }
    static int read(sqlite3_file* f, void* into, int size, sqlite3_int64 at) {
        if (const int code = of(f)->vfs->due(Call::read); code != SQLITE_OK) {
            if (code == SQLITE_IOERR_SHORT_READ) std::memset(into, 0, static_cast<size_t>(size));
            return code;
        }
        return of(f)->real()->pMethods->xRead(of(f)->real(), into, size, at);
    }
    static int write(sqlite3_file* f, const void* from, int size, sqlite3_int64 at) {
        int code = of(f)->vfs->due(Call::write);
        const auto& limited = of(f)->vfs->limited_;
        if (!limited.empty() && at >= of(f)->vfs->limit_ && std::string_view(of(f)->path).ends_with(limited))
            errno = ENOSPC, code = SQLITE_FULL;
        // A disk that fails in the middle of a page has written the first half.
        if (code != SQLITE_OK) size = of(f)->vfs->fault_ == Fault::half_write ? size / 2 : 0;
        if (size == 0) return code;
        of(f)->vfs->note(Call::write, of(f)->path, at, {static_cast<const char*>(from), static_cast<size_t>(size)});
        const int done = of(f)->real()->pMethods->xWrite(of(f)->real(), from, size, at);
        return code != SQLITE_OK ? code : done;
    }

    sqlite3_vfs* real_;
    sqlite3_vfs vfs_{};
    std::array<int64_t, kCalls> counts_{};
    Call call_ = Call::open;
    Fault fault_ = Fault::eio;
    int64_t first_ = 0, calls_ = 0, fired_ = 0;
    std::string limited_;
    int64_t limit_ = 0;
    bool full_ = false, recording_ = false;
    std::vector<Op> trace_;
};

}  // namespace tributary::store
