// SPDX-License-Identifier: Apache-2.0
// Promise P1 at the door: no PUBACK leaves before release(). Against a fake broker that writes down every packet.
#include "mqtt/session.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <mutex>
#include <thread>

#include "sim/fake_broker.hpp"

using namespace tributary;
using namespace std::chrono_literals;
using sim::FakeBroker;

namespace {

class RecordingSink final : public mqtt::Sink {
  public:
    bool message(const model::Message& message, const mqtt::Ticket* ticket) override {
        const std::lock_guard lock(mutex_);
        if (room_ == 0) return false;
        room_--;
        payloads_.emplace_back(message.payload);
        if (ticket != nullptr) tickets_.push_back(*ticket);
        return true;
    }
    void acknowledge_only(const mqtt::Ticket& ticket) override {
        const std::lock_guard lock(mutex_);
        tickets_.push_back(ticket);
        duplicates_++;
    }
    bool wait_for_room(int64_t) override {
        std::this_thread::sleep_for(5ms);
        return true;
    }
    void session(const model::SessionRecord& record) override {
        const std::lock_guard lock(mutex_);
        sessions_.push_back(record);
    }

    std::vector<mqtt::Ticket> take_tickets() {
        const std::lock_guard lock(mutex_);
        return std::exchange(tickets_, {});
    }
    std::vector<std::string> payloads() const {
        const std::lock_guard lock(mutex_);
        return payloads_;
    }
    int duplicates() const {
        const std::lock_guard lock(mutex_);
        return duplicates_;
    }
    std::vector<model::SessionRecord> sessions() const {
        const std::lock_guard lock(mutex_);
        return sessions_;
    }
    void set_room(size_t room) {
        const std::lock_guard lock(mutex_);
        room_ = room;
    }

  private:
    mutable std::mutex mutex_;
    std::vector<std::string> payloads_;
    std::vector<mqtt::Ticket> tickets_;
    std::vector<model::SessionRecord> sessions_;
    int duplicates_ = 0;
    size_t room_ = SIZE_MAX;
};

bool eventually(const std::function<bool()>& condition) {
    for (int i = 0; i < 1000; i++) {
        if (condition()) return true;
        std::this_thread::sleep_for(10ms);
    }
    return false;
}

struct Door {
    explicit Door(FakeBroker& broker, int version, const std::function<void(config::MqttSettings&)>& adjust = {}) {
        config::MqttSettings settings;
        settings.urls = {broker.url()};
        settings.version = version;
        settings.keepalive_ns = 3 * base::kNsPerSecond;
        if (adjust) adjust(settings);
        mqtt::Session::Setup setup{settings, "door", {"f/#", "f/a"}, {"old/#"}, 0, 20 * base::kNsPerMs};
        auto made = mqtt::Session::create(std::move(setup), sink, metrics, clock);
        REQUIRE_MESSAGE(made.ok(), (made ? "" : made.error().text()));
        session = std::move(*made);
    }
    bool connect() {
        return eventually([&] {
            session->tick();
            return session->status().connected;
        });
    }
    bool release_all() {
        const auto tickets = sink.take_tickets();
        session->release(tickets);
        return eventually([&] { return session->release({}); });
    }

    RecordingSink sink;
    metrics::Registry metrics;
    base::SystemClock clock;
    std::unique_ptr<mqtt::Session> session;
};

sim::Publish message(uint16_t id, const std::string& payload, bool dup = false) {
    sim::Publish publish;
    publish.topic = "f/a";
    publish.payload = payload;
    publish.packet_id = id;
    publish.qos = 1;
    publish.dup = dup;
    return publish;
}

std::string make_certificate(const std::string& folder) {
    const std::string command =
        "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1 "
        "-keyout " +
        folder + "/key.pem -out " + folder + "/cert.pem 2>/dev/null";
    return std::system(command.c_str()) == 0 ? folder : "";  // NOLINT(concurrency-mt-unsafe)
}

// The whole promise on one connection and over a reconnect with ids used again.
void ack_order(FakeBroker& broker, int version, const std::function<void(config::MqttSettings&)>& adjust = {}) {
    Door door(broker, version, adjust);
    REQUIRE(door.connect());
    REQUIRE(broker.wait_for_subscriptions(1, 10s));
    for (uint16_t id = 1; id <= 50; id++) broker.publish(message(id, "first " + std::to_string(id)));
    REQUIRE(eventually([&] { return door.sink.payloads().size() == 50; }));
    std::this_thread::sleep_for(200ms);
    CHECK(broker.pubacks().empty());  // nothing before the release

    auto tickets = door.sink.take_tickets();
    REQUIRE(tickets.size() == 50);
    door.session->release(std::span(tickets).first(20));
    REQUIRE(broker.wait_for_pubacks(20, 10s));
    std::this_thread::sleep_for(100ms);
    auto acks = broker.pubacks();
    REQUIRE(acks.size() == 20);  // those 20 and no more
    for (uint16_t i = 0; i < 20; i++) CHECK(acks[i].packet_id == i + 1);

    // The connection breaks; the rest of the tickets is worth nothing now, although ids and maybe the socket come
    // again.
    broker.set_session_present(true);
    broker.drop(FakeBroker::Drop::hard);
    REQUIRE(eventually([&] { return !door.session->status().connected; }));
    REQUIRE(door.connect());
    const int second = broker.current();
    for (uint16_t id = 21; id <= 25; id++) broker.publish(message(id, "new " + std::to_string(id)));
    REQUIRE(eventually([&] { return door.sink.payloads().size() == 55; }));
    door.session->release(std::span(tickets).subspan(20));
    std::this_thread::sleep_for(200ms);
    CHECK(broker.pubacks(second).empty());  // an old ticket never acknowledges a new message
    REQUIRE(door.release_all());
    REQUIRE(broker.wait_for_pubacks(25, 10s));
    acks = broker.pubacks(second);
    REQUIRE(acks.size() == 5);
    for (uint16_t i = 0; i < 5; i++) CHECK(acks[i].packet_id == i + 21);
    CHECK(broker.malformed() == 0);
    CHECK(door.session->status().stale_acks == 30);
    door.session->disconnect();
}

}  // namespace

