// SPDX-License-Identifier: Apache-2.0
// The pages of a SQLite file as they lie on the disk: file and committed WAL frames, read without SQLite, for a file
// that SQLite does not read any more. Format: https://www.sqlite.org/fileformat2.html (1.2, 1.5, 1.6, 4.1). One thread.
// Keeps one table entry a WAL frame and one bit a page; writes nothing. What it does not do: know the tables.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/result.hpp"

namespace tributary::store {

// A frame is good when its checksum fits behind the stored or the computed checksum of the frame before it: one damaged
// frame does not take those behind it along, as it does for SQLite.
struct WalFrames {
    std::unordered_map<uint32_t, int64_t> newest;  // page -> where its newest committed image stands in the WAL
    uint64_t good = 0, bad = 0;                    // bad: before a good one
    // Behind a bad frame stands the end of its transaction (or it is that end) and the beginning of another one. The
    // first of the two had been synced before the other began, so this is damage and not the torn end that a power cut
    // leaves.
    bool damaged = false;
};
WalFrames scan_wal(const std::string& path);

class PageFile {
  public:
    ~PageFile();
    PageFile() = default;
    PageFile(const PageFile&) = delete;
    PageFile& operator=(const PageFile&) = delete;

    base::Result<> open(const std::string& path);  // the store's; the WAL stands beside it
    uint32_t pages() const { return pages_; }      // numbers 1..pages()
    // The newest committed image. False: it cannot be read, the page is all zeros then.
    bool read(uint32_t number, std::string& page) const;
    // On the list of free pages: what stands there was deleted.
    bool is_free(uint32_t number) const { return number < free_.size() && free_[number]; }
    bool free_list_known() const { return free_list_known_; }
    const WalFrames& wal() const { return wal_; }

  private:
    void read_free_list();

    int file_ = -1, wal_file_ = -1;
    uint32_t pages_ = 0;
    WalFrames wal_;
    std::vector<bool> free_;
    bool free_list_known_ = false;
};

// One row: the columns as SQLite stores them. An INTEGER PRIMARY KEY stands as NULL in its column; it is the row id.
struct Value {
    enum class Kind : uint8_t { null, integer, real, text, blob } kind = Kind::null;
    int64_t integer = 0;
    std::string_view bytes;
};
struct Row {
    bool of_index = false;  // of an index or a WITHOUT ROWID table; rowid means nothing then
    int64_t rowid = 0;
    std::vector<Value> values;

    bool is(std::string_view shape) const;  // one letter a column: n(ull), i(nteger), t(ext), b(lob); * any
};
// Every row of the page that can be parsed, overflow pages included. Views die with the call.
void for_each_row(const PageFile& file, uint32_t number, std::string_view page,
                  const std::function<void(const Row&)>& row);

}  // namespace tributary::store
