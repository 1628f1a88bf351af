// SPDX-License-Identifier: Apache-2.0
#include "gateway/gateway.hpp"

#include <fcntl.h>
#include <malloc.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdio>
#include <ctime>

#include "base/files.hpp"
#include "base/log.hpp"
#include "base/memory.hpp"
#include "base/units.hpp"
#include "engine/engine.hpp"
#include "gateway/control_socket.hpp"
#include "gateway/mosquitto.hpp"
#include "gateway/runtime.hpp"
#include "store/inspect.hpp"

namespace tributary::gateway {
namespace {

bool is_error(const config::Diagnostic& diagnostic) { return diagnostic.level == config::Diagnostic::Level::error; }

// The text of the file and what the stages say to it. No settings: there is an error among the diagnostics.
config::Loaded load_and_validate(const std::string& path) {
    auto loaded = config::load(path);
    if (!loaded.ok()) return loaded;
    auto more = engine::validate(*loaded.settings);
    auto& all = loaded.diagnostics;
    all.insert(all.end(), more.begin(), more.end());
    if (std::any_of(all.begin(), all.end(), is_error)) loaded.settings.reset();
    return loaded;
}

// After a start or a new configuration: what belongs to it alone has run.
constexpr int64_t kSettles = 10 * base::kNsPerSecond;

int64_t monotonic_us() {
    timespec t{};
    clock_gettime(CLOCK_MONOTONIC, &t);
    return static_cast<int64_t>(t.tv_sec) * 1'000'000 + t.tv_nsec / 1000;
}

// The control loop: signals, socket, reload, watchdog. It outlives the Runtime: without a usable store the gateway
// stays up, says why, and tries again.
class Control {
  public:
    Control(const RunOptions& options, config::Settings settings)
        : options_(options), settings_(std::move(settings)), started_ns_(clock_.boot_ns()) {}

    int run();

  private:
    void try_start();
    void loop(int signals);
    bool handle(int signal);
    std::string reload();
    std::string answer(std::string_view line);
    std::string mute(std::string_view arguments);
    StatusSnapshot snapshot() const;
    model::Ledger ledger() const { return runtime_ ? runtime_->ledger() : model::Ledger(); }
    void ping();

