// SPDX-License-Identifier: Apache-2.0
#include "mqtt/session.hpp"

#include <MQTTAsync.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <thread>

#include "base/log.hpp"
#include "model/topic_filter.hpp"
#include "mqtt/connect_options.hpp"
#include "mqtt/dup_filter.hpp"
#include "mqtt/paho_link.hpp"

namespace tributary::mqtt {
namespace {

constexpr int64_t kFirstRetry = 500 * base::kNsPerMs;
constexpr int64_t kLastRetry = 15 * base::kNsPerSecond;

// CONNACK return codes of MQTT 3.1.1, section 3.2.2.3.
const char* refusal(int code, const char* otherwise) {
    constexpr std::array kTexts{"unacceptable protocol version", "client id refused", "server not available",
                                "bad user name or password", "not authorised"};
    return code >= 1 && code <= static_cast<int>(kTexts.size()) ? kTexts[static_cast<size_t>(code) - 1] : otherwise;
}

class PahoSession final : public Session {
  public:
    PahoSession(Setup setup, Sink& sink, metrics::Registry& metrics, const base::Clock& clock)
        : setup_(std::move(setup)),
          sink_(sink),
          metrics_(metrics),
          clock_(clock),
          received_(metrics.counter("tributary_mqtt_received_total", "Messages received from the MQTT broker")),
          duplicates_(metrics.counter("tributary_mqtt_duplicates_total", "Redelivered messages that were filtered")),
          acknowledged_(metrics.counter("tributary_mqtt_acknowledged_total", "PUBACKs sent after the commit")),
          stale_acks_(metrics.counter("tributary_mqtt_stale_acks_total", "Acknowledgements whose connection was gone")),
          dropped_(metrics.counter("tributary_mqtt_dropped_connections_total",
                                   "Connections we dropped to stay within bounds")),
          session_(setup_.last_session),
          filters_(model::maximal_filters(setup_.filters)),
          subscribed_(setup_.subscribed) {}

    ~PahoSession() override {
        if (client_ != nullptr) MQTTAsync_destroy(&client_);
    }

    base::Result<> open();

    void remember(const model::Message& message) override { filter_.kept(message); }
    void tick() override;
    bool release(std::span<const Ticket> tickets) override;
    void set_filters(std::vector<std::string> filters) override;
    void stop_intake() override { stopping_ = true; }
    void disconnect() override;
    void reconnect() override;
    SessionStatus status() const override;
    std::vector<std::string> newly_subscribed() override;

  private:
    int message_arrived(const char* topic, int topic_length, const MQTTAsync_message& message);
    bool take(const model::Message& message, const Ticket* ticket);
    void connected(bool session_present, const char* url);
    void connection_failed(const char* why, int code);
    void connection_lost();
    void say_goodbye();
    void subscribe(bool session_present);
    void granted(const std::vector<int>& qos);
    bool early_acks(bool qos1);

    const Setup setup_;
    Sink& sink_;
    metrics::Registry& metrics_;
    const base::Clock& clock_;
    metrics::Counter &received_, &duplicates_, &acknowledged_, &stale_acks_, &dropped_;

    std::unique_ptr<Link> link_;
    std::unique_ptr<ConnectOptions> options_;
    MQTTAsync client_ = nullptr;
    DupFilter filter_;                     // Paho's lock
    uint32_t session_;                     // Paho's thread
    std::atomic<uint32_t> connection_{0};  // generation: counts up in connected and connection_lost
    std::atomic<bool> connected_{false}, connecting_{false}, stopping_{false}, deaf_{false}, distrust_{false};
    uint64_t qos1_callbacks_ = 0, callbacks_at_connect_ = 0;  // Paho's thread
    std::vector<Ticket> waiting_;                             // writer
    std::atomic<size_t> waiting_size_{0};
    std::atomic<int64_t> retry_at_ns_{0};
    std::atomic<int64_t> retry_step_ns_{kFirstRetry};
    std::atomic<uint64_t> connections_{0};

