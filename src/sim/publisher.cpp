// SPDX-License-Identifier: Apache-2.0
#include "sim/publisher.hpp"

#include <mqtt/async_client.h>

#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>

#include "base/log.hpp"

namespace tributary::sim {
namespace {

using Steady = std::chrono::steady_clock;
constexpr auto kLook = std::chrono::milliseconds(100);  // how often a wait looks at `stop`
constexpr auto kRetry = std::chrono::seconds(1);

bool is_tls(const std::string& url) {
    return url.starts_with("mqtts:") || url.starts_with("ssl:") || url.starts_with("wss:");
}

mqtt::connect_options connect_options(const PublisherOptions& options) {
    mqtt::connect_options_builder builder;
    builder.mqtt_version(options.version);
    if (options.version >= 5)
        builder.clean_start(true);
    else
        builder.clean_session(true);
    builder.keep_alive_interval(std::chrono::seconds(20)).connect_timeout(std::chrono::seconds(5));
    builder.max_inflight(static_cast<int>(options.in_flight));
    if (!options.user.empty()) builder.user_name(options.user).password(options.password);
    if (is_tls(options.url)) {
        mqtt::ssl_options tls;
        if (!options.ca.empty()) tls.set_trust_store(options.ca);
        tls.set_enable_server_cert_auth(true);
        tls.set_verify(true);
        builder.ssl(tls);
    }
    return builder.finalize();
}

}  // namespace

struct Publisher::Impl final : mqtt::iaction_listener {
    Impl(const PublisherOptions& given, const std::atomic<bool>& stop_flag,
         std::function<void(const std::string&)> teller)
        : options(given), stop(stop_flag), note(std::move(teller)) {}
    ~Impl() override { drop_client(); }

    base::Result<> try_connect();
    bool reconnect(Steady::time_point until);
    bool send(uint64_t number, const SimMessage& message);
    void drop_client();
    void on_success(const mqtt::token& token) override;
    void on_failure(const mqtt::token& token) override;
    static uint64_t number_of(const mqtt::token& token) {
        return static_cast<uint64_t>(reinterpret_cast<uintptr_t>(token.get_user_context()));
    }
    // Sleeps a little or until something changes.
    void look(std::unique_lock<std::mutex>& lock) { changed.wait_for(lock, kLook); }

    const PublisherOptions options;
    const std::atomic<bool>& stop;
    const std::function<void(const std::string&)> note;
    std::unique_ptr<mqtt::async_client> client;  // a new one for every connection: no leftovers of the one before