    const RunOptions options_;
    config::Settings settings_;
    base::SystemClock clock_;
    metrics::Registry metrics_;
    const int64_t started_ns_;  // boot time
    std::unique_ptr<Runtime> runtime_;
    std::optional<ControlSocket> socket_;
    int64_t retry_at_ns_ = 0, pinged_at_ns_ = 0, settled_at_ns_ = 0;
    uint64_t watchdog_us_ = 0;
    int exit_code_ = 0;
    bool stopping_ = false;
};

int Control::run() {
    sigset_t set;
    sigemptyset(&set);
    for (const int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&set, signal);
    pthread_sigmask(SIG_BLOCK, &set, nullptr);  // before any thread is made: they inherit it
    signal(SIGPIPE, SIG_IGN);
    const int signals = signalfd(-1, &set, SFD_CLOEXEC);
    const auto path = !options_.socket.empty()                   ? options_.socket
                      : settings_.gateway.control_socket.empty() ? default_socket()
                                                                 : settings_.gateway.control_socket;
    if (auto socket = ControlSocket::listen(path))
        socket_.emplace(std::move(*socket));
    else
        base::log::warning("{}; status will not answer", socket.error().text());
    sd_watchdog_enabled(0, &watchdog_us_);
    base::log::info("tributary {} starts as \"{}\" with {} streams", options_.version, settings_.gateway.id,
                    settings_.streams.size());
    try_start();
    sd_notify(0, "READY=1");
    if (exit_code_ == 0) loop(signals);
    sd_notify(0, "STOPPING=1");
    if (runtime_) runtime_->stop();
    runtime_ = nullptr;
    close(signals);
    if (exit_code_ == 0) base::log::info("stopped");
    return exit_code_;
}

void Control::try_start() {
    auto runtime = Runtime::start(settings_, options_.version, metrics_, clock_);
    if (runtime) {
        runtime_ = std::move(*runtime);
        settled_at_ns_ = clock_.boot_ns() + kSettles;
        return;
    }
    const auto& error = runtime.error();
    if (error.code == store::kNewer) {
        base::log::error("{}", error.text());
        exit_code_ = 3;
        return;
    }
    const bool mqtt = error.code.starts_with("TRB-MQTT"), kafka = error.code.starts_with("TRB-KAFKA");
    metrics_.degraded(mqtt ? "mqtt" : kafka ? "kafka" : "store", error.code, error.message);
    retry_at_ns_ = clock_.boot_ns() + 2 * base::kNsPerSecond;
}

void Control::loop(int signals) {
    int64_t next_second = clock_.boot_ns();
    while (!stopping_ && exit_code_ == 0) {
        const int64_t now = clock_.boot_ns();
        if (now >= next_second) {
            next_second = now + base::kNsPerSecond;
            if (runtime_ && runtime_->lost()) runtime_ = nullptr;
            if (runtime_)
                runtime_->second();
            else if (now >= retry_at_ns_)
                try_start();
            if (runtime_ && now >= settled_at_ns_) {
                base::unmap_code();
                settled_at_ns_ = INT64_MAX;
            }
            ping();
        }
        std::array<pollfd, 2> fds{{{signals, POLLIN, 0}, {socket_ ? socket_->fd() : -1, POLLIN, 0}}};
        const int64_t wait_ms = (next_second - clock_.boot_ns()) / base::kNsPerMs + 1;
        if (poll(fds.data(), fds.size(), static_cast<int>(std::max<int64_t>(wait_ms, 0))) <= 0) continue;
        if ((fds[0].revents & POLLIN) != 0) {
            signalfd_siginfo info{};
            if (read(signals, &info, sizeof info) == static_cast<ssize_t>(sizeof info))
                stopping_ = handle(static_cast<int>(info.ssi_signo));
        }
        if ((fds[1].revents & POLLIN) != 0) socket_->serve([this](std::string_view line) { return answer(line); });
    }
}

bool Control::handle(int signal) {
    if (signal != SIGHUP) {
        base::log::info("{}: stopping", signal == SIGTERM ? "SIGTERM" : "SIGINT");
        return true;
    }
    // Type=notify-reload wants to know since when; the notify of older versions passes over it.
    sd_notify(0, base::format("RELOADING=1\nMONOTONIC_USEC={}", monotonic_us()).c_str());
    base::log::info("{}", reload());
    sd_notify(0, "READY=1");
    return false;
}

// Either everything of the new file is in force afterwards, or nothing, and the text says why.
std::string Control::reload() {
    settled_at_ns_ = clock_.boot_ns() + kSettles;
    auto loaded = load_and_validate(options_.config_path);
    if (!loaded.ok())
        return "reload: the old configuration stays in force; " +
               config::render(*std::find_if(loaded.diagnostics.begin(), loaded.diagnostics.end(), is_error));
    auto& fresh = *loaded.settings;
    auto same_gateway = fresh.gateway;
    same_gateway.log_level = settings_.gateway.log_level;
    std::string fixed;
    if (!(same_gateway == settings_.gateway)) fixed += " [gateway]";
    if (!(fresh.mqtt == settings_.mqtt)) fixed += " [mqtt]";
    if (!(fresh.kafka == settings_.kafka && fresh.mirror == settings_.mirror)) fixed += " [kafka]";
    if (!(fresh.store == settings_.store)) fixed += " [store]";
    if (!fixed.empty())
        return "reload: the old configuration stays in force; changes in" + fixed +
               " need a restart (systemctl restart tributary)";
    base::log::set_level(fresh.gateway.log_level);
    const auto same_class = [](const auto& a, const auto& b) { return a.priority == b.priority && a.quota == b.quota; };
    const bool streams_changed = config::engine_text(fresh) != config::engine_text(settings_) ||
                                 !std::equal(fresh.streams.begin(), fresh.streams.end(), settings_.streams.begin(),
                                             settings_.streams.end(), same_class);
    settings_ = std::move(fresh);
    if (!streams_changed) return "reload: nothing changed in the streams";
    if (runtime_) runtime_->reconfigure(settings_);
    return base::format("reload: new configuration in force, {} streams", settings_.streams.size());
}

std::string Control::mute(std::string_view arguments) {
    const size_t blank = arguments.rfind(' ');
    if (blank == std::string_view::npos) return "error: mute SERIES DURATION, for example: mute line1/# 30min\n";
    const std::string series(arguments.substr(0, blank));
    auto duration = base::parse_duration_ns(arguments.substr(blank + 1));
    if (!duration) return "error: " + duration.error().message + "\n";
    if (!runtime_) return "error: the store is not open\n";
    runtime_->mute(series, *duration);
    return base::format("muted {} for {}\n", series, base::format_duration(*duration));
}

std::string Control::answer(std::string_view line) {
    if (line == "status") return status_text(snapshot());
    if (line == "status json") return status_json(snapshot()) + "\n";
    if (line == "ledger") return ledger_text(ledger());
    if (line == "ledger json") return ledger_json(ledger()) + "\n";
    if (line == "metrics") return metrics_.exposition(ledger());
    if (line == "reload") return reload() + "\n";
    if (line.starts_with("mute ")) return mute(line.substr(5));
    if (line.starts_with("dead ")) return runtime_ ? runtime_->dead(line.substr(5)) : "error: the store is not open\n";
    return "error: unknown request; known: status, status json, ledger, ledger json, metrics, reload, mute SERIES "
           "DURATION, dead retry, dead put-away\n";
}

StatusSnapshot Control::snapshot() const {
    StatusSnapshot s;
    s.gateway = settings_.gateway.id;
    s.version = options_.version;
    s.config_path = options_.config_path;
    s.now_ns = clock_.wall_ns();
    s.health = metrics_.health();
    s.kafka_brokers = settings_.kafka.brokers;
    s.store_path = settings_.store.path;
    s.store_max_bytes = settings_.store.max_size_bytes;
    s.when_full = settings_.store.when_full;
    s.clock_policy = settings_.gateway.clock;
    if (runtime_) runtime_->fill(s);
    s.started_ns = s.now_ns - (clock_.boot_ns() - started_ns_);
    return s;
}

// The watchdog hears from us only while every thread moves or has nothing to do.
void Control::ping() {
    if (watchdog_us_ == 0) return;
    const int64_t now = clock_.boot_ns();
    if (now - pinged_at_ns_ < static_cast<int64_t>(watchdog_us_) * base::kNsPerUs / 3) return;
    pinged_at_ns_ = now;
    if (!runtime_ || runtime_->alive())
        sd_notify(0, "WATCHDOG=1");
    else
        base::log::warning("a thread made no progress; the watchdog is not told that all is well");
}

}  // namespace

namespace {

// Keys and passwords are in our memory: a crash must not leave it on a disk, as a file or through a handler (core(5):
// the limit counts for files, the filter for both).
void leave_no_core() {
    const rlimit none{0, 0};
    setrlimit(RLIMIT_CORE, &none);
    if (const int fd = open("/proc/self/coredump_filter", O_WRONLY | O_CLOEXEC); fd >= 0) {
        if (write(fd, "0", 1) != 1) base::log::warning("core dumps hold our memory: {}", base::errno_text(errno));
        close(fd);
    }
}

}  // namespace

int run(const RunOptions& options) {
    leave_no_core();
    // Blocks and batches wander between threads: with one arena a thread each would keep its high-water mark. Few
    // arenas, and large pieces go back to the system at once.
    mallopt(M_ARENA_MAX, 2);
    mallopt(M_MMAP_THRESHOLD, 128 << 10);
    mallopt(M_TRIM_THRESHOLD, 256 << 10);
    auto loaded = load_and_validate(options.config_path);
    std::fputs(config::render(loaded.diagnostics).c_str(), stderr);
    if (!loaded.ok()) return 2;
    base::log::set_level(loaded.settings->gateway.log_level);
    return Control(options, std::move(*loaded.settings)).run();
}

namespace {

// How late the last record of an outage can be: as long as the store has room at the rate it was filled so far, without
// any thinning out. A new box: five days.
int64_t bridged_ns(const config::Settings& settings) {
    constexpr int64_t kUsual = 5 * 24 * 3600 * base::kNsPerSecond, kMost = 365 * 24 * 3600 * base::kNsPerSecond;
    constexpr int64_t kEnough = 3600 * base::kNsPerSecond;
    const auto there = store::overview(settings.store.path);
    if (!there) return kUsual;
    for (const auto& log : there->logs) {
        const int64_t span_ns = log.last_time_ns - log.first_time_ns;
        if (log.log != model::Log::intake || log.stored_bytes <= 0 || span_ns < kEnough) continue;
        const double share = static_cast<double>(settings.store.max_size_bytes) / static_cast<double>(log.stored_bytes);
        return std::clamp(static_cast<int64_t>(std::min(share * static_cast<double>(span_ns), 1e18)), kUsual, kMost);
    }
    return kUsual;
}

}  // namespace

std::vector<kafka::Finding> probe(const config::Settings& settings) {
    std::vector<kafka::Finding> findings;
    auto mqtt = mqtt::probe(settings.mqtt, settings.mqtt.client_id + "-check");
    findings.push_back({mqtt.ok(), mqtt ? *mqtt : mqtt.error().text()});
    if (auto warning = mosquitto_warning(settings.mqtt.urls)) findings.push_back({true, std::move(*warning), true});
    for (auto& finding : kafka::probe(settings, 10 * base::kNsPerSecond, bridged_ns(settings)))
        findings.push_back(std::move(finding));
    if (settings.mirror) {
        const auto other = for_mirror(settings);
        for (auto& finding : kafka::probe(other, 10 * base::kNsPerSecond, bridged_ns(settings))) {
            finding.text = base::format("{}: {}", other.kafka.name, finding.text);
            findings.push_back(std::move(finding));
        }
    }
    return findings;
}

}  // namespace tributary::gateway
