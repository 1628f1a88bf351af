// SPDX-License-Identifier: Apache-2.0
// Clocks: every thread takes time from here, so that tests can move it. All times are int64_t nanoseconds
// (armhf's time_t has 32 bits). The engine has no clock: its time is what stands in the intake log.
#pragma once

#include <atomic>
#include <cstdint>
#include <string_view>

namespace tributary::base {

constexpr int64_t kNsPerUs = 1'000;
constexpr int64_t kNsPerMs = 1'000'000;
constexpr int64_t kNsPerSecond = 1'000'000'000;
constexpr int64_t kNever = INT64_MAX;

class Clock {
  public:
    virtual ~Clock() = default;
    virtual int64_t wall_ns() const = 0;    // since 1970 UTC; may step
    virtual int64_t boot_ns() const = 0;    // since boot, suspended time included; never steps
    virtual bool synchronised() const = 0;  // the kernel's own word
    virtual uint64_t boot() const = 0;      // another number after each boot of the machine; 0 = not known
};

// A sandbox may forbid to ask the kernel about its clock and hide /proc; then our unit hands over where the answers
// are: TRIBUTARY_CLOCK_STATE names the file that tributary-clock keeps, TRIBUTARY_BOOT_ID is the kernel's number of
// this boot.
class SystemClock final : public Clock {
  public:
    int64_t wall_ns() const override;
    int64_t boot_ns() const override;
    bool synchronised() const override;
    uint64_t boot() const override;
};

// What src/clock writes: "<boot time in ns> <1 = synchronised, 0 = not>\n". An answer older than 20 s counts as not.
bool says_synchronised(std::string_view state, int64_t boot_ns);

// Moves only by hand. Any thread.
class ManualClock final : public Clock {
  public:
    explicit ManualClock(int64_t wall_ns, int64_t boot_ns = 0, uint64_t boot = 1)
        : wall_(wall_ns), boot_(boot_ns), number_(boot) {}
    int64_t wall_ns() const override { return wall_.load(); }
    int64_t boot_ns() const override { return boot_.load(); }
    bool synchronised() const override { return synchronised_.load(); }
    uint64_t boot() const override { return number_; }
    void advance(int64_t ns) { wall_ += ns, boot_ += ns; }
    void step_wall(int64_t ns) { wall_ += ns; }
    void set_synchronised(bool yes) { synchronised_ = yes; }

  private:
    std::atomic<int64_t> wall_, boot_;
    std::atomic<bool> synchronised_{true};
    const uint64_t number_;
};

// The day this program was built (SOURCE_DATE_EPOCH counts): no true clock is before it.
int64_t build_day_ns();

// Floor division: the right millisecond for times before 1970 too.
constexpr int64_t ns_to_ms(int64_t ns) { return ns >= 0 ? ns / kNsPerMs : -((-ns + kNsPerMs - 1) / kNsPerMs); }
// The multiple of unit at or below ns.
constexpr int64_t floor_to(int64_t ns, int64_t unit) {
    const int64_t rest = ns % unit;
    return ns - (rest < 0 ? rest + unit : rest);
}

}  // namespace tributary::base
