// SPDX-License-Identifier: Apache-2.0
#include "sim/fake_broker.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>
#include <csignal>

#include <cerrno>
#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>

#include "base/files.hpp"
#include "base/log.hpp"
#include "sim/fake_broker_socket.hpp"

namespace tributary::sim {
namespace {

struct Connection {
    Connection(int fd, SSL_CTX* tls) : socket(fd, tls) {}
    BrokerSocket socket;
    std::string in;
    std::string client_id;
    uint8_t version = 0;  // 0 until CONNECT
    bool accepted = false, subscribed = false, closing = false;
};

}  // namespace

struct FakeBroker::Impl {
    ~Impl();
    base::Result<> open(const Options& options);
    void run();
    void accept_one();
    void serve(int number, Connection& connection, uint32_t events);
    bool answer(Connection& connection, const Received& packet);
    bool answer_connect(Connection& connection, const ConnectInfo& info);
    void update_interest(Connection& connection) const;
    void forget_closed();
    int current() const;
    void wake() const;
    template <class Condition>
    bool wait(Timeout timeout, Condition condition) const {
        std::unique_lock lock(mutex);
        return changed.wait_for(lock, timeout, condition);
    }

    int listener = -1, epoll = -1, event = -1;
    int receive_buffer = 0;
    uint16_t port = 0;
    SSL_CTX* tls = nullptr;
    std::thread thread;

    mutable std::mutex mutex;
    mutable std::condition_variable changed;
    std::map<int, std::unique_ptr<Connection>> live;  // by connection number
    std::vector<Received> received;
    int accepted = 0, connects = 0, malformed = 0, suback_code = -1;
    uint8_t refuse_code = 0;
    bool session_present = false, answering_pings = true, acking = true, reading = true, stopping = false;
};

FakeBroker::Impl::~Impl() {
    if (thread.joinable()) {
        {
            const std::lock_guard lock(mutex);
            stopping = true;
        }
        wake();
        thread.join();
    }
    live.clear();
    for (const int fd : {listener, epoll, event})
        if (fd >= 0) ::close(fd);
    SSL_CTX_free(tls);
}

base::Result<> FakeBroker::Impl::open(const Options& options) {
    const auto failed = [](const char* what) {
        return base::Error{"TRB-SIM-001", base::format("the test broker cannot {}: {}", what, base::errno_text(errno))};
    };
    if (!options.tls_cert.empty()) {
        tls = make_server_context(options.tls_cert, options.tls_key, options.tls_client_ca);
        if (tls == nullptr)
            return base::Error{"TRB-SIM-001",
                               base::format("the test broker cannot use the certificate {} with the key {}",
                                            options.tls_cert, options.tls_key)};
    }
    receive_buffer = options.receive_buffer_bytes;
    listener = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    epoll = ::epoll_create1(EPOLL_CLOEXEC);
    event = ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (listener < 0 || epoll < 0 || event < 0) return failed("open its descriptors");
    const int on = 1;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (receive_buffer > 0) setsockopt(listener, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(options.port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    if (::bind(listener, generic, size) != 0 || ::listen(listener, 16) != 0) return failed("listen");
    if (::getsockname(listener, generic, &size) != 0) return failed("learn its port");
    port = ntohs(address.sin_port);
    for (const int fd : {listener, event}) {
        epoll_event interest{};
        interest.events = EPOLLIN;
        interest.data.fd = fd;
        if (::epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &interest) != 0) return failed("watch its descriptors");
    }
    thread = std::thread([this] { run(); });
    return {};
}

void FakeBroker::Impl::wake() const {
    const uint64_t one = 1;
    [[maybe_unused]] const ssize_t written = ::write(event, &one, sizeof one);
}

void FakeBroker::Impl::run() {
    // A write to a closed socket must end in EPIPE, also inside OpenSSL.
    sigset_t pipe;
    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe, nullptr);
    for (;;) {
        epoll_event events[16];
        const int count = ::epoll_wait(epoll, events, 16, -1);
        const std::lock_guard lock(mutex);
        if (stopping) return;
        std::map<int, uint32_t> ready;
        for (int i = 0; i < count; i++) ready[events[i].data.fd] = events[i].events;
        if (ready.contains(event)) {
            uint64_t ignored = 0;
            [[maybe_unused]] const ssize_t got = ::read(event, &ignored, sizeof ignored);
        }
        for (auto& [number, connection] : live) {
            const auto found = ready.find(connection->socket.fd());
            serve(number, *connection, found == ready.end() ? 0 : found->second);
        }
        forget_closed();
        if (ready.contains(listener)) accept_one();
        for (auto& [number, connection] : live) update_interest(*connection);
        changed.notify_all();
    }
}

void FakeBroker::Impl::accept_one() {
    const int fd = ::accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return;
    const int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    epoll_event interest{};
    interest.data.fd = fd;
    ::epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &interest);
    live.emplace(++accepted, std::make_unique<Connection>(fd, tls));
}

