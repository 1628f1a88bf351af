// SPDX-License-Identifier: Apache-2.0
// Messages that end the process whenever they are looked at. The engine's thread, the first to look into a message,
// says at which one it is in a small mapped file beside the store: the kernel keeps it when the process dies. A message
// at which two processes in a row ended is poison: the engine puts it in the dead log unseen, kafka leaves it out. Made
// by Runtime before its threads; at() and away() belong to the engine's. Without the file (a folder that cannot be
// written) nothing is found out, and everything else goes on.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace tributary::gateway {

class Poison {
  public:
    using Meta = std::map<std::string, std::string>;  // small facts of the store

    explicit Poison(const std::string& store_path);
    ~Poison();
    Poison(const Poison&) = delete;
    Poison& operator=(const Poison&) = delete;

    // Compares where the last process ended with what the store knows of the one before. Returns what to store; to be
    // called once, before at(). new_skips() is what it found.
    Meta judge(const Meta& known);
    const std::vector<uint64_t>& skips() const { return skips_; }  // ascending; all there are
    const std::vector<uint64_t>& new_skips() const { return new_; }
    static std::vector<uint64_t> skips_of(const Meta& known);

    void at(uint64_t seq) { place_->store(seq, std::memory_order_relaxed); }
    void away() { at(0); }

  private:
    using Place = std::atomic<uint64_t>;  // seq of the message; 0 = none

    Place nowhere_{0};
    Place* place_ = &nowhere_;
    std::vector<uint64_t> skips_, new_;
};

}  // namespace tributary::gateway
