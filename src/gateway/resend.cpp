// SPDX-License-Identifier: Apache-2.0
#include "gateway/resend.hpp"

#include <iostream>

#include "base/log.hpp"
#include "gateway/store_commands.hpp"

namespace tributary::gateway {
namespace {

constexpr int64_t kStepNs = base::kNsPerSecond / 10, kShowNs = base::kNsPerSecond;

// Cursors are noted instead of stored: they say when all is there.
class Noted final : public kafka::Progress {
  public:
    void advanced(model::Log log, uint64_t cursor, model::Ledger&&) override { cursors_[log] = cursor; }
    void refused(model::RefusedRecord&& record) override { refused_.push_back(std::move(record)); }
    bool done(const SelectedFeed& feed) const {
        if (!feed.ended()) return false;
        const auto cursor = cursors_.find(feed.log());
        return feed.furthest() == 0 || (cursor != cursors_.end() && cursor->second > feed.furthest());
    }
    std::vector<model::RefusedRecord> take() { return std::move(refused_); }

  private:
    std::map<model::Log, uint64_t> cursors_;
    std::vector<model::RefusedRecord> refused_;
};

// Of the source records that are asked for: how many were looked at.
int percent(const Selection& selection) {
    double all = 0, looked = 0;
    for (const auto& feed : selection.feeds()) {
        all += static_cast<double>(feed->to() - feed->from() + 1);
        if (feed->ended())
            looked += static_cast<double>(feed->to() - feed->from() + 1);
        else if (feed->furthest() >= feed->from())
            looked += static_cast<double>(feed->furthest() - feed->from() + 1);
    }
    return all > 0 ? static_cast<int>(100 * looked / all) : 100;
}

}  // namespace

config::Settings for_resend(config::Settings settings, const std::string& brokers) {
    if (!brokers.empty()) settings.kafka.brokers = brokers, settings.kafka.mock = false;
    settings.kafka.delivery = "at-least-once";
    if (settings.kafka.metered()) settings.kafka.link = "wan";  // somebody asked for it now
    return settings;
}

base::Result<Resent> resend(const config::Settings& settings, Selection& selection, metrics::Registry& metrics,
                            const EndSignals& signals, const ResendOptions& options) {
    base::SystemClock clock;
    Noted noted;
    auto replicator = kafka::Replicator::create(settings, selection.list(), noted, metrics, clock);
    if (!replicator) return replicator.error();
    auto& pump = **replicator;
    Resent result;
    const auto done = [&] {
        for (const auto& feed : selection.feeds())
            if (!noted.done(*feed)) return false;
        return true;
    };
    int64_t shown_ns = clock.boot_ns(), well_ns = shown_ns;
    uint64_t delivered = 0;
    std::string said;
    while (!done()) {
        if ((result.interrupted = signals.came(0))) break;
        pump.step(kStepNs);
        const int64_t now = clock.boot_ns();
        const auto trouble = trouble_of(metrics);
        if (trouble.empty() || pump.status().delivered != delivered) well_ns = now;
        delivered = pump.status().delivered;
        if (options.patience_ns > 0 && now - well_ns > options.patience_ns) {
            result.trouble = trouble;
            break;
        }
        if (now - shown_ns < kShowNs) continue;
        shown_ns = now;
        if (options.show)
            std::cerr << base::format("\r\x1b[K{} records delivered, {} %  {}", delivered, percent(selection), trouble)
                      << std::flush;
        else if (trouble != said && !trouble.empty())
            std::cerr << trouble << '\n';
        said = trouble;
    }
    if (!result.complete()) pump.flush(base::kNsPerSecond);
    if (options.show) std::cerr << "\r\x1b[K" << std::flush;
    result.delivered = pump.status().delivered;
    result.refused = noted.take();
    return result;
}

}  // namespace tributary::gateway
