// SPDX-License-Identifier: Apache-2.0
#include "sim/fake_broker.hpp"

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <netinet/in.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <filesystem>

using namespace tributary;
using namespace tributary::sim;
using namespace std::chrono_literals;

namespace {

// A client made of bytes written out by hand, so that broker and client do not share a mistake.
class HandClient {
  public:
    explicit HandClient(uint16_t port) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        const timeval limit{5, 0};
        setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(port);
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        REQUIRE(::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    }
    ~HandClient() { ::close(fd_); }
    HandClient(const HandClient&) = delete;
    HandClient& operator=(const HandClient&) = delete;

    void send(std::string_view bytes) const {
        REQUIRE(::write(fd_, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()));
    }
    std::string get(size_t size) const {
        std::string all;
        while (all.size() < size) {
            std::array<char, 512> part{};
            const ssize_t count = ::read(fd_, part.data(), std::min(part.size(), size - all.size()));
            if (count <= 0) break;
            all.append(part.data(), static_cast<size_t>(count));
        }
        return all;
    }
    // What read() says once the data are used up: 0 = orderly end, ECONNRESET = reset.
    int ending() const {
        char byte = 0;
        const ssize_t count = ::read(fd_, &byte, 1);
        return count < 0 ? errno : static_cast<int>(count);
    }

  private:
    int fd_;
};

using std::operator""s;
const std::string kConnect4 = "\x10\x0e\x00\x04MQTT\x04\x02\x00\x1e\x00\x02hc"s;
// Clean start off, user name; session expiry 3600, receive maximum 1000.
const std::string kConnect5 =
    "\x10\x1c\x00\x04MQTT\x05\x80\x00\x0a\x08\x11\x00\x00\x0e\x10\x21\x03\xe8\x00\x02hc\x00\x03joe"s;
const std::string kSubscribe4 = "\x82\x08\x00\x07\x00\x03x/#\x01"s;
const std::string kSubscribe5 = "\x82\x09\x00\x07\x00\x00\x03x/#\x15"s;

struct Child {
    pid_t pid = 0;
    ~Child() {
        if (pid > 0) ::kill(pid, SIGKILL), ::waitpid(pid, nullptr, 0);
    }
    bool start(std::vector<std::string> arguments) {
        std::vector<char*> argv;
        for (auto& argument : arguments) argv.push_back(argument.data());
        argv.push_back(nullptr);
        return ::posix_spawnp(&pid, argv[0], nullptr, nullptr, argv.data(), environ) == 0;
    }
    int wait() {
        int status = 0;
        ::waitpid(pid, &status, 0);
        pid = 0;
        return status;
    }
};

bool have(const char* program) {
    return std::system((std::string("command -v ") + program + " >/dev/null 2>&1").c_str()) == 0;
}

}  // namespace

TEST_CASE("fake broker: 3.1.1 session, acknowledgements in order, reused ids") {
    auto broker = FakeBroker::start();
    REQUIRE(broker.ok());
    auto& b = **broker;
    CHECK_FALSE(b.publish({"x/1", "nobody there", 1}));
    b.set_session_present(true);
    const HandClient client(b.port());
    client.send(kConnect4);
    CHECK(client.get(4) == "\x20\x02\x01\x00"s);
    client.send(kSubscribe4);
    CHECK(client.get(5) == "\x90\x03\x00\x07\x01"s);
    REQUIRE(b.wait_for_subscriptions(1, 5s));
    CHECK(b.publish({.topic = "x/1", .payload = "hi", .packet_id = 258, .dup = true, .retain = true}));
    CHECK(client.get(11) == "\x3b\x09\x00\x03x/1\x01\x02hi"s);
    CHECK(b.publish({.topic = "x/1", .payload = "zero", .qos = 0}));
    CHECK(client.get(11) == "\x30\x09\x00\x03x/1zero"s);
    client.send("\x40\x02\x01\x02\x40\x02\x00\x05\x40\x02"s);  // the last one is cut
    CHECK(b.wait_for_pubacks(2, 5s));
    client.send("\x01\x02\xc0\x00"s);
    CHECK(client.get(2) == "\xd0\x00"s);
    REQUIRE(b.wait_for_pubacks(3, 5s));
    const auto acks = b.pubacks(1);
    REQUIRE(acks.size() == 3);
    CHECK(acks[0].packet_id == 258);
    CHECK(acks[1].packet_id == 5);
    CHECK(acks[2].packet_id == 258);
    CHECK(acks[0].time_ns <= acks[2].time_ns);
    CHECK_FALSE(b.wait_for_pubacks(4, 20ms));
    const auto connect = b.received(PacketType::connect).at(0).connect;
    CHECK(connect.client_id == "hc");
    CHECK(connect.version == 4);
    CHECK(connect.clean_start);
    CHECK(connect.keepalive_s == 30);
    CHECK_FALSE(connect.has_will);
    CHECK(b.received(PacketType::pingreq).size() == 1);
    client.send("\xe0\x00"s);
    CHECK(client.ending() == 0);
    CHECK(b.wait_for_closed(1, 5s));
}