void FakeBroker::Impl::update_interest(Connection& connection) const {
    epoll_event interest{};
    if (reading) interest.events |= EPOLLIN;
    if (connection.socket.wants_to_write()) interest.events |= EPOLLOUT;
    interest.data.fd = connection.socket.fd();
    ::epoll_ctl(epoll, EPOLL_CTL_MOD, connection.socket.fd(), &interest);
}

void FakeBroker::Impl::serve(int number, Connection& connection, uint32_t events) {
    bool alive = !connection.closing;
    if (alive && reading) alive = connection.socket.read_all(connection.in);
    if ((events & (EPOLLERR | EPOLLHUP)) != 0) alive = false;
    bool bad = false;
    std::string_view rest = connection.in;
    while (auto packet = take_packet(rest, connection.version, bad)) {
        packet->connection = number;
        packet->time_ns = now_ns();
        const bool go_on = answer(connection, *packet);
        received.push_back(std::move(*packet));
        if (!go_on) {
            connection.socket.write_some();
            alive = false;
            break;
        }
    }
    connection.in.erase(0, connection.in.size() - rest.size());
    if (bad) malformed++, alive = false;
    if (alive) alive = connection.socket.write_some();
    if (!alive) connection.closing = true;
}

void FakeBroker::Impl::forget_closed() {
    std::erase_if(live, [](const auto& entry) { return entry.second->closing; });
}

bool FakeBroker::Impl::answer_connect(Connection& connection, const ConnectInfo& info) {
    connects++;
    connection.client_id = info.client_id;
    connection.socket.queue(make_connack(info.version, session_present, refuse_code));
    if (refuse_code != 0) return false;
    for (auto& [number, other] : live)
        if (other.get() != &connection && other->accepted && other->client_id == info.client_id) other->closing = true;
    return connection.accepted = true;
}

// False: the connection ends.
bool FakeBroker::Impl::answer(Connection& connection, const Received& packet) {
    const auto acknowledge = [&](PacketType type, std::string_view codes = {}) {
        connection.socket.queue(make_ack(type, connection.version, packet.packet_id, codes));
    };
    std::string codes;
    switch (packet.type) {
        case PacketType::connect:
            return answer_connect(connection, packet.connect);
        case PacketType::subscribe:
            for (const auto& entry : packet.filters)
                codes.push_back(static_cast<char>(suback_code < 0 ? entry.qos : suback_code));
            connection.subscribed = true;
            acknowledge(PacketType::suback, codes);
            return true;
        case PacketType::unsubscribe:
            if (connection.version >= 5) codes.assign(packet.filters.size(), '\0');
            acknowledge(PacketType::unsuback, codes);
            return true;
        case PacketType::publish:
            if (packet.qos == 1 && acking) acknowledge(PacketType::puback);
            return true;
        case PacketType::pingreq:
            if (answering_pings) acknowledge(PacketType::pingresp);
            return true;
        default:
            return packet.type != PacketType::disconnect;
    }
}

int FakeBroker::Impl::current() const {
    int best = 0;
    bool best_subscribed = false;
    for (const auto& [number, connection] : live) {
        if (!connection->accepted || connection->closing || connection->subscribed < best_subscribed) continue;
        best = number;
        best_subscribed = connection->subscribed;
    }
    return best;
}

