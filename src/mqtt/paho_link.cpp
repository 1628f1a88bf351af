// SPDX-License-Identifier: Apache-2.0
#include "mqtt/paho_link.hpp"

#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <mutex>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/result.hpp"

// The linker's --wrap gives these names.
// NOLINTBEGIN(bugprone-reserved-identifier)

// What Paho C 1.3.12 .. 1.3.16 have inside libpaho-mqtt3as.a. Of networkHandles only the first member is looked at.
extern "C" {
struct PahoNet {
    int socket;
};
extern pthread_mutex_t* mqttasync_mutex;
int Socket_noPendingWrites(int socket);
int __real_MQTTPacket_send_puback(int version, int message_id, PahoNet* net, const char* client_id);
}

namespace tributary::mqtt {
namespace {

constexpr size_t kLinks = 8;
std::mutex links_mutex;  // taken to register only; the wraps read the slots
std::array<std::atomic<Link*>, kLinks> links{};

template <class Find>
auto find_link(Find find) -> decltype(find(static_cast<Link*>(nullptr))) {
    for (auto& slot : links)
        if (Link* link = slot.load(std::memory_order_acquire))
            if (auto found = find(link)) return found;
    return {};
}

}  // namespace

// What was read from one socket ahead of Paho's asking.
struct Link::ReadBuffer {
    static constexpr size_t kSize = 64 * 1024;
    static constexpr int kLowWater = 16 * 1024;  // bytes worth waking up for

    int fd = -1;
    size_t head = 0, tail = 0;
    int64_t gather_ns = 0;
    bool keep_bytes = false;  // plain TCP: reads go through `data`
    std::unique_ptr<char[]> data;

