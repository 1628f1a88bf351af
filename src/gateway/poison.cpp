// SPDX-License-Identifier: Apache-2.0
#include "gateway/poison.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <new>

#include "base/files.hpp"
#include "base/log.hpp"

namespace tributary::gateway {
namespace {

constexpr uint64_t kUncleanEnds = 2;
constexpr size_t kMostSkips = 100;
static_assert(std::atomic<uint64_t>::is_always_lock_free);

std::vector<uint64_t> numbers(const std::string& text) {
    std::vector<uint64_t> out;
    const char* at = text.data();
    const char* const end = at + text.size();
    while (at != end) {
        uint64_t number = 0;
        const auto [behind, status] = std::from_chars(at, end, number);
        if (status == std::errc{}) out.push_back(number);
        at = std::find(behind, end, ' ');
        if (at != end) at++;
    }
    return out;
}

std::string text_of(const Poison::Meta& known, const char* key) {
    const auto found = known.find(key);
    return found == known.end() ? "" : found->second;
}

}  // namespace

Poison::Poison(const std::string& store_path) {
    const auto path = store_path + "-at";
    const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0640);
    void* const mapped = fd >= 0 && ftruncate(fd, sizeof(Place)) == 0
                             ? mmap(nullptr, sizeof(Place), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0)
                             : MAP_FAILED;
    if (mapped == MAP_FAILED)
        base::log::warning("{} cannot be used ({}): a message that ends the gateway each time will not be found out",
                           path, base::errno_text(errno));
    else
        place_ = std::launder(static_cast<Place*>(mapped));
    if (fd >= 0) close(fd);
}

Poison::~Poison() {
    if (place_ != &nowhere_) munmap(place_, sizeof(Place));
}

std::vector<uint64_t> Poison::skips_of(const Meta& known) { return numbers(text_of(known, "skips")); }

Poison::Meta Poison::judge(const Meta& known) {
    skips_ = skips_of(known);
    const auto before = numbers(text_of(known, "suspect"));  // seq and unclean ends
    std::string suspect;
    const uint64_t seq = place_->exchange(0);
    const bool again = before.size() == 2 && before[0] == seq;
    if (seq == 0 || std::find(skips_.begin(), skips_.end(), seq) != skips_.end()) {
        // It ended somewhere else.
    } else if (!again || before[1] + 1 < kUncleanEnds) {
        suspect = base::format("{} {}", seq, again ? before[1] + 1 : 1);
        base::log::warning("the last run ended while it looked at message {} of the intake log", seq);
    } else {
        base::log::error("message {} of the intake log has ended the gateway {} times: it is set aside (dead, poison)",
                         seq, kUncleanEnds);
        skips_.push_back(seq);
        new_.push_back(seq);
    }
    std::sort(skips_.begin(), skips_.end());
    if (skips_.size() > kMostSkips) skips_.erase(skips_.begin());
    Meta out;
    if (suspect != text_of(known, "suspect")) out["suspect"] = suspect;
    if (new_.empty()) return out;
    std::string text;
    for (const uint64_t skip : skips_) text += base::format("{} ", skip);
    out["skips"] = text;
    return out;
}

}  // namespace tributary::gateway