FakeBroker::FakeBroker(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
FakeBroker::~FakeBroker() = default;

base::Result<std::unique_ptr<FakeBroker>> FakeBroker::start(const Options& options) {
    auto impl = std::make_unique<Impl>();
    if (auto opened = impl->open(options); !opened) return opened.error();
    return std::unique_ptr<FakeBroker>(new FakeBroker(std::move(impl)));
}

uint16_t FakeBroker::port() const { return impl_->port; }
std::string FakeBroker::url() const {
    return base::format("{}://127.0.0.1:{}", impl_->tls != nullptr ? "mqtts" : "mqtt", impl_->port);
}
int64_t FakeBroker::now_ns() {
    timespec time{};
    clock_gettime(CLOCK_MONOTONIC, &time);
    return int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

void FakeBroker::set_session_present(bool yes) {
    const std::lock_guard lock(impl_->mutex);
    impl_->session_present = yes;
}
void FakeBroker::refuse_connections(uint8_t code) {
    const std::lock_guard lock(impl_->mutex);
    impl_->refuse_code = code;
}
void FakeBroker::set_suback_code(int code) {
    const std::lock_guard lock(impl_->mutex);
    impl_->suback_code = code;
}
void FakeBroker::set_answering_pings(bool yes) {
    const std::lock_guard lock(impl_->mutex);
    impl_->answering_pings = yes;
}
void FakeBroker::set_acking_publishes(bool yes) {
    const std::lock_guard lock(impl_->mutex);
    impl_->acking = yes;
}
void FakeBroker::set_reading(bool yes) {
    const std::lock_guard lock(impl_->mutex);
    impl_->reading = yes;
    impl_->wake();
}

bool FakeBroker::publish(const Publish& publish) {
    const uint8_t version = current_version();
    return version != 0 && send_raw(make_publish(version, publish));
}

bool FakeBroker::send_raw(std::string bytes) {
    const std::lock_guard lock(impl_->mutex);
    const auto found = impl_->live.find(impl_->current());
    if (found == impl_->live.end()) return false;
    if (!bytes.empty()) found->second->socket.queue(std::move(bytes));
    impl_->wake();
    return true;
}

bool FakeBroker::send_pieces(const std::vector<std::string>& pieces, Timeout pause) {
    for (size_t i = 0; i < pieces.size(); i++) {
        if (i > 0) std::this_thread::sleep_for(pause);
        if (!send_raw(pieces[i])) return false;
    }
    return true;
}

bool FakeBroker::wait_until_sent(Timeout timeout) {
    return impl_->wait(timeout, [this] {
        for (const auto& [number, connection] : impl_->live)
            if (connection->socket.has_output()) return false;
        return true;
    });
}

bool FakeBroker::drop(Drop how) {
    const std::lock_guard lock(impl_->mutex);
    const auto found = impl_->live.find(impl_->current());
    if (found == impl_->live.end()) return false;
    found->second->socket.close(how == Drop::hard);  // epoll forgets a closed descriptor by itself
    impl_->live.erase(found);
    impl_->changed.notify_all();
    return true;
}

int FakeBroker::connections() const {
    const std::lock_guard lock(impl_->mutex);
    return impl_->connects;
}
int FakeBroker::current() const {
    const std::lock_guard lock(impl_->mutex);
    return impl_->current();
}
uint8_t FakeBroker::current_version() const {
    const std::lock_guard lock(impl_->mutex);
    const auto found = impl_->live.find(impl_->current());
    return found == impl_->live.end() ? uint8_t{0} : found->second->version;
}
int FakeBroker::malformed() const {
    const std::lock_guard lock(impl_->mutex);
    return impl_->malformed;
}
std::vector<Received> FakeBroker::received() const {
    const std::lock_guard lock(impl_->mutex);
    return impl_->received;
}
std::vector<Received> FakeBroker::received(PacketType type) const {
    auto packets = received();
    std::erase_if(packets, [type](const Received& packet) { return packet.type != type; });
    return packets;
}
std::vector<FakeBroker::Ack> FakeBroker::pubacks() const {
    std::vector<Ack> acks;
    for (const auto& packet : received(PacketType::puback))
        acks.push_back({packet.packet_id, packet.time_ns, packet.connection, packet.reason});
    return acks;
}
std::vector<FakeBroker::Ack> FakeBroker::pubacks(int connection) const {
    auto acks = pubacks();
    std::erase_if(acks, [connection](const Ack& ack) { return ack.connection != connection; });
    return acks;
}

bool FakeBroker::wait_for(const std::function<bool(const std::vector<Received>&)>& condition, Timeout timeout) const {
    return impl_->wait(timeout, [&] { return condition(impl_->received); });
}
bool FakeBroker::wait_for_connections(int count, Timeout timeout) const {
    return impl_->wait(timeout, [&] { return impl_->connects >= count; });
}
bool FakeBroker::wait_for_closed(int connection, Timeout timeout) const {
    return impl_->wait(timeout, [&] { return !impl_->live.contains(connection); });
}

namespace {
auto at_least(size_t count, PacketType type) {
    return [count, type](const std::vector<Received>& packets) {
        size_t seen = 0;
        for (const auto& packet : packets) seen += packet.type == type;
        return seen >= count;
    };
}
}  // namespace
bool FakeBroker::wait_for_subscriptions(size_t count, Timeout timeout) const {
    return wait_for(at_least(count, PacketType::subscribe), timeout);
}
bool FakeBroker::wait_for_pubacks(size_t count, Timeout timeout) const {
    return wait_for(at_least(count, PacketType::puback), timeout);
}

}  // namespace tributary::sim