    bool holds(int socket) const { return fd == socket && head < tail; }
};

Link::Link(std::string client_id, bool buffered, int64_t gather_ns)
    : client_id_(std::move(client_id)), buffered_(buffered), buffer_(std::make_unique<ReadBuffer>()) {
    buffer_->gather_ns = gather_ns;
    buffer_->keep_bytes = buffered_;
    if (buffered_) buffer_->data = std::make_unique<char[]>(ReadBuffer::kSize);
    const std::lock_guard lock(links_mutex);
    for (auto& slot : links)
        if (slot.load() == nullptr) {
            slot.store(this, std::memory_order_release);
            return;
        }
    TRB_ASSERT(!"more intake connections than Paho links");
}

// The client was destroyed before, so that Paho's thread does not come here any more.
Link::~Link() {
    const std::lock_guard lock(links_mutex);
    for (auto& slot : links)
        if (slot.load() == this) slot.store(nullptr);
}

bool Link::holds_back(const char* client_id, void* net) {
    if (client_id_ != client_id) return false;
    net_.store(net, std::memory_order_relaxed);
    held_back_.fetch_add(1, std::memory_order_relaxed);
    return true;
}

Link::ReadBuffer* Link::buffer_for(const void* net) {
    if (net != net_.load(std::memory_order_relaxed)) return nullptr;
    if (reset_.exchange(false)) buffer_->head = buffer_->tail = 0, buffer_->fd = -1;
    buffer_->fd = static_cast<const PahoNet*>(net)->socket;
    return buffer_.get();
}

Link::ReadBuffer* Link::buffer_for_socket(int socket) {
    if (reset_.load(std::memory_order_relaxed) || buffer_->fd != socket) return nullptr;
    return buffer_.get();
}

Link::Sent Link::send_pubacks(std::span<const uint16_t> ids, int mqtt_version) {
    auto* net = static_cast<PahoNet*>(net_.load(std::memory_order_relaxed));
    Sent sent;
    if (net == nullptr || net->socket <= 0) return sent;
#ifdef TRIBUTARY_PAHO_FAST_PATH
    if (buffered_) {
        // All of a block in one write. A PUBACK without reason code has the same four bytes in 3.1.1 and 5.
        if (Socket_noPendingWrites(net->socket) == 0) return sent;
        std::array<unsigned char, 4096> bytes;
        while (sent.count < ids.size()) {
            const size_t count = std::min(ids.size() - sent.count, bytes.size() / 4);
            for (size_t i = 0; i < count; i++) {
                const uint16_t id = ids[sent.count + i];
                bytes[4 * i] = 0x40, bytes[4 * i + 1] = 2;
                bytes[4 * i + 2] = static_cast<unsigned char>(id >> 8),
                              bytes[4 * i + 3] = static_cast<unsigned char>(id);
            }
            size_t done = 0;
            while (done < 4 * count) {
                const ssize_t wrote =
                    ::send(net->socket, bytes.data() + done, 4 * count - done, MSG_NOSIGNAL | MSG_DONTWAIT);
                if (wrote > 0) {
                    done += static_cast<size_t>(wrote);
                    continue;
                }
                if (wrote < 0 && errno == EINTR) continue;
                if (wrote < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
                    if (done % 4 == 0) break;
                    // A packet cut in the middle must be finished before Paho writes anything of its own: the rest is
                    // at most three bytes, so wait for room, but not for ever.
                    timespec wait{0, 100 * base::kNsPerMs};
                    pollfd room{net->socket, POLLOUT, 0};
                    if (ppoll(&room, 1, &wait, nullptr) > 0) continue;
                }
                sent.broken = true;
                break;
            }
            sent.count += done / 4;
            if (done < 4 * count) break;
        }
        return sent;
    }
#endif
    for (const uint16_t id : ids) {
        if (Socket_noPendingWrites(net->socket) == 0) break;
        const int result = __real_MQTTPacket_send_puback(mqtt_version, id, net, client_id_.c_str());
        // TCPSOCKET_INTERRUPTED (-22): Paho keeps the packet and finishes it by itself.
        if (result != 0 && result != -22) {
            sent.broken = true;
            break;
        }
        sent.count++;
    }
    return sent;
}

void Link::drop_connection() {
    const auto* net = static_cast<PahoNet*>(net_.load());
    if (net != nullptr && net->socket > 0) shutdown(net->socket, SHUT_RDWR);
}

PahoLock::PahoLock(int64_t timeout_ns) {
    if (timeout_ns <= 0) {
        owned_ = pthread_mutex_trylock(mqttasync_mutex) == 0;
        return;
    }
    timespec until{};
    clock_gettime(CLOCK_REALTIME, &until);
    const int64_t ns = until.tv_nsec + timeout_ns;
    until.tv_sec += static_cast<time_t>(ns / base::kNsPerSecond);
    until.tv_nsec = static_cast<long>(ns % base::kNsPerSecond);
    owned_ = pthread_mutex_timedlock(mqttasync_mutex, &until) == 0;
}

PahoLock::~PahoLock() {
    if (owned_) pthread_mutex_unlock(mqttasync_mutex);
}

}  // namespace tributary::mqtt

using tributary::mqtt::find_link;
using tributary::mqtt::Link;

