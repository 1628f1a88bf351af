// SPDX-License-Identifier: Apache-2.0
#include "detect/auto_rhythm.hpp"

#include <algorithm>

namespace tributary::detect {

float DailyRhythm::usual_at_hour() const {
    const uint32_t now = of_day(hour);
    return visits[now] != 0 ? hour_mean[now] : mean;
}

float DailyRhythm::expect(int32_t hour_now) {
    if (count != 0 && hour_now != hour) {
        end_visit();
        if (day(hour_now) != day(hour)) end_day();
    }
    hour = hour_now;
    const float seen = days[of_week(hour)];
    return usual_at_hour() + day_mean[of_week(hour)] * (seen / (seen + kDoubt));
}

void DailyRhythm::learn(float value) {
    const auto take_in = [](float& into, uint16_t& number, float what, int most) {
        number = static_cast<uint16_t>(std::min(number + 1, most));
        into += (what - into) / static_cast<float>(number);
    };
    take_in(day_residual, day_count, value - (count != 0 ? usual_at_hour() : value), kMostCounted);
    take_in(visit_mean, visit_count, value, kMostCounted);
    take_in(mean, count, value, kGlobal);
}

void DailyRhythm::end_visit() {
    const uint32_t over = of_day(hour);
    visits[over] = static_cast<uint8_t>(std::min<int>(visits[over] + 1, kVisits));
    hour_mean[over] += (visit_mean - hour_mean[over]) / visits[over];
    visit_mean = 0, visit_count = 0;
}

void DailyRhythm::end_day() {
    const uint32_t over = of_week(hour);
    days[over] = static_cast<uint8_t>(std::min<int>(days[over] + 1, kDays));
    day_mean[over] += (day_residual - day_mean[over]) / days[over];
    day_residual = 0, day_count = 0;
}

}  // namespace tributary::detect
