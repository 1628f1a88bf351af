// SPDX-License-Identifier: Apache-2.0
// Counters, gauges and health states, set by any thread, read by control (status) and the exposition. A metric is
// made once by its owner and lives as long as the Registry.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "model/ledger.hpp"

namespace tributary::metrics {

class Counter {
  public:
    void add(uint64_t n = 1) { value_.fetch_add(n, std::memory_order_relaxed); }
    uint64_t value() const { return value_.load(std::memory_order_relaxed); }

  private:
    std::atomic<uint64_t> value_{0};
};

class Gauge {
  public:
    void set(int64_t value) { value_.store(value, std::memory_order_relaxed); }
    int64_t value() const { return value_.load(std::memory_order_relaxed); }

  private:
    std::atomic<int64_t> value_{0};
};

// What is wrong now, in plain words: "kafka" degraded because ... since ...
struct HealthState {
    std::string component;  // "store" | "mqtt" | "kafka" | "engine" | "clock"
    bool ok = true;
    std::string code;  // TRB-...; empty when ok
    std::string text;
    int64_t since_ns = 0;  // wall time of the change
};

class Registry {
  public:
    // The same name and label value give the same object. Names follow Prometheus: tributary_<what>_<unit>[_total].
    Counter& counter(const std::string& name, const std::string& help, const std::string& label_name = "",
                     const std::string& label_value = "");
    Gauge& gauge(const std::string& name, const std::string& help, const std::string& label_name = "",
                 const std::string& label_value = "");

    // Says so in the log when the state or its code changes.
    void healthy(const std::string& component);
    void degraded(const std::string& component, const std::string& code, const std::string& text);
    std::vector<HealthState> health() const;

    // Prometheus text format 0.0.4, with the ledger as tributary_ledger_*.
    std::string exposition(const model::Ledger& ledger = {}) const;

  private:
    template <class Metric>
    struct Family {
        std::string help, label_name;
        std::map<std::string, std::unique_ptr<Metric>> by_label;
    };
    mutable std::mutex mutex_;
    std::map<std::string, Family<Counter>> counters_;
    std::map<std::string, Family<Gauge>> gauges_;
    std::map<std::string, HealthState> health_;
};

}  // namespace tributary::metrics