    mutable std::mutex mutex_;  // what follows; never held while calling Paho
    std::vector<std::string> filters_, subscribed_, newly_subscribed_, without_promise_;
    std::string url_, error_;
};

base::Result<> PahoSession::open() {
    auto options = ConnectOptions::create(setup_.settings);
    if (!options) return options.error();
    options_ = std::move(options).value();
    // 3.1.1: the broker sends few messages ahead of our acks, so waiting for more would only stall it.
    const int64_t read_gather = setup_.settings.version == 5 ? std::min(setup_.gather_ns / 10, 50 * base::kNsPerMs) : 0;
    link_ = std::make_unique<Link>(setup_.client_id, options_->plain_tcp(), read_gather);
    auto client = options_->make_client(setup_.client_id);
    if (!client) return client.error();
    client_ = *client;
    MQTTAsync_setCallbacks(
        client_, this, [](void* self, char*) { static_cast<PahoSession*>(self)->connection_lost(); },
        [](void* self, char* topic, int length, MQTTAsync_message* message) {
            const int taken = static_cast<PahoSession*>(self)->message_arrived(topic, length, *message);
            MQTTAsync_freeMessage(&message);
            MQTTAsync_free(topic);
            return taken;
        },
        nullptr);
    return {};
}

// --- Paho's thread, Paho's lock held ---

int PahoSession::message_arrived(const char* topic, int topic_length, const MQTTAsync_message& message) {
    const bool qos1 = message.qos > 0;
    if (qos1) qos1_callbacks_++;
    // Always "taken": what Paho does with a message we refuse is worse (it acknowledges it all the same).
    if (stopping_ || deaf_ || early_acks(qos1)) return 1;
    received_.add();
    model::Message m;
    m.topic = topic_length > 0 ? std::string_view(topic, static_cast<size_t>(topic_length)) : std::string_view(topic);
    m.payload = {static_cast<const char*>(message.payload), static_cast<size_t>(message.payloadlen)};
    m.message_id = static_cast<uint16_t>(qos1 ? message.msgid : 0);
    m.qos = static_cast<uint8_t>(message.qos);
    m.retain = message.retained != 0;
    m.dup = message.dup != 0;
    m.session = session_;
    const Ticket ticket{connection_.load(), m.message_id};
    if (filter_.is_duplicate(m, ticket.connection)) {
        duplicates_.add();
        sink_.acknowledge_only(ticket);
    } else if (take(m, qos1 ? &ticket : nullptr)) {
        filter_.kept(m);
    } else {
        // No room for keepalive/3: give the messages back to the broker. Nothing of this connection is acknowledged any
        // more.
        deaf_ = true;
        dropped_.add();
        metrics_.degraded(
            "mqtt", "TRB-MQTT-005",
            "intake is full (the store does not keep up): connection dropped, the broker keeps the messages");
        link_->drop_connection();
    }
    return 1;
}

bool PahoSession::take(const model::Message& message, const Ticket* ticket) {
    const int64_t until = clock_.boot_ns() + setup_.settings.keepalive_ns / 3;
    while (!sink_.message(message, ticket)) {
        const int64_t left = until - clock_.boot_ns();
        if (left <= 0 || stopping_) return false;
        sink_.wait_for_room(left);
    }
    return true;
}

// The second line behind the start-up test: if Paho ever acknowledged by itself (a library whose call the linker could
// not wrap), the held-back count would stand still while callbacks come.
bool PahoSession::early_acks(bool qos1) {
    if (!qos1 || distrust_) return distrust_;
    const uint64_t before = qos1_callbacks_ - 1;
    // While Paho has pending writes it queues acks and hands them to the wrap later, so some may be missing for a
    // while.
    if (before > link_->held_back() + 10'000 || (before >= 2 && link_->held_back() == 0)) {
        distrust_ = true;
        metrics_.degraded("mqtt", "TRB-MQTT-006",
                          "Paho acknowledges by itself: this build cannot hold PUBACK back; intake stopped, rebuild "
                          "against the static libpaho-mqtt3as");
        link_->drop_connection();
    }
    return distrust_;
}

void PahoSession::connected(bool session_present, const char* url) {
    connection_++;
    connections_++;
    if (!session_present || session_ == 0) session_++;
    deaf_ = false;
    connecting_ = false;
    connected_ = true;
    retry_step_ns_ = kFirstRetry;
    {
        const std::lock_guard lock(mutex_);
        url_ = url != nullptr ? url : "";
        error_.clear();
    }
    base::log::info("mqtt: connected to {} as {} ({})", url != nullptr ? url : "the broker", setup_.client_id,
                    session_present ? "session continued" : "new session");
    metrics_.healthy("mqtt");
    sink_.session({session_, true, session_present});
    subscribe(session_present);
}

void PahoSession::connection_failed(const char* why, int code) {
    connecting_ = false;
    const std::string text = base::format("{}{}{}", why != nullptr ? why : "connection refused or not reachable",
                                          code != 0 ? base::format(" (code {})", code) : "", take_tls_error());
    {
        const std::lock_guard lock(mutex_);
        error_ = text;
    }
    const int64_t step = retry_step_ns_;
    retry_at_ns_ = clock_.boot_ns() + step;
    retry_step_ns_ = std::min(step * 2, kLastRetry);
    metrics_.degraded("mqtt", "TRB-MQTT-002", base::format("cannot connect to {}: {}", options_->first_url(), text));
}

void PahoSession::connection_lost() {
    link_->connection_ended();
    connection_++;
    connected_ = false;
    connecting_ = false;
    retry_at_ns_ = clock_.boot_ns() + kFirstRetry;
    if (stopping_) return;
    {
        const std::lock_guard lock(mutex_);
        error_ = "connection lost";
    }
    if (!deaf_ && !distrust_)
        metrics_.degraded("mqtt", "TRB-MQTT-003", "connection to the MQTT broker lost; connecting again");
    sink_.session({session_, false, false});
}

void PahoSession::subscribe(bool session_present) {
    std::vector<std::string> wanted, gone;
    {
        const std::lock_guard lock(mutex_);
        wanted = filters_;
        for (const auto& filter : subscribed_)
            if (std::find(wanted.begin(), wanted.end(), filter) == wanted.end()) gone.push_back(filter);
        // A 3.1.1 broker sends retained messages again at every SUBSCRIBE; MQTT 5 has Retain Handling against that.
        if (setup_.settings.version != 5 && session_present && gone.empty() && subscribed_ == wanted) return;
    }
    const auto pointers = [](std::vector<std::string>& texts) {
        std::vector<char*> out;
        out.reserve(texts.size());
        for (auto& text : texts) out.push_back(text.data());
        return out;
    };
    MQTTAsync_responseOptions response = MQTTAsync_responseOptions_initializer;
    if (!gone.empty()) {
        MQTTAsync_unsubscribeMany(client_, static_cast<int>(gone.size()), pointers(gone).data(), &response);
    }
    if (wanted.empty()) return;
    std::vector<int> qos(wanted.size(), 1);
    std::vector<MQTTSubscribe_options> each(wanted.size(), MQTTSubscribe_options_initializer);
    for (auto& options : each) options.retainHandling = 1, options.retainAsPublished = 1;
    response.context = this;
    if (setup_.settings.version == 5) {
        response.onSuccess5 = [](void* self, MQTTAsync_successData5* data) {
            std::vector<int> codes{static_cast<int>(data->reasonCode)};
            if (data->alt.sub.reasonCodeCount > 1) {
                codes.clear();
                for (int i = 0; i < data->alt.sub.reasonCodeCount; i++)
                    codes.push_back(static_cast<int>(data->alt.sub.reasonCodes[i]));
            }
            static_cast<PahoSession*>(self)->granted(codes);
        };
        response.onFailure5 = [](void* self, MQTTAsync_failureData5* data) {
            static_cast<PahoSession*>(self)->granted({static_cast<int>(data->reasonCode)});
        };
        response.subscribeOptions = each.front();
        response.subscribeOptionsCount = static_cast<int>(each.size());
        response.subscribeOptionsList = each.data();
    } else {
        response.onSuccess = [](void* self, MQTTAsync_successData* data) {
            auto* session = static_cast<PahoSession*>(self);
            size_t filters = 0;
            {
                const std::lock_guard lock(session->mutex_);
                filters = session->filters_.size();
            }
            std::vector<int> codes;
            if (filters == 1)
                codes.push_back(data->alt.qos);
            else
                for (size_t i = 0; i < filters; i++) codes.push_back(data->alt.qosList[i]);
            session->granted(codes);
        };
        response.onFailure = [](void* self, MQTTAsync_failureData*) {
            static_cast<PahoSession*>(self)->granted({0x80});
        };
    }
    const int result = MQTTAsync_subscribeMany(client_, static_cast<int>(wanted.size()), pointers(wanted).data(),
                                               qos.data(), &response);
    if (result != MQTTASYNC_SUCCESS) base::log::warning("mqtt: subscribe failed: {}", MQTTAsync_strerror(result));
}

void PahoSession::granted(const std::vector<int>& qos) {
    std::string refused;
    {
        const std::lock_guard lock(mutex_);
        without_promise_.clear();
        for (size_t i = 0; i < filters_.size() && i < qos.size(); i++) {
            if (qos[i] >= 0x80)
                refused += (refused.empty() ? "" : ", ") + filters_[i];
            else if (qos[i] == 0)
                without_promise_.push_back(filters_[i]);
        }
        if (refused.empty()) subscribed_ = newly_subscribed_ = filters_;
    }
    if (!refused.empty())
        metrics_.degraded(
            "mqtt", "TRB-MQTT-004",
            base::format("the broker refused the subscription to {}: check its access rules for this user", refused));
}

// --- control ---

void PahoSession::tick() {
    if (connected_ || connecting_ || stopping_ || distrust_ || clock_.boot_ns() < retry_at_ns_) return;
    connecting_ = true;
    link_->connection_ended();
    auto refreshed = options_->refresh();  // passwords and certificates may have changed on disk
    if (!refreshed) return connection_failed(refreshed.error().message.c_str(), 0);
    auto& options = options_->paho();
    options.context = this;
    if (setup_.settings.version == 5) {
        options.onSuccess5 = [](void* self, MQTTAsync_successData5* data) {
            static_cast<PahoSession*>(self)->connected(data->alt.connect.sessionPresent != 0,
                                                       data->alt.connect.serverURI);
        };
        options.onFailure5 = [](void* self, MQTTAsync_failureData5* data) {
            // A CONNACK's refusal comes as its reason code; everything else as Paho's text.
            const char* why =
                data->code >= 0x80 ? MQTTReasonCode_toString(static_cast<MQTTReasonCodes>(data->code)) : data->message;
            static_cast<PahoSession*>(self)->connection_failed(why, data->code);
        };
    } else {
        options.onSuccess = [](void* self, MQTTAsync_successData* data) {
            static_cast<PahoSession*>(self)->connected(data->alt.connect.sessionPresent != 0,
                                                       data->alt.connect.serverURI);
        };
        options.onFailure = [](void* self, MQTTAsync_failureData* data) {
            static_cast<PahoSession*>(self)->connection_failed(refusal(data->code, data->message), data->code);
        };
    }
    const int result = MQTTAsync_connect(client_, &options);
    if (result != MQTTASYNC_SUCCESS) connection_failed(MQTTAsync_strerror(result), result);
}

void PahoSession::set_filters(std::vector<std::string> filters) {
    {
        const std::lock_guard lock(mutex_);
        filters_ = model::maximal_filters(filters);
    }
    if (connected_) subscribe(false);
}

void PahoSession::say_goodbye() {
    MQTTAsync_disconnectOptions options = MQTTAsync_disconnectOptions_initializer;
    options.timeout = 0;
    if (MQTTAsync_disconnect(client_, &options) == MQTTASYNC_SUCCESS)
        for (int i = 0; i < 200 && MQTTAsync_isConnected(client_) != 0; i++)
            std::this_thread::sleep_for(std::chrono::milliseconds(10));
}

void PahoSession::disconnect() {
    stopping_ = true;
    say_goodbye();
    connected_ = false;
}

// What was not acknowledged comes again with the session.
void PahoSession::reconnect() {
    if (!connected_ || stopping_) return;
    say_goodbye();
    if (!connected_.exchange(false)) return;  // it was lost in between
    link_->connection_ended();
    connection_++;
    retry_at_ns_ = 0;
    sink_.session({session_, false, false});
}

std::vector<std::string> PahoSession::newly_subscribed() {
    const std::lock_guard lock(mutex_);
    return std::exchange(newly_subscribed_, {});
}

SessionStatus PahoSession::status() const {
    SessionStatus status;
    status.connected = connected_;
    status.connections = connections_;
    status.received = received_.value();
    status.duplicates = duplicates_.value();
    status.acknowledged = acknowledged_.value();
    status.stale_acks = stale_acks_.value();
    status.dropped_connections = dropped_.value();
    status.acks_waiting = waiting_size_;
    const std::lock_guard lock(mutex_);
    status.url = url_.empty() ? options_->first_url() : url_;
    status.error = error_;
    status.filters = filters_;
    status.without_promise = without_promise_;
    return status;
}

// --- writer ---

bool PahoSession::release(std::span<const Ticket> tickets) {
    waiting_.insert(waiting_.end(), tickets.begin(), tickets.end());
    if (waiting_.empty()) return true;
    const PahoLock lock(2 * base::kNsPerMs);
    if (lock.owned()) {
        // Message ids mean something only on the connection they came on; sockets and ids are used again.
        const uint32_t now = connected_ && !deaf_ && !distrust_ ? connection_.load() : 0;
        std::vector<uint16_t> ids;
        ids.reserve(waiting_.size());
        size_t stale = 0;
        while (stale < waiting_.size() && waiting_[stale].connection != now) stale++;
        for (size_t i = stale; i < waiting_.size(); i++) ids.push_back(waiting_[i].message_id);
        const auto sent = link_->send_pubacks(ids, setup_.settings.version);
        for (size_t i = 0; i < sent.count; i++) filter_.acknowledged(ids[i]);
        waiting_.erase(waiting_.begin(), waiting_.begin() + static_cast<std::ptrdiff_t>(stale + sent.count));
        acknowledged_.add(sent.count);
        stale_acks_.add(stale);
        if (sent.broken) link_->drop_connection();
    }
    waiting_size_ = waiting_.size();
    return waiting_.empty();
}

}  // namespace

base::Result<std::unique_ptr<Session>> Session::create(Setup setup, Sink& sink, metrics::Registry& metrics,
                                                       const base::Clock& clock) {
    auto session = std::make_unique<PahoSession>(std::move(setup), sink, metrics, clock);
    if (auto opened = session->open(); !opened) return opened.error();
    return std::unique_ptr<Session>(std::move(session));
}

}  // namespace tributary::mqtt
