// SPDX-License-Identifier: Apache-2.0
// How much is written to the device the store lies on, and how long it will last at that: bytes of this process (the
// kernel's count) and of the whole device (everything on the box; without the device's own garbage collection), day by
// day in UTC. Fed about once a second by control's thread; its text is kept in the store, so counting goes on over
// restarts. What it does not do: read the wear a card itself reports (few do).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>

namespace tributary::gateway {

class Wear {
  public:
    struct Sample {
        int64_t own_bytes = 0;                // written by this process since it began
        std::optional<int64_t> device_bytes;  // written to the device since it was attached; nothing = not known
    };
    struct Status {
        int64_t own_today_bytes = 0, today_bytes = 0;  // today_bytes: of the device, else our own
        int64_t total_bytes = 0;                       // since counting began
        int64_t day_bytes = 0;                         // mean of the last full days, at most seven; 0 = none yet
        std::optional<double> years_left;              // at that mean, until the endurance is used up
        bool whole_device = false;
    };

    Wear(int64_t endurance_bytes, const std::string& text) : endurance_bytes_(endurance_bytes) { load(text); }

    void add(int64_t now_ns, const Sample& sample);
    Status status() const;
    std::string text() const;  // to be kept; "" = nothing yet

    static Sample sample(const std::string& store_path);  // of now, from the kernel

  private:
    static constexpr int kDays = 7;
    struct Day {
        int64_t own = 0, device = 0;
    };
    void load(const std::string& text);

    const int64_t endurance_bytes_;
    std::optional<Sample> last_;
    int64_t day_ = -1;  // since 1970; -1 = nothing yet
    int64_t total_ = 0;
    Day today_;
    bool partial_ = true;          // counting did not see this day from its beginning
    std::array<Day, kDays> full_;  // newest first
    int known_ = 0;                // how many of them
};

}  // namespace tributary::gateway
