// SPDX-License-Identifier: Apache-2.0
#include "stream/grid.hpp"

#include <doctest/doctest.h>

#include "base/clock.hpp"
#include "base/math.hpp"
#include "base/text.hpp"

using namespace tributary;
using stream::Grid;

namespace {

constexpr int64_t kMinute = 60 * base::kNsPerSecond, kHour = 60 * kMinute, kDay = 24 * kHour;
int64_t utc(const char* text) { return *base::parse_time_ns(text); }
std::string from_to(const Grid::Cell& cell) {
    return base::format_time_ms(base::ns_to_ms(cell.start_ns)) + " " +
           base::format_time_ms(base::ns_to_ms(cell.end_ns));
}

}  // namespace

TEST_CASE("UTC cells begin at multiples of the size plus the offset") {
    CHECK(Grid(10, 0, {}).at(25).start_ns == 20);
    CHECK(Grid(10, 0, {}).at(-1).start_ns == -10);
    CHECK(Grid(10, 3, {}).at(25).start_ns == 23);
    CHECK(Grid(10, 3, {}).at(22).end_ns == 23);
}

TEST_CASE("days of a zone have 23 and 25 hours when the clocks change, shifts begin at their hour") {
    const auto berlin = *base::Zone::find("Europe/Berlin");
    const Grid day(kDay, 0, berlin);
    CHECK(from_to(day.at(utc("2026-03-29T12:00:00Z"))) == "2026-03-28T23:00:00.000Z 2026-03-29T22:00:00.000Z");
    CHECK(from_to(day.at(utc("2026-10-25T12:00:00Z"))) == "2026-10-24T22:00:00.000Z 2026-10-25T23:00:00.000Z");
    CHECK(from_to(day.at(utc("2026-10-25T00:30:00Z"))) == "2026-10-24T22:00:00.000Z 2026-10-25T23:00:00.000Z");
    const Grid shift(8 * kHour, 6 * kHour, berlin);  // 06-14-22; the night shift of the change is 7 or 9 hours
    CHECK(from_to(shift.at(utc("2026-03-29T00:00:00Z"))) == "2026-03-28T21:00:00.000Z 2026-03-29T04:00:00.000Z");
    CHECK(from_to(shift.at(utc("2026-03-29T04:00:00Z"))) == "2026-03-29T04:00:00.000Z 2026-03-29T12:00:00.000Z");
    CHECK(from_to(shift.at(utc("2026-10-25T03:00:00Z"))) == "2026-10-24T20:00:00.000Z 2026-10-25T05:00:00.000Z");
    const Grid week(7 * kDay, 0, berlin);
    CHECK(from_to(week.at(utc("2026-11-25T12:00:00Z"))) == "2026-11-22T23:00:00.000Z 2026-11-29T23:00:00.000Z");
}

TEST_CASE("hours and less follow the offset in force") {
    const auto kolkata = *base::Zone::find("Asia/Kolkata");
    CHECK(from_to(Grid(kHour, 0, kolkata).at(utc("2026-01-01T00:00:00Z"))) ==
          "2025-12-31T23:30:00.000Z 2026-01-01T00:30:00.000Z");
    // Lord Howe moves by half an hour: the cell that the change cuts ends there.
    const auto lord_howe = *base::Zone::find("Australia/Lord_Howe");
    const Grid hour(kHour, 0, lord_howe);
    const auto change = lord_howe.at(utc("2026-04-01T00:00:00Z")).end_ns;
    CHECK(hour.at(change - 1).end_ns == hour.at(change).start_ns);
}

TEST_CASE("cells follow one another without gap or overlap in every zone, size and offset") {
    base::math::Random random(3);
    int cells = 0;
    for (const char* name : {"Europe/Berlin", "Australia/Lord_Howe", "America/St_Johns", "Asia/Kathmandu",
                             "Pacific/Apia", "America/Sao_Paulo", "Africa/Casablanca", "UTC"}) {
        const auto zone = *base::Zone::find(name);
        for (const int64_t size : {kMinute, 15 * kMinute, kHour, 2 * kHour, 8 * kHour, 12 * kHour, kDay, 7 * kDay}) {
            CHECK(Grid::problem(size) == nullptr);
            const auto offset = static_cast<int64_t>(random.below(static_cast<uint64_t>(size / kMinute))) * kMinute;
            const Grid grid(size, offset, zone);
            // Around every change of the clocks of some years.
            int64_t at = utc("2009-01-01T00:00:00Z");
            while (at < utc("2027-01-01T00:00:00Z")) {
                const int64_t change = zone.at(at).end_ns;
                if (change > utc("2030-01-01T00:00:00Z")) break;
                auto cell = grid.at(change - 2 * size);
                for (int i = 0; i < 5; i++, cells++) {
                    const auto next = grid.at(cell.end_ns);
                    REQUIRE(cell.start_ns < cell.end_ns);
                    REQUIRE(next.start_ns == cell.end_ns);
                    const auto inside =
                        cell.start_ns +
                        static_cast<int64_t>(random.below(static_cast<uint64_t>(cell.end_ns - cell.start_ns)));
                    const auto same = grid.at(inside);
                    REQUIRE(same.start_ns == cell.start_ns);
                    REQUIRE(same.end_ns == cell.end_ns);
                    cell = next;
                }
                at = change;
            }
        }
    }
    CHECK(cells > 1000);
}

TEST_CASE("sizes that do not fit a calendar are refused with the reason") {
    for (const int64_t size : {7 * kMinute, 5 * kHour, 36 * kHour}) CHECK(Grid::problem(size) != nullptr);
}
