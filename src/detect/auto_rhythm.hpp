// SPDX-License-Identifier: Apache-2.0
// What is usual at this time of day and on this day of the week, in UTC: a mean for each hour, and for each weekday how
// far it lies from that. An hour is learned when it is over, as one visit however many readings it had, so neither the
// rate of the readings nor a fault within the hour matters to it. Part of the state of `auto`: trivially copyable, all
// zero = fresh. Pure. What it does not do: know holidays or local time (a change of the clocks is learned in some
// days).
#pragma once

#include <cstdint>

namespace tributary::detect {

struct DailyRhythm {
    static constexpr int kVisits = 10;      // the newest visit of an hour weighs 1/10
    static constexpr int kDays = 6;         // the newest Monday weighs 1/6 among Mondays
    static constexpr float kDoubt = 0.35F;  // weight of "as any other day" against the number of days seen
    static constexpr int kGlobal = 2000;    // memory of the mean for hours never seen, in readings

    float hour_mean[24], day_mean[7];
    float visit_mean, day_residual, mean;    // of the hour that runs, of the day that runs, of everything
    int32_t hour;                            // that runs, since 1970
    uint16_t visit_count, day_count, count;  // readings in those means, at most kMostCounted
    uint8_t visits[24], days[7];

    // What to expect at `hour_now` (hours since 1970, not before the hour that runs): moves on to it.
    float expect(int32_t hour_now);
    void learn(float value);
    bool knows_hour() const { return visits[of_day(hour)] != 0; }

  private:
    static constexpr uint16_t kMostCounted = 60'000;
    static uint32_t of_day(int32_t hour) { return static_cast<uint32_t>((hour % 24 + 24) % 24); }
    static int32_t day(int32_t hour) { return hour >= 0 ? hour / 24 : -((23 - hour) / 24); }
    static uint32_t of_week(int32_t hour) { return static_cast<uint32_t>((day(hour) % 7 + 7) % 7); }
    float usual_at_hour() const;
    void end_visit();
    void end_day();
};

}  // namespace tributary::detect
