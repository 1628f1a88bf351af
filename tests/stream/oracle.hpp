// SPDX-License-Identifier: Apache-2.0
// What a window is by definition, for tests: every reading is kept, and every window and figure is made anew from all
// of them, by the words of the design and of docs/configuration.md. Slow and plain on purpose: no lists, no heap, no
// running figures, no merging; sums in long double, quantiles from a sorted copy. One Slot = one series and one
// setting.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <list>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "config/settings.hpp"
#include "model/output.hpp"

namespace tributary::oracle {

constexpr int64_t kGatherNs = 5 * base::kNsPerSecond;  // a revision waits at most so long

struct Reading {
    int64_t ts = 0;
    model::ValueKind kind = model::ValueKind::number;
    double number = 0;
    std::string text{};
    int64_t order = -1;  // place among those in order of event time; -1: too late for that, or not its turn yet

    bool counts() const { return kind != model::ValueKind::text; }
    std::string state() const {
        return counts() ? kind == model::ValueKind::boolean ? number != 0 ? "true" : "false" : std::to_string(number)
                        : text;
    }
};

struct Window {
    int64_t start = 0, end = 0;
    std::vector<size_t> members{};   // in order of arrival
    bool due = false;                // closed, or closed and changed since: has to be put out
    bool fresh = false;              // due because the watermark just closed it
    int64_t changed = base::kNever;  // arrival of the first change since it was last put out
    uint32_t times = 0;              // how often it was put out
};

class Slot {
  public:
    explicit Slot(config::WindowSettings window) : setting(std::move(window)) {}

    // Whether the reading was taken; closes what it closes.
    bool add(Reading reading, int64_t now) {
        last_arrival_ = now;
        const auto index = all.size();
        all.push_back(std::move(reading));
        if (!place(index, now)) {
            all.pop_back();
            return false;
        }
        wait_for_order(index);
        if (setting.type == "count") {
            if (open_.size() == static_cast<size_t>(setting.count)) close_everything();
        } else {
            close_until(all[index].ts - setting.lateness_ns);
        }
        return true;
    }

    bool idle(int64_t now) const { return anything_open() && last_arrival_ + setting.idle_ns <= now; }

    void close_everything() {
        release(base::kNever);
        if (setting.type == "count") {
            if (open_.empty()) return;
            Window window{all[open_[0]].ts, all[open_[0]].ts, open_, true, true};
            for (const size_t member : open_) {
                window.start = std::min(window.start, all[member].ts);
                window.end = std::max(window.end, all[member].ts + base::kNsPerMs);
            }
            windows.push_back(std::move(window));
            open_.clear();
            return;
        }
        int64_t end = closed_;
        for (const Window& window : windows)
            if (window.end > closed_) end = std::max(end, window.end);
        for (const size_t member : open_) end = std::max(end, all[member].ts + setting.gap_ns);
        close_until(end);
    }

    // Where it can no longer be revised and was put out, a window is of no more interest.
    void clean() {
        windows.remove_if([&](const Window& window) { return !window.due && gone(window); });
    }
    bool gone(const Window& window) const {
        return setting.type == "count" || window.end + setting.revise_ns <= closed_;
    }
    bool anything_open() const {
        return !open_.empty() || std::any_of(windows.begin(), windows.end(), [&](const Window& window) {
            return setting.type != "count" && window.end > closed_;
        });
    }

    config::WindowSettings setting;
    std::vector<Reading> all;      // that were taken, in order of arrival
    std::vector<size_t> in_order;  // of event time; equal ones in order of arrival
    std::list<Window> windows;

  private:
    // Into its windows; false when it is late.
    bool place(size_t index, int64_t now) {
        const int64_t ts = all[index].ts;
        if (setting.type == "count") {
            open_.push_back(index);
            return true;
        }
        if (setting.type == "session") {
            const bool joins = std::any_of(open_.begin(), open_.end(), [&](size_t other) {
                return std::llabs(all[other].ts - ts) <= setting.gap_ns;
            });
            if (!joins && ts + setting.gap_ns <= closed_) return false;
            open_.push_back(index);
            return true;
        }
        const int64_t step = setting.type == "hopping" ? setting.slide_ns : setting.size_ns;
        int64_t start = (ts - setting.offset_ns) / step * step + setting.offset_ns + 2 * step;
        while (start > ts) start -= step;
        bool taken = false;
        for (; start > ts - setting.size_ns; start -= step) {
            const int64_t end = start + setting.size_ns;
            if (end + setting.revise_ns <= closed_) continue;
            taken = true;
            auto window =
                std::find_if(windows.begin(), windows.end(), [&](const Window& w) { return w.start == start; });
            if (window == windows.end()) window = windows.insert(windows.end(), {start, end, {}});
            window->members.push_back(index);
            if (end > closed_) continue;
            window->due = true;
            window->changed = std::min(window->changed, now);
        }
        return taken;
    }

    void close_until(int64_t until) {
        if (until <= closed_) return;
        for (Window& window : windows)
            if (window.end > closed_ && window.end <= until) window.due = window.fresh = true;
        closed_ = until;
        if (setting.type != "session") return;
        std::stable_sort(open_.begin(), open_.end(), [&](size_t a, size_t b) { return all[a].ts < all[b].ts; });
        std::vector<size_t> rest;
        for (size_t from = 0, to = 0; from < open_.size(); from = to) {
            for (to = from + 1; to < open_.size() && all[open_[to]].ts - all[open_[to - 1]].ts <= setting.gap_ns;) to++;
            std::vector<size_t> members(open_.begin() + static_cast<long>(from), open_.begin() + static_cast<long>(to));
            const int64_t end = all[members.back()].ts + setting.gap_ns;
            if (end > closed_) {
                rest.insert(rest.end(), members.begin(), members.end());
                continue;
            }
            const int64_t start = all[members.front()].ts;
            std::sort(members.begin(), members.end());
            windows.push_back({start, end, members, true, true});
        }
        open_ = rest;
    }

    // Readings have their turn when the greatest event time is `lateness` past them or their window is closed; what is
    // older than one that had it is out of order for good.
    void wait_for_order(size_t index) {
        newest_ = std::max(newest_, all[index].ts);
        if (all[index].ts >= released_) waiting_.push_back(index);
        release(std::max(newest_ - setting.lateness_ns, closed_));
    }
    void release(int64_t until) {
        std::stable_sort(waiting_.begin(), waiting_.end(), [&](size_t a, size_t b) { return all[a].ts < all[b].ts; });
        while (!waiting_.empty() && all[waiting_.front()].ts <= until) {
            const size_t index = waiting_.front();
            released_ = all[index].ts;
            all[index].order = static_cast<int64_t>(in_order.size());
            in_order.push_back(index);
            waiting_.erase(waiting_.begin());
        }
    }

    int64_t closed_ = INT64_MIN, newest_ = INT64_MIN, released_ = INT64_MIN;
    int64_t last_arrival_ = 0;
    std::vector<size_t> open_;  // sessions and counts: what is in no closed window yet
    std::vector<size_t> waiting_;
};

}  // namespace tributary::oracle