TEST_CASE("fake broker: MQTT 5 fields are recorded") {
    auto broker = FakeBroker::start();
    auto& b = **broker;
    const HandClient client(b.port());
    client.send(kConnect5);
    CHECK(client.get(5) == "\x20\x03\x00\x00\x00"s);
    client.send(kSubscribe5);
    CHECK(client.get(6) == "\x90\x04\x00\x07\x00\x01"s);
    const auto connect = b.received(PacketType::connect).at(0).connect;
    CHECK_FALSE(connect.clean_start);
    CHECK(connect.session_expiry_s == 3600);
    CHECK(connect.receive_maximum == 1000);
    CHECK(connect.has_user);
    CHECK(connect.user == "joe");
    CHECK_FALSE(connect.has_password);
    const auto filter = b.received(PacketType::subscribe).at(0).filters.at(0);
    CHECK(filter.filter == "x/#");
    CHECK(filter.qos == 1);
    CHECK(filter.retain_handling == 1);
    CHECK(filter.no_local);
    CHECK(b.current_version() == 5);
    client.send("\xa2\x08\x00\x08\x00\x00\x03x/#"s);
    CHECK(client.get(6) == "\xb0\x04\x00\x08\x00\x00"s);
    client.send("\x32\x08\x00\x01t\x00\x09\x00up"s);
    CHECK(client.get(4) == "\x40\x02\x00\x09"s);
    CHECK(b.received(PacketType::publish).at(0).payload == "up");
    client.send("\x40\x04\x00\x09\x10\x00"s);
    REQUIRE(b.wait_for_pubacks(1, 5s));
    CHECK(b.pubacks()[0].reason == 0x10);
}

TEST_CASE("fake broker: refusals, drops, take-over, garbage") {
    auto broker = FakeBroker::start();
    auto& b = **broker;
    b.refuse_connections(5);
    {
        const HandClient client(b.port());
        client.send(kConnect4);
        CHECK(client.get(4) == "\x20\x02\x00\x05"s);
        CHECK(client.ending() == 0);
    }
    b.refuse_connections(0);
    {
        const HandClient client(b.port());
        client.send(kConnect4);
        CHECK(client.get(4).size() == 4);
        CHECK(b.drop(FakeBroker::Drop::hard));
        CHECK(client.ending() == ECONNRESET);
        CHECK_FALSE(b.drop(FakeBroker::Drop::hard));
    }
    {
        const HandClient client(b.port());
        client.send(kConnect4);
        CHECK(client.get(4).size() == 4);
        CHECK(b.drop(FakeBroker::Drop::soft));
        CHECK(client.ending() == 0);
    }
    {
        const HandClient first(b.port()), second(b.port());
        first.send(kConnect4);
        CHECK(first.get(4).size() == 4);
        second.send(kConnect4);
        CHECK(second.get(4).size() == 4);
        CHECK(first.ending() == 0);
        CHECK(b.connections() == 5);
        CHECK(b.publish({.topic = "t", .payload = "", .qos = 0}));
        CHECK(second.get(5) == "\x30\x03\x00\x01t"s);
    }
    for (const auto& garbage :
         {"GET / HTTP/1.1\r\n\r\n"s, "\x10\xff\xff\xff\xff\x01"s, kConnect4 + "\xf0\x00"s, "\x40\x02\x00\x01"s}) {
        const HandClient client(b.port());
        const int before = b.malformed();
        client.send(garbage);
        while (client.get(1).size() == 1) {
        }
        CHECK(b.malformed() == before + 1);
    }
    const uint16_t port = b.port();
    broker->reset();
    CHECK(FakeBroker::start({.port = port}).ok());  // the same address again at once
}

