// SPDX-License-Identifier: Apache-2.0
#include "store/pages.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/files.hpp"
#include "base/log.hpp"
#include "store/schema.hpp"
#include "store/store.hpp"

namespace tributary::store {
namespace {

constexpr size_t kPage = static_cast<size_t>(kPageBytes);
constexpr size_t kWalHeader = 32, kFrameHeader = 24, kFrame = kFrameHeader + kPage;
constexpr uint32_t kWalMagic = 0x377f0682;  // the low bit: checksums of big-endian words
constexpr uint32_t kTrunkLeaves = kPage / 4 - 2;

uint32_t big_endian(std::string_view bytes, size_t at) {
    uint32_t value = 0;
    for (size_t i = 0; i < 4; i++) value = value << 8 | static_cast<uint8_t>(bytes[at + i]);
    return value;
}

bool read_at(int fd, char* into, size_t size, int64_t at) {
    for (size_t done = 0; done < size;) {
        const ssize_t got = pread(fd, into + done, size - done, at + static_cast<int64_t>(done));
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return false;
        done += static_cast<size_t>(got);
    }
    return true;
}

struct Sum {
    uint32_t a = 0, b = 0;
    bool operator==(const Sum&) const = default;

    Sum with(std::string_view bytes, bool big) const {
        Sum sum = *this;
        const auto word = [&](size_t at) {
            const uint32_t value = big_endian(bytes, at);
            return big ? value : __builtin_bswap32(value);
        };
        for (size_t i = 0; i + 8 <= bytes.size(); i += 8) {
            sum.a += word(i) + sum.b;
            sum.b += word(i + 4) + sum.a;
        }
        return sum;
    }
    static Sum at(std::string_view bytes, size_t at) { return {big_endian(bytes, at), big_endian(bytes, at + 4)}; }
};

// Walks the frames of one WAL from the first to the last.
class WalScan {
  public:
    explicit WalScan(int fd) : fd_(fd) {}
    WalFrames run();

  private:
    bool begin();
    bool fits(std::string_view frame);
    void good(std::string_view frame, int64_t at);

    const int fd_;
    WalFrames found_;
    bool big_ = false, header_ok_ = false;
    std::string salts_;
    Sum stored_, computed_;
    uint64_t waiting_bad_ = 0;  // since the last good frame
    bool bad_before_ = false, whole_behind_bad_ = false;
    bool bad_commit_ = false;                     // the frame before is bad, and says that it ends a transaction
    std::unordered_map<uint32_t, int64_t> open_;  // of the transaction under way
};

bool WalScan::begin() {
    std::string header(kWalHeader, 0);
    if (!read_at(fd_, header.data(), header.size(), 0)) return false;
    big_ = (big_endian(header, 0) & 1) != 0;
    stored_ = Sum::at(header, 24);
    computed_ = Sum{}.with(std::string_view(header).substr(0, 24), big_);
    salts_ = header.substr(16, 8);
    header_ok_ = (big_endian(header, 0) & ~1U) == kWalMagic && stored_ == computed_;
    if (header_ok_) return true;
    // The frames know the salts, too; which of the two checksums is right is left to the first frame.
    std::string frame(kFrameHeader, 0);
    if (!read_at(fd_, frame.data(), frame.size(), kWalHeader)) return false;
    salts_ = frame.substr(8, 8);
    big_ = false;  // of machines that we run on
    std::string mended = header;
    mended.replace(16, 8, salts_);
    computed_ = Sum{}.with(std::string_view(mended).substr(0, 24), big_);
    bad_before_ = true;
    return true;
}

bool WalScan::fits(std::string_view frame) {
    const Sum own = Sum::at(frame, 16);
    Sum computed;
    bool same = false;
    for (const Sum& seed : {stored_, computed_}) {
        computed = seed.with(frame.substr(0, 8), big_).with(frame.substr(kFrameHeader), big_);
        same = computed == own;
        if (same) break;
    }
    stored_ = own;
    computed_ = computed;
    return same && frame.substr(8, 8) == salts_ && big_endian(frame, 0) > 0;
}

void WalScan::good(std::string_view frame, int64_t at) {
    found_.good++;
    // The bad one before it ended a transaction: this is the next one's, begun when that was synced.
    if (bad_commit_) whole_behind_bad_ = true;
    bad_commit_ = false;
    if (waiting_bad_ > 0) bad_before_ = true;
    found_.bad += std::exchange(waiting_bad_, 0);
    if (whole_behind_bad_) found_.damaged = true;
    open_[big_endian(frame, 0)] = at + static_cast<int64_t>(kFrameHeader);
    if (big_endian(frame, 4) == 0) return;
    for (const auto& [page, where] : open_) found_.newest[page] = where;
    open_.clear();
    whole_behind_bad_ |= bad_before_;
}

WalFrames WalScan::run() {
    if (!begin()) return {};
    std::string frame(kFrame, 0);
    for (int64_t at = kWalHeader; read_at(fd_, frame.data(), frame.size(), at); at += static_cast<int64_t>(kFrame)) {
        if (fits(frame))
            good(frame, at);
        else
            waiting_bad_++, bad_commit_ = big_endian(frame, 4) != 0;
    }
    return std::move(found_);
}

}  // namespace

WalFrames scan_wal(const std::string& path) {
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) return {};
    auto found = WalScan(fd).run();
    close(fd);
    return found;
}

PageFile::~PageFile() {
    for (const int fd : {file_, wal_file_})
        if (fd >= 0) close(fd);
}

base::Result<> PageFile::open(const std::string& path) {
    file_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    struct stat status {};
    if (file_ < 0 || fstat(file_, &status) != 0)
        return base::Error{kPath, base::format("cannot read {}: {}", path, base::errno_text(errno))};
    pages_ = static_cast<uint32_t>(std::min<int64_t>((status.st_size + kPageBytes - 1) / kPageBytes, UINT32_MAX - 1));
    wal_ = scan_wal(path + "-wal");
    wal_file_ = ::open((path + "-wal").c_str(), O_RDONLY | O_CLOEXEC);
    // One damaged page number must not make us look at millions of pages.
    const auto in_wal = static_cast<uint64_t>(wal_.newest.size());
    for (const auto& [page, where] : wal_.newest)
        if (page <= pages_ + in_wal + 1000) pages_ = std::max(pages_, page);
    read_free_list();
    return {};
}

bool PageFile::read(uint32_t number, std::string& page) const {
    page.assign(kPage, 0);
    if (number == 0 || number > pages_) return false;
    if (const auto found = wal_.newest.find(number); found != wal_.newest.end())
        return read_at(wal_file_, page.data(), kPage, found->second);
    return read_at(file_, page.data(), kPage, (int64_t{number} - 1) * kPageBytes);
}

void PageFile::read_free_list() {
    free_.assign(size_t{pages_} + 1, false);
    std::string page;
    if (!read(1, page)) return;
    const uint32_t count = big_endian(page, 36);
    uint32_t listed = 0;
    for (uint32_t trunk = big_endian(page, 32); trunk != 0;) {
        if (trunk > pages_ || free_[trunk] || !read(trunk, page)) return;
        const uint32_t leaves = big_endian(page, 4);
        if (leaves > kTrunkLeaves) return;
        free_[trunk] = true;
        for (uint32_t i = 0; i < leaves; i++)
            if (const uint32_t leaf = big_endian(page, 8 + size_t{i} * 4); leaf > 1 && leaf <= pages_)
                free_[leaf] = true;
        listed += leaves + 1;
        trunk = big_endian(page, 0);
    }
    free_list_known_ = listed == count;
}

}  // namespace tributary::store
