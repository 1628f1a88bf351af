// SPDX-License-Identifier: Apache-2.0
#include "gateway/wear.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <filesystem>

#include "gateway/support.hpp"

using namespace tributary;
using namespace tributary::gateway;

namespace {
constexpr int64_t kDay = 24 * 3600 * base::kNsPerSecond;
constexpr int64_t kMb = 1'000'000;
}  // namespace

TEST_CASE("wear: days are counted apart, the first one not as a whole, over restarts") {
    int64_t own = 0, device = 500 * kMb;
    std::string kept;
    for (int day = 20'000; day < 20'012; day++) {
        Wear wear(1000 * kMb, kept);
        int64_t began = own;
        for (int hour = day == 20'000 ? 12 : 0; hour < 24; hour++) {
            wear.add(day * kDay + hour * kDay / 24, {own - began, device});
            own += kMb, device += 2 * kMb;
        }
        wear.add(day * kDay + kDay - 1, {own - began, device});
        kept = wear.text();
        CHECK(Wear(0, kept).text() == kept);
        const auto status = wear.status();
        CHECK(status.today_bytes == (day == 20'000 ? 24 : 48) * kMb);
        CHECK(status.own_today_bytes == status.today_bytes / 2);
        CHECK(status.day_bytes == (day < 20'002 ? 0 : 48 * kMb));
        CHECK(status.total_bytes == (24 + (day - 20'000) * 48) * kMb);
        CHECK(status.whole_device);
        CHECK(status.years_left.has_value() == (day >= 20'002));
    }
    Wear wear(1000 * kMb, kept);
    wear.add(20'011 * kDay, {0, device});
    CHECK(wear.status().years_left.value() == doctest::Approx((1000.0 - 552) / 48 / 365.25));
    CHECK_FALSE(Wear(0, kept).status().years_left);
}

TEST_CASE("wear: a clock that jumps, a device that is counted anew, and a text that is not ours") {
    Wear wear(0, "");
    wear.add(0, {0, 100});
    wear.add(1, {0, 300});
    CHECK(wear.status().total_bytes == 200);
    wear.add(20'000 * kDay, {0, 400});  // it was 1970 till now
    CHECK(wear.status().today_bytes == 100);
    CHECK(wear.status().day_bytes == 0);
    wear.add(19'999 * kDay, {0, 500});  // back: still the same day
    CHECK(wear.status().today_bytes == 200);
    wear.add(20'000 * kDay, {0, 50});  // attached again
    CHECK(wear.status().today_bytes == 200);
    wear.add(20'003 * kDay, {10, std::nullopt});
    CHECK(wear.status().today_bytes == 10);
    CHECK_FALSE(wear.status().whole_device);
    for (const char* wrong : {"", "2 1 1 1 1 1 0", "1 x", "1 1 1 1 1 1 9", "1 1 1 1 1 1 2 5 5 5"})
        CHECK(Wear(0, wrong).text().empty());
}

TEST_CASE("wear: what this process writes is counted by the kernel") {
    TempFolder folder(std::filesystem::current_path());  // of the build: the one for temporary files may be memory
    struct statfs system {};
    REQUIRE(statfs(folder.path.c_str(), &system) == 0);
    if (system.f_type == TMPFS_MAGIC) {
        MESSAGE("skipped: the build lies in memory, and nothing is written to a device");
        return;
    }
    const auto path = folder.path + "/file";
    const auto before = Wear::sample(folder.path);
    const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    REQUIRE(fd >= 0);
    const std::string megabyte(1 << 20, 'x');
    for (int i = 0; i < 4; i++) REQUIRE(write(fd, megabyte.data(), megabyte.size()) == 1 << 20);
    fsync(fd);
    close(fd);
    const auto after = Wear::sample(folder.path);
    CHECK(after.own_bytes - before.own_bytes >= 4 << 20);
    if (after.device_bytes && before.device_bytes) CHECK(*after.device_bytes - *before.device_bytes >= 4 << 20);
}