TEST_CASE("no PUBACK before release: MQTT 5") {
    auto broker = FakeBroker::start();
    REQUIRE(broker.ok());
    ack_order(**broker, 5);
}

TEST_CASE("no PUBACK before release: MQTT 3.1.1") {
    auto broker = FakeBroker::start();
    REQUIRE(broker.ok());
    ack_order(**broker, 4);
}

TEST_CASE("no PUBACK before release: TLS") {
    const auto folder = std::filesystem::temp_directory_path() / ("tributary-tls-" + std::to_string(getpid()));
    std::filesystem::create_directories(folder);
    if (make_certificate(folder).empty()) {
        MESSAGE("skipped: openssl cannot make a certificate here");
        return;
    }
    for (const int version : {5, 4}) {
        auto broker = FakeBroker::start({.tls_cert = folder / "cert.pem", .tls_key = folder / "key.pem"});
        REQUIRE(broker.ok());
        ack_order(**broker, version, [&](config::MqttSettings& settings) { settings.tls.ca = folder / "cert.pem"; });
    }
    std::filesystem::remove_all(folder);
}

TEST_CASE("a redelivery of what is taken and not released is filtered and acknowledged on the new connection") {
    auto broker = FakeBroker::start();
    REQUIRE(broker.ok());
    Door door(**broker, 5);
    REQUIRE(door.connect());
    for (uint16_t id = 1; id <= 3; id++) (*broker)->publish(message(id, "m" + std::to_string(id)));
    REQUIRE(eventually([&] { return door.sink.payloads().size() == 3; }));
    (*broker)->set_session_present(true);
    (*broker)->drop(FakeBroker::Drop::soft);
    REQUIRE(eventually([&] { return !door.session->status().connected; }));
    REQUIRE(door.connect());
    for (uint16_t id = 1; id <= 3; id++) (*broker)->publish(message(id, "m" + std::to_string(id), true));
    (*broker)->publish(message(4, "m4"));
    REQUIRE(eventually([&] { return door.sink.payloads().size() == 4; }));
    CHECK(door.sink.duplicates() == 3);
    REQUIRE(door.release_all());
    REQUIRE((*broker)->wait_for_pubacks(4, 10s));
    const auto acks = (*broker)->pubacks((*broker)->current());
    REQUIRE(acks.size() == 4);
    for (uint16_t i = 0; i < 4; i++) CHECK(acks[i].packet_id == i + 1);
}

TEST_CASE("a full queue: keepalive/3 of patience, then the connection goes without a single PUBACK") {
    auto broker = FakeBroker::start();
    REQUIRE(broker.ok());
    Door door(**broker, 5);
    REQUIRE(door.connect());
    door.sink.set_room(2);
    for (uint16_t id = 1; id <= 5; id++) (*broker)->publish(message(id, "m" + std::to_string(id)));
    REQUIRE((*broker)->wait_for_closed(1, 10s));
    CHECK((*broker)->pubacks().empty());
    CHECK(door.session->status().dropped_connections == 1);
    REQUIRE(eventually([&] { return !door.session->status().connected; }));
    door.sink.set_room(SIZE_MAX);
    REQUIRE(door.connect());
    CHECK((*broker)->connections() == 2);
    REQUIRE(door.release_all());
    CHECK((*broker)->pubacks().empty());  // those tickets were of the dropped connection
}

