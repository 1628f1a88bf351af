// SPDX-License-Identifier: Apache-2.0
#include "sim/simulate.hpp"

#include <chrono>
#include <fstream>
#include <optional>
#include <ostream>
#include <thread>

#include "base/clock.hpp"
#include "base/files.hpp"
#include "base/hash.hpp"
#include "base/log.hpp"
#include "sim/csv_player.hpp"

namespace tributary::sim {
namespace {

constexpr int64_t kPrintedStartMs = 1'767'225'600'000;  // 2026-01-01: what is printed does not depend on today
constexpr int64_t kPrintedDurationMs = 3'600'000;
constexpr int64_t kFinishMs = 10'000;

class Simulation {
  public:
    Simulation(const SimulateOptions& options, const std::atomic<bool>& stop, std::ostream& out, std::ostream& err)
        : options_(options), stop_(stop), out_(out), err_(err) {}
    base::Result<int> run();

  private:
    base::Result<> open_source();
    base::Result<> open_sink();
    bool wait_for(int64_t time_ms);
    bool deliver(const SimMessage& message);
    void write_faults(bool at_the_end);
    void progress();
    void end_progress();
    void summary(bool complete);

    SimulateOptions options_;
    const std::atomic<bool>& stop_;
    std::ostream& out_;
    std::ostream& err_;
    base::SystemClock clock_;
    std::unique_ptr<Source> source_;
    const CsvPlayer* csv_ = nullptr;
    std::optional<Publisher> publisher_;
    std::ofstream truth_;
    uint64_t faults_ = 0, printed_ = 0;
    std::optional<int64_t> first_time_ms_;
    int64_t started_ns_ = 0, progress_ns_ = 0;
    bool progress_shown_ = false;
};

base::Result<> Simulation::open_source() {
    if (!options_.csv.empty()) {
        auto player = CsvPlayer::open(options_.csv, options_.factory.prefix);
        if (!player) return player.error();
        csv_ = player->get();
        source_ = std::move(*player);
        return {};
    }
    FactoryOptions factory = options_.factory;
    if (options_.print && factory.duration_ms == 0) factory.duration_ms = kPrintedDurationMs;
    if (factory.start_ms == 0 && options_.print) factory.start_ms = kPrintedStartMs;
    if (factory.start_ms == 0) {
        factory.start_ms = base::ns_to_ms(clock_.wall_ns());
        // Faster than time: begin in the past and end now, because no gateway believes stamps from the future.
        if (options_.speed == 0)
            factory.start_ms -= factory.duration_ms;
        else if (options_.speed > 1)
            factory.start_ms -=
                static_cast<int64_t>(static_cast<double>(factory.duration_ms) * (1 - 1 / options_.speed));
    }
    source_ = std::make_unique<Factory>(factory);
    return {};
}

base::Result<> Simulation::open_sink() {
    if (!options_.truth.empty()) {
        truth_.open(options_.truth, std::ios::trunc);
        if (!truth_) return base::Error{"TRB-SIM-004", base::format("cannot write {}", options_.truth)};
    }
    if (options_.print) return {};
    PublisherOptions publisher = options_.publisher;
    if (!options_.password_file.empty()) {
        auto text = base::read_file(options_.password_file);
        if (!text) return text.error();
        publisher.password = text->substr(0, text->find_first_of("\r\n"));
    }
    if (publisher.client_id.empty()) publisher.client_id = "tributary-simulate-" + base::random_hex(4);
    publisher_.emplace(publisher, stop_, [this](const std::string& text) {
        end_progress();
        err_ << text << std::endl;
    });
    return publisher_->connect();
}

// False when stopped meanwhile.
bool Simulation::wait_for(int64_t time_ms) {
    if (!first_time_ms_) first_time_ms_ = time_ms;
    if (options_.print || options_.speed <= 0) return !stop_;
    const double ahead_ns = static_cast<double>(time_ms - *first_time_ms_) * 1e6 / options_.speed;
    for (;;) {
        const double left_ns = ahead_ns - static_cast<double>(clock_.boot_ns() - started_ns_);
        if (stop_) return false;
        if (left_ns <= 0) return true;
        progress();
        std::this_thread::sleep_for(std::chrono::nanoseconds(static_cast<int64_t>(std::min(left_ns, 1e8))));
    }
}

bool Simulation::deliver(const SimMessage& message) {
    progress();
    if (publisher_) return publisher_->publish(message);
    out_ << replay_json(message) << '\n';
    printed_++;
    return static_cast<bool>(out_);
}

void Simulation::write_faults(bool at_the_end) {
    for (const Fault& fault : source_->take_faults(at_the_end)) {
        faults_++;
        if (truth_.is_open()) truth_ << fault_json(fault) << std::endl;
    }
}

void Simulation::progress() {
    const int64_t now = clock_.boot_ns();
    if (!options_.progress || now - progress_ns_ < base::kNsPerSecond) return;
    progress_ns_ = now;
    progress_shown_ = true;
    const auto counts = publisher_ ? publisher_->counts() : Publisher::Counts{.published = printed_};
    err_ << base::format("\r{} published, {} acknowledged, {} faults done \x1b[K", counts.published,
                         counts.acknowledged, faults_)
         << std::flush;
}

void Simulation::end_progress() {
    if (progress_shown_) err_ << std::endl;
    progress_shown_ = false;
}

void Simulation::summary(bool complete) {
    end_progress();
    const auto counts = publisher_ ? publisher_->counts() : Publisher::Counts{};
    const uint64_t rows = csv_ != nullptr ? csv_->skipped_rows() : 0,
                   cells = csv_ != nullptr ? csv_->skipped_cells() : 0;
    const uint64_t published = publisher_ ? counts.published : printed_;
    const double seconds = static_cast<double>(clock_.boot_ns() - started_ns_) / 1e9;
    std::ostream& to = options_.print ? err_ : out_;
    if (options_.json) {
        to << base::format(
                  R"({{"published":{},"acknowledged":{},"refused":{},"waiting":{},"reconnects":{},"faults":{},)"
                  R"("skipped_rows":{},"skipped_cells":{},"seconds":{:.3f}}})",
                  published, counts.acknowledged, counts.refused, counts.waiting, counts.reconnects, faults_, rows,
                  cells, seconds)
           << std::endl;
        return;
    }
    if (options_.print)
        to << base::format("printed {} messages, {} faults\n", published, faults_);
    else
        to << base::format("published {} messages in {:.1f} s, {} acknowledged, {} reconnects, {} faults\n", published,
                           seconds, counts.acknowledged, counts.reconnects, faults_);
    if (rows + cells > 0)
        to << base::format("left out: {} rows without a time, {} cells that are no numbers\n", rows, cells);
    if (counts.refused > 0) to << base::format("the broker refused {} messages\n", counts.refused);
    if (!complete) to << base::format("{} messages were never acknowledged\n", counts.waiting);
    to << std::flush;
}

base::Result<int> Simulation::run() {
    if (auto opened = open_source(); !opened) return opened.error();
    if (auto opened = open_sink(); !opened) return opened.error();
    started_ns_ = progress_ns_ = clock_.boot_ns();
    SimMessage message;
    const int64_t csv_end_ms = csv_ != nullptr ? options_.factory.duration_ms : 0;
    while (source_->next(message)) {
        if (!wait_for(message.time_ms)) break;
        if (csv_end_ms > 0 && message.time_ms - *first_time_ms_ >= csv_end_ms) break;
        if (!deliver(message)) break;
        write_faults(false);
    }
    const bool complete = !publisher_ || publisher_->finish(kFinishMs);
    write_faults(true);
    out_ << std::flush;
    summary(complete);
    const bool refused = publisher_ && publisher_->counts().refused > 0;
    return complete && !refused && out_ && (!truth_.is_open() || truth_) ? 0 : 1;
}

}  // namespace

base::Result<int> simulate(const SimulateOptions& options, const std::atomic<bool>& stop, std::ostream& out,
                           std::ostream& err) {
    return Simulation(options, stop, out, err).run();
}

}  // namespace tributary::sim
