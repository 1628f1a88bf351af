// SPDX-License-Identifier: Apache-2.0
#include "metrics/metrics.hpp"

#include <prometheus/text_serializer.h>

#include <sstream>
#include <utility>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/result.hpp"

namespace tributary::metrics {
namespace {

// get-or-make in a family; the caller holds the lock.
template <class Metric, class Families>
Metric& member(Families& families, const std::string& name, const std::string& help, const std::string& label_name,
               const std::string& label_value) {
    auto& family = families[name];
    if (family.by_label.empty()) family.help = help, family.label_name = label_name;
    // One label per family: another name would give two series that no query can add up.
    TRB_ASSERT(family.label_name == label_name);
    auto& metric = family.by_label[label_value];
    if (!metric) metric = std::make_unique<Metric>();
    return *metric;
}

prometheus::ClientMetric labelled(const std::string& name, const std::string& value) {
    prometheus::ClientMetric metric;
    if (!name.empty()) metric.label.push_back({name, value});
    return metric;
}

template <class Families, class Set>
void add_families(std::vector<prometheus::MetricFamily>& out, const Families& families, prometheus::MetricType type,
                  Set set) {
    for (const auto& [name, family] : families) {
        auto& target = out.emplace_back();
        target.name = name, target.help = family.help, target.type = type;
        for (const auto& [label, metric] : family.by_label) {
            target.metric.push_back(labelled(family.label_name, label));
            set(target.metric.back(), static_cast<double>(metric->value()));
        }
    }
}

prometheus::MetricFamily& counters(std::vector<prometheus::MetricFamily>& out, std::string name, std::string help) {
    return out.emplace_back(
        prometheus::MetricFamily{std::move(name), std::move(help), prometheus::MetricType::Counter, {}});
}

void count(prometheus::MetricFamily& family, std::vector<prometheus::ClientMetric::Label> labels, uint64_t value) {
    prometheus::ClientMetric metric;
    metric.label = std::move(labels);
    metric.counter.value = static_cast<double>(value);
    family.metric.push_back(std::move(metric));
}

void add_ledger(std::vector<prometheus::MetricFamily>& out, const model::Ledger& ledger) {
    if (!ledger.streams.empty()) {
        auto& received = counters(out, "tributary_ledger_received_total", "Messages taken in, by stream");
        for (const auto& [name, account] : ledger.streams) count(received, {{"stream", name}}, account.received);
        auto& settled = counters(out, "tributary_ledger_settled_total", "Messages that have their fate, by stream");
        for (const auto& [name, account] : ledger.streams)
            for (size_t i = 0; i < model::kFates; i++)
                count(settled, {{"stream", name}, {"fate", std::string(model::kFateNames[i])}}, account.fates[i]);
    }
    if (!ledger.logs.empty()) {
        auto& records = counters(out, "tributary_ledger_records_total", "Records of the output logs");
        for (const auto& [log, a] : ledger.logs) {
            const std::string name(model::log_name(log));
            const std::pair<const char*, uint64_t> accounts[] = {{"appended", a.appended},
                                                                 {"delivered", a.delivered},
                                                                 {"refused", a.refused},
                                                                 {"thinned", a.thinned},
                                                                 {"damaged", a.damaged}};
            for (const auto& [account, value] : accounts) count(records, {{"log", name}, {"account", account}}, value);
        }
    }
}

}  // namespace

Counter& Registry::counter(const std::string& name, const std::string& help, const std::string& label_name,
                           const std::string& label_value) {
    const std::lock_guard lock(mutex_);
    TRB_ASSERT(!gauges_.contains(name));
    return member<Counter>(counters_, name, help, label_name, label_value);
}

Gauge& Registry::gauge(const std::string& name, const std::string& help, const std::string& label_name,
                       const std::string& label_value) {
    const std::lock_guard lock(mutex_);
    TRB_ASSERT(!counters_.contains(name));
    return member<Gauge>(gauges_, name, help, label_name, label_value);
}

void Registry::healthy(const std::string& component) {
    bool recovered = false;
    {
        const std::lock_guard lock(mutex_);
        auto& state = health_[component];
        recovered = !state.ok;
        if (recovered || state.component.empty()) state = {component, true, "", "", base::SystemClock().wall_ns()};
    }
    if (recovered) base::log::info("{} is well again", component);
}

void Registry::degraded(const std::string& component, const std::string& code, const std::string& text) {
    bool changed = false;
    {
        const std::lock_guard lock(mutex_);
        auto& state = health_[component];
        changed = state.component.empty() || state.ok || state.code != code;
        if (changed) state = {component, false, code, text, base::SystemClock().wall_ns()};
        state.text = text;  // the same trouble in newer words keeps its beginning
    }
    if (changed) base::log::warning("{}: {} is degraded: {}", code, component, text);
}

std::vector<HealthState> Registry::health() const {
    const std::lock_guard lock(mutex_);
    std::vector<HealthState> states;
    for (const auto& [component, state] : health_) states.push_back(state);
    return states;
}

std::string Registry::exposition(const model::Ledger& ledger) const {
    std::vector<prometheus::MetricFamily> families;
    {
        const std::lock_guard lock(mutex_);
        add_families(families, counters_, prometheus::MetricType::Counter,
                     [](auto& metric, double value) { metric.counter.value = value; });
        add_families(families, gauges_, prometheus::MetricType::Gauge,
                     [](auto& metric, double value) { metric.gauge.value = value; });
        if (!health_.empty()) {
            prometheus::MetricFamily health{"tributary_healthy",
                                            "1 = the component is well, 0 = degraded (see status)",
                                            prometheus::MetricType::Gauge,
                                            {}};
            for (const auto& [component, state] : health_) {
                health.metric.push_back(labelled("component", component));
                health.metric.back().gauge.value = state.ok ? 1 : 0;
            }
            families.push_back(std::move(health));
        }
    }
    add_ledger(families, ledger);
    std::ostringstream out;
    prometheus::TextSerializer().Serialize(out, families);
    return std::move(out).str();
}

}  // namespace tributary::metrics
