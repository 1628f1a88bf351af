// SPDX-License-Identifier: Apache-2.0
// BoundedQueue<T>: where two threads meet. Many producers, one consumer; bounded by the sum of the costs its users
// give (bytes, or 1 a piece). close() wakes everybody; what is inside can still be taken.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <utility>

namespace tributary::base {

template <class T>
class BoundedQueue {
  public:
    explicit BoundedQueue(size_t capacity) : capacity_(capacity) {}

    // False when full or closed; the value is untouched then. One piece always fits an empty queue.
    bool try_push(T& value, size_t cost = 1) {
        const std::lock_guard lock(mutex_);
        if (closed_ || (!items_.empty() && used_ + cost > capacity_)) return false;
        put(value, cost);
        return true;
    }

    // Waits at most timeout_ns for room.
    bool push(T& value, size_t cost, int64_t timeout_ns) {
        std::unique_lock lock(mutex_);
        const bool room = not_full_.wait_for(lock, std::chrono::nanoseconds(timeout_ns),
                                             [&] { return closed_ || items_.empty() || used_ + cost <= capacity_; });
        if (!room || closed_) return false;
        put(value, cost);
        return true;
    }

    // Waits at most timeout_ns for a piece.
    std::optional<T> pop(int64_t timeout_ns) {
        std::unique_lock lock(mutex_);
        not_empty_.wait_for(lock, std::chrono::nanoseconds(timeout_ns),
                            [&] { return closed_ || woken_ || !items_.empty(); });
        woken_ = false;
        if (items_.empty()) return std::nullopt;
        auto [value, cost] = std::move(items_.front());
        items_.pop_front();
        used_ -= cost;
        not_full_.notify_one();
        return std::move(value);
    }

    // Makes the waiting consumer return with nothing, so that it looks at the rest of its world.
    void wake() {
        const std::lock_guard lock(mutex_);
        woken_ = true;
        not_empty_.notify_one();
    }

    void close() {
        const std::lock_guard lock(mutex_);
        closed_ = true;
        not_empty_.notify_all();
        not_full_.notify_all();
    }

    size_t used() const {
        const std::lock_guard lock(mutex_);
        return used_;
    }

  private:
    void put(T& value, size_t cost) {
        items_.emplace_back(std::move(value), cost);
        used_ += cost;
        not_empty_.notify_one();
    }

    const size_t capacity_;
    mutable std::mutex mutex_;
    std::condition_variable not_empty_, not_full_;
    std::deque<std::pair<T, size_t>> items_;
    size_t used_ = 0;
    bool closed_ = false, woken_ = false;
};

}  // namespace tributary::base