TEST_CASE("packets cut at every place and many in one read: all come through, in order") {
    auto broker = FakeBroker::start();
    REQUIRE(broker.ok());
    // Nothing of the broker's own may come between the pieces: no answer, and none to a ping.
    Door door(**broker, 4, [](config::MqttSettings& settings) { settings.keepalive_ns = 600 * base::kNsPerSecond; });
    REQUIRE(door.connect());
    REQUIRE((*broker)->wait_for_subscriptions(1, 10s));
    REQUIRE(eventually([&] { return (*broker)->received(sim::PacketType::unsubscribe).size() == 1; }));
    REQUIRE((*broker)->wait_until_sent(10s));
    std::string stream;
    for (uint16_t id = 1; id <= 40; id++) {
        const std::string payload = "n" + std::to_string(id) + std::string(id == 20 ? 100'000 : 3, 'x');
        std::string body{'\0', '\3', 'f', '/', 'a', static_cast<char>(id >> 8), static_cast<char>(id)};
        body += payload;
        stream.push_back(0x32);
        for (size_t size = body.size();; size >>= 7) {
            stream.push_back(static_cast<char>((size & 0x7f) | (size > 0x7f ? 0x80 : 0)));
            if (size <= 0x7f) break;
        }
        stream += body;
    }
    std::vector<std::string> pieces;
    for (size_t at = 0, step = 1; at < stream.size(); at += step, step = at < 60 ? 1 : step * 2 % 7001 + 1)
        pieces.push_back(stream.substr(at, step));
    (*broker)->send_pieces(pieces, 1ms);
    REQUIRE(eventually([&] { return door.sink.payloads().size() == 40; }));
    const auto payloads = door.sink.payloads();
    for (size_t i = 0; i < 40; i++) CHECK(payloads[i].starts_with("n" + std::to_string(i + 1)));
    REQUIRE(door.release_all());
    CHECK((*broker)->wait_for_pubacks(40, 10s));
}

TEST_CASE("a broker that does not read: acknowledgements wait and none is lost or cut") {
    auto broker = FakeBroker::start({.receive_buffer_bytes = 4096});
    REQUIRE(broker.ok());
    Door door(**broker, 5);
    REQUIRE(door.connect());
    constexpr size_t kMany = 60'000;
    for (size_t i = 0; i < kMany; i++) (*broker)->publish(message(static_cast<uint16_t>(i % 65535 + 1), "x"));
    REQUIRE((*broker)->wait_until_sent(60s));
    REQUIRE(eventually([&] { return door.sink.payloads().size() == kMany; }));
    (*broker)->set_reading(false);
    const auto tickets = door.sink.take_tickets();
    door.session->release(tickets);
    std::this_thread::sleep_for(300ms);
    (*broker)->set_reading(true);
    CHECK(eventually([&] { return door.session->release({}); }));
    REQUIRE((*broker)->wait_for_pubacks(kMany, 30s));
    const auto acks = (*broker)->pubacks();
    size_t wrong = 0;
    for (size_t i = 0; i < kMany; i++) wrong += acks[i].packet_id != i % 65535 + 1;
    CHECK(wrong == 0);
    CHECK((*broker)->malformed() == 0);
}

TEST_CASE(
    "subscriptions: the maximal filters only, gone ones unsubscribed, 3.1.1 does not ask again in a kept session") {
    for (const int version : {5, 4}) {
        CAPTURE(version);
        auto broker = FakeBroker::start();
        REQUIRE(broker.ok());
        Door door(**broker, version);
        REQUIRE(door.connect());
        REQUIRE((*broker)->wait_for_subscriptions(1, 10s));
        const auto subscribed = (*broker)->received(sim::PacketType::subscribe);
        REQUIRE(subscribed.size() == 1);
        REQUIRE(subscribed[0].filters.size() == 1);
        CHECK(subscribed[0].filters[0].filter == "f/#");
        CHECK(subscribed[0].filters[0].qos == 1);
        const auto gone = (*broker)->received(sim::PacketType::unsubscribe);
        REQUIRE(gone.size() == 1);
        REQUIRE(eventually([&] { return door.session->newly_subscribed() == std::vector<std::string>{"f/#"}; }));
        (*broker)->set_session_present(true);
        (*broker)->drop(FakeBroker::Drop::soft);
        REQUIRE(eventually([&] { return !door.session->status().connected; }));
        REQUIRE(door.connect());
        std::this_thread::sleep_for(200ms);
        CHECK((*broker)->received(sim::PacketType::subscribe).size() == (version == 5 ? 2 : 1));
        CHECK(door.sink.sessions().back().session == 1);  // the broker kept it
    }
}

TEST_CASE("a refused connection and a refused subscription are said in words, and tried again") {
    auto broker = FakeBroker::start();
    REQUIRE(broker.ok());
    (*broker)->refuse_connections(0x87);
    Door door(**broker, 5);
    door.session->tick();
    REQUIRE(eventually([&] { return !door.session->status().error.empty(); }));
    CHECK(!door.session->status().connected);
    CHECK(!door.metrics.health().front().ok);
    (*broker)->refuse_connections(0);
    (*broker)->set_suback_code(0x87);
    REQUIRE(door.connect());
    CHECK(eventually([&] { return door.metrics.health().front().code == "TRB-MQTT-004"; }));
}

TEST_CASE("addresses") {
    CHECK(*mqtt::paho_url("mqtt://h") == "tcp://h:1883");
    CHECK(*mqtt::paho_url("mqtts://h:1") == "ssl://h:1");
    CHECK(*mqtt::paho_url("mqtt://[::1]") == "tcp://[::1]:1883");
    CHECK(*mqtt::paho_url("ws://h/mqtt") == "ws://h:80/mqtt");
    for (const char* bad : {"h:1883", "http://h", "mqtt://", ""}) CHECK(!mqtt::paho_url(bad).ok());
}
