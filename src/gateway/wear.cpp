// SPDX-License-Identifier: Apache-2.0
#include "gateway/wear.hpp"

#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <sstream>

#include "base/clock.hpp"
#include "base/files.hpp"
#include "base/log.hpp"

namespace tributary::gateway {
namespace {

constexpr int64_t kDayNs = 24 * 3600 * base::kNsPerSecond;
constexpr int64_t kSector = 512;  // of this file of the kernel, whatever the device has

int64_t own_bytes() {
    const auto io = base::read_file("/proc/self/io");
    if (!io) return 0;
    std::istringstream in(*io);
    std::string key;
    for (int64_t value = 0; in >> key >> value;)
        if (key == "write_bytes:") return value;
    return 0;
}

std::optional<int64_t> device_bytes(const std::string& path) {
    struct stat status {};
    if (stat(path.c_str(), &status) != 0 || major(status.st_dev) == 0) return std::nullopt;  // tmpfs, btrfs, overlay
    const auto folder = base::format("/sys/dev/block/{}:{}/", major(status.st_dev), minor(status.st_dev));
    const bool partition = base::read_file(folder + "partition").ok();
    const auto text = base::read_file(folder + (partition ? "../stat" : "stat"));
    if (!text) return std::nullopt;
    std::istringstream in(*text);
    int64_t value = 0;
    for (int field = 0; field < 7; field++) in >> value;  // the seventh: sectors written (Documentation/block/stat)
    return in ? std::optional(value * kSector) : std::nullopt;
}

}  // namespace

Wear::Sample Wear::sample(const std::string& store_path) { return {own_bytes(), device_bytes(store_path)}; }

void Wear::add(int64_t now_ns, const Sample& sample) {
    const int64_t day = base::floor_to(now_ns, kDayNs) / kDayNs;
    if (day_ < 0 || day > day_ + kDays) {  // the first word, or a clock that was wrong till now
        known_ = 0;
        partial_ = true;
        today_ = {};
        day_ = day;
    }
    for (; day_ < day; day_++) {
        if (!partial_) {
            std::rotate(full_.begin(), full_.end() - 1, full_.end());
            full_[0] = today_;
            known_ = std::min(known_ + 1, kDays);
        }
        today_ = {};
        partial_ = false;
    }
    if (last_) {
        const int64_t own = std::max<int64_t>(0, sample.own_bytes - last_->own_bytes);
        int64_t device = own;
        if (sample.device_bytes && last_->device_bytes)
            device = std::max<int64_t>(0, *sample.device_bytes - *last_->device_bytes);
        today_.own += own;
        today_.device += device;
        total_ += device;
    }
    last_ = sample;
}

Wear::Status Wear::status() const {
    Status out;
    out.own_today_bytes = today_.own;
    out.today_bytes = today_.device;
    out.total_bytes = total_;
    out.whole_device = last_ && last_->device_bytes.has_value();
    for (int i = 0; i < known_; i++) out.day_bytes += full_[static_cast<size_t>(i)].device;
    if (known_ > 0) out.day_bytes /= known_;
    if (endurance_bytes_ > 0 && out.day_bytes > 0)
        out.years_left = static_cast<double>(std::max<int64_t>(0, endurance_bytes_ - total_)) /
                         static_cast<double>(out.day_bytes) / 365.25;
    return out;
}

std::string Wear::text() const {
    if (day_ < 0) return {};
    std::string out =
        base::format("1 {} {} {} {} {} {}", day_, partial_ ? 1 : 0, total_, today_.own, today_.device, known_);
    for (int i = 0; i < known_; i++)
        out += base::format(" {} {}", full_[static_cast<size_t>(i)].own, full_[static_cast<size_t>(i)].device);
    return out;
}

void Wear::load(const std::string& text) {
    std::istringstream in(text);
    int version = 0, partial = 0, known = 0;
    int64_t day = 0, total = 0;
    Day today;
    in >> version >> day >> partial >> total >> today.own >> today.device >> known;
    if (!in || version != 1 || known < 0 || known > kDays) return;
    std::array<Day, kDays> full{};
    for (int i = 0; i < known; i++) in >> full[static_cast<size_t>(i)].own >> full[static_cast<size_t>(i)].device;
    if (!in) return;
    day_ = day, partial_ = partial != 0, total_ = total, today_ = today, known_ = known, full_ = full;
}

}  // namespace tributary::gateway