    mutable std::mutex mutex;
    std::condition_variable changed;
    std::map<uint64_t, SimMessage> window;  // not yet acknowledged, by number
    Counts counts;
    bool lost = false;
};

void Publisher::Impl::drop_client() {
    if (client) client->disable_callbacks();
    client.reset();
}

base::Result<> Publisher::Impl::try_connect() {
    drop_client();
    try {
        client =
            std::make_unique<mqtt::async_client>(options.url, options.client_id, mqtt::create_options(options.version));
        client->set_connection_lost_handler([this](const std::string&) {
            const std::lock_guard lock(mutex);
            lost = true;
            changed.notify_all();
        });
        {
            const std::lock_guard lock(mutex);
            lost = false;
        }
        const auto token = client->connect(connect_options(options));
        const auto until = Steady::now() + std::chrono::seconds(6);
        while (!token->wait_for(kLook))
            if (stop || Steady::now() > until)
                return base::Error{"TRB-SIM-003", base::format("{} does not answer", options.url)};
    } catch (const mqtt::exception& e) {
        return base::Error{"TRB-SIM-003", base::format("cannot connect to {}: {}", options.url, e.what())};
    }
    return {};
}

bool Publisher::Impl::send(uint64_t number, const SimMessage& message) {
    try {
        client->publish(mqtt::make_message(message.topic, message.payload, 1, false),
                        reinterpret_cast<void*>(static_cast<uintptr_t>(number)), *this);
        return true;
    } catch (const mqtt::exception&) {
        const std::lock_guard lock(mutex);
        lost = true;
        return false;
    }
}

// Until it works and everything in the window is on its way again.
bool Publisher::Impl::reconnect(Steady::time_point until) {
    note(base::format("{} is gone, trying again", options.url));
    while (!stop && Steady::now() < until) {
        if (auto connected = try_connect(); !connected) {
            std::unique_lock lock(mutex);
            for (const auto wake = Steady::now() + kRetry; !stop && Steady::now() < wake;) look(lock);
            continue;
        }
        std::map<uint64_t, SimMessage> again;
        {
            const std::lock_guard lock(mutex);
            again = window;
            counts.reconnects++;
        }
        bool sent = true;
        for (const auto& [number, message] : again) sent = sent && send(number, message);
        if (!sent) continue;
        note(base::format("{} is back, {} messages sent again", options.url, again.size()));
        return true;
    }
    return false;
}

void Publisher::Impl::on_success(const mqtt::token& token) {
    const std::lock_guard lock(mutex);
    if (window.erase(number_of(token)) > 0) counts.acknowledged++;
    changed.notify_all();
}

void Publisher::Impl::on_failure(const mqtt::token& token) {
    const std::lock_guard lock(mutex);
    // Only MQTT 5 has a word for it; Paho C++ fills in 0x100 where there is none.
    const int reason = static_cast<int>(token.get_reason_code());
    const bool by_broker = options.version >= 5 && reason >= 0x80 && reason <= 0xff;
    if (by_broker && window.erase(number_of(token)) > 0) counts.refused++;
    // Anything else means that the connection has ended; the window keeps the message.
    if (!by_broker) lost = true;
    changed.notify_all();
}

Publisher::Publisher(const PublisherOptions& options, const std::atomic<bool>& stop,
                     std::function<void(const std::string&)> note)
    : impl_(std::make_unique<Impl>(options, stop, std::move(note))) {}
Publisher::~Publisher() = default;

base::Result<> Publisher::connect() {
    const auto until = Steady::now() + std::chrono::milliseconds(impl_->options.connect_timeout_ms);
    for (;;) {
        auto connected = impl_->try_connect();
        if (connected.ok() || impl_->stop || Steady::now() > until) return connected;
        std::unique_lock lock(impl_->mutex);
        impl_->changed.wait_for(lock, 3 * kLook);
    }
}

bool Publisher::publish(const SimMessage& message) {
    std::unique_lock lock(impl_->mutex);
    for (;;) {
        if (impl_->stop) return false;
        if (impl_->lost) {
            lock.unlock();
            if (!impl_->reconnect(Steady::time_point::max())) return false;
            lock.lock();
        } else if (impl_->window.size() >= impl_->options.in_flight) {
            impl_->look(lock);
        } else {
            break;
        }
    }
    const uint64_t number = ++impl_->counts.published;
    impl_->window.emplace(number, message);
    lock.unlock();
    impl_->send(number, message);  // when it fails the next call connects and sends the window
    return true;
}

bool Publisher::finish(int64_t timeout_ms) {
    const auto until = Steady::now() + std::chrono::milliseconds(timeout_ms);
    std::unique_lock lock(impl_->mutex);
    while (!impl_->window.empty() && Steady::now() < until) {
        if (impl_->lost && !impl_->stop) {
            lock.unlock();
            const bool back = impl_->reconnect(until);
            lock.lock();
            if (!back) break;
        } else if (impl_->lost) {
            break;
        } else {
            impl_->look(lock);
        }
    }
    const bool complete = impl_->window.empty();
    lock.unlock();
    try {
        if (impl_->client && impl_->client->is_connected())
            impl_->client->disconnect()->wait_for(std::chrono::seconds(2));
    } catch (const mqtt::exception&) {
        // It is gone already, which is what was wanted.
    }
    return complete;
}

Publisher::Counts Publisher::counts() const {
    const std::lock_guard lock(impl_->mutex);
    Counts counts = impl_->counts;
    counts.waiting = impl_->window.size();
    return counts;
}

}  // namespace tributary::sim