extern "C" {

int __wrap_MQTTPacket_send_puback(int version, int message_id, PahoNet* net, const char* client_id);
int __wrap_MQTTPacket_send_puback(int version, int message_id, PahoNet* net, const char* client_id) {
    if (find_link([&](Link* link) { return link->holds_back(client_id, net); })) return 0;  // "sent"
    return __real_MQTTPacket_send_puback(version, message_id, net, client_id);
}

#ifdef TRIBUTARY_PAHO_FAST_PATH

// Which of our connections Paho is reading a packet from, on this thread.
static thread_local Link::ReadBuffer* reading = nullptr;

void* __real_MQTTPacket_Factory(int version, PahoNet* net, int* error);
void* __wrap_MQTTPacket_Factory(int version, PahoNet* net, int* error);
void* __wrap_MQTTPacket_Factory(int version, PahoNet* net, int* error) {
    reading = find_link([&](Link* link) { return link->buffer_for(net); });
    void* packet = __real_MQTTPacket_Factory(version, net, error);
    reading = nullptr;
    return packet;
}

ssize_t __real_recv(int socket, void* into, size_t size, int flags);
ssize_t __wrap_recv(int socket, void* into, size_t size, int flags);
ssize_t __wrap_recv(int socket, void* into, size_t size, int flags) {
    auto* buffer = reading;
    if (buffer == nullptr || !buffer->keep_bytes || buffer->fd != socket) return __real_recv(socket, into, size, flags);
    if (buffer->head == buffer->tail) {
        if (size >= Link::ReadBuffer::kSize) return __real_recv(socket, into, size, flags);
        const ssize_t got = __real_recv(socket, buffer->data.get(), Link::ReadBuffer::kSize, flags);
        if (got <= 0) return got;
        buffer->head = 0;
        buffer->tail = static_cast<size_t>(got);
    }
    const size_t part = std::min(size, buffer->tail - buffer->head);
    memcpy(into, buffer->data.get() + buffer->head, part);
    buffer->head += part;
    return static_cast<ssize_t>(part);
}

int __real_poll(pollfd* fds, nfds_t count, int timeout);
int __wrap_poll(pollfd* fds, nfds_t count, int timeout);
int __wrap_poll(pollfd* fds, nfds_t count, int timeout) {
    for (nfds_t i = 0; i < count; i++) {
        auto* buffer = find_link([&](Link* link) { return link->buffer_for_socket(fds[i].fd); });
        if (buffer == nullptr) continue;
        if (buffer->holds(fds[i].fd)) {
            // Paho polls twice a packet; while we hold bytes neither needs the kernel.
            for (nfds_t k = 0; k < count; k++) fds[k].revents = 0;
            fds[i].revents = static_cast<short>(fds[i].events & (POLLIN | POLLOUT));
            return 1;
        }
        if (timeout == 0 || (fds[i].events & POLLIN) == 0 || buffer->gather_ns == 0) break;
        const int ready = __real_poll(fds, count, timeout);
        if (ready != 1 || fds[i].revents != POLLIN) return ready;
        // The first byte is here. Let the kernel wake us when there is a good read's worth or the gather time is over:
        // one wake-up for many messages. No lock of Paho's is held in this poll.
        int low_water = Link::ReadBuffer::kLowWater;
        setsockopt(fds[i].fd, SOL_SOCKET, SO_RCVLOWAT, &low_water, sizeof low_water);
        pollfd more{fds[i].fd, POLLIN, 0};
        __real_poll(&more, 1, static_cast<int>(buffer->gather_ns / tributary::base::kNsPerMs));
        low_water = 1;
        setsockopt(fds[i].fd, SOL_SOCKET, SO_RCVLOWAT, &low_water, sizeof low_water);
        return ready;
    }
    return __real_poll(fds, count, timeout);
}

// Call tracing and heap tracking are most of stock Paho's own time (80 % of it, measured); nobody reads either here.
void __wrap_StackTrace_entry(const char*, int, int);
void __wrap_StackTrace_entry(const char*, int, int) {}
void __wrap_StackTrace_exit(const char*, int, void*, int);
void __wrap_StackTrace_exit(const char*, int, void*, int) {}
void* __wrap_mymalloc(char*, int, size_t size);
void* __wrap_mymalloc(char*, int, size_t size) { return malloc(size); }
void __wrap_myfree(char*, int, void* p);
void __wrap_myfree(char*, int, void* p) { free(p); }
void* __wrap_myrealloc(char*, int, void* p, size_t size);
void* __wrap_myrealloc(char*, int, void* p, size_t size) { return realloc(p, size); }

// Errors of the library go to our log; its trace levels go nowhere.
void __wrap_Log(int level, int number, const char* format, ...);
void __wrap_Log(int level, int, const char* format, ...) {
    constexpr int kLogError = 5;
    if (level < kLogError || format == nullptr) return;
    std::array<char, 256> text;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text.data(), text.size(), format, arguments);  // NOLINT(clang-analyzer-valist.Uninitialized)
    va_end(arguments);
    tributary::base::log::debug("paho: {}", text.data());
}

#endif  // TRIBUTARY_PAHO_FAST_PATH
}

// NOLINTEND(bugprone-reserved-identifier)