TEST_CASE("fake broker: bytes in pieces, and a broker that does not read") {
    auto broker = FakeBroker::start({.receive_buffer_bytes = 4096});
    auto& b = **broker;
    const HandClient client(b.port());
    client.send(kConnect4);
    CHECK(client.get(4).size() == 4);
    const auto packet = make_publish(4, {.topic = "a/b", .payload = "0123456789", .packet_id = 1});
    std::vector<std::string> pieces;
    for (const char byte : packet) pieces.emplace_back(1, byte);
    CHECK(b.send_pieces(pieces, 1ms));
    CHECK(b.wait_until_sent(5s));
    CHECK(client.get(packet.size()) == packet);
    CHECK(b.send_raw(packet + packet + packet.substr(0, 3)));
    CHECK(client.get(2 * packet.size() + 3) == packet + packet + packet.substr(0, 3));
    b.set_reading(false);
    client.send("\x40\x02\x00\x01"s);
    CHECK_FALSE(b.wait_for_pubacks(1, 30ms));
    b.set_reading(true);
    CHECK(b.wait_for_pubacks(1, 5s));
}

TEST_CASE("fake broker: mosquitto_sub is content, also over TLS") {
    if (!have("mosquitto_sub") || !have("openssl")) {
        MESSAGE("skipped: needs mosquitto_sub and openssl");
        return;
    }
    const auto folder = std::filesystem::temp_directory_path() / ("trb-sim-" + std::to_string(::getpid()));
    std::filesystem::create_directories(folder);
    const std::string cert = folder / "cert.pem", key = folder / "key.pem";
    Child openssl;
    REQUIRE(openssl.start({"openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
                           "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1",
                           "-keyout", key, "-out", cert}));
    REQUIRE(openssl.wait() == 0);
    for (const bool tls : {false, true})
        for (const char* version : {"mqttv311", "mqttv5"}) {
            CAPTURE(version);
            FakeBroker::Options options;
            if (tls) options.tls_cert = cert, options.tls_key = key;
            auto broker = FakeBroker::start(options);
            REQUIRE(broker.ok());
            std::vector<std::string> command{"mosquitto_sub",
                                             "-h",
                                             "127.0.0.1",
                                             "-p",
                                             std::to_string((*broker)->port()),
                                             "-V",
                                             version,
                                             "-i",
                                             "sub",
                                             "-c",
                                             "-q",
                                             "1",
                                             "-t",
                                             "f/#",
                                             "-C",
                                             "3",
                                             "-N"};
            if (std::string_view(version) == "mqttv5") command.insert(command.end(), {"-x", "60"});
            if (tls) command.insert(command.end(), {"--cafile", cert});
            Child child;
            REQUIRE(child.start(command));
            REQUIRE((*broker)->wait_for_subscriptions(1, 20s));
            for (uint16_t id = 1; id <= 3; id++)
                CHECK((*broker)->publish({.topic = "f/x", .payload = "", .packet_id = id}));
            CHECK((*broker)->wait_for_pubacks(3, 20s));
            CHECK(child.wait() == 0);
            CHECK((*broker)->malformed() == 0);
            CHECK((*broker)->received(PacketType::connect).at(0).connect.client_id == "sub");
        }
    CHECK_FALSE(FakeBroker::start({.tls_cert = key, .tls_key = cert}).ok());
    std::filesystem::remove_all(folder);
}
