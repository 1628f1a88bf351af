// SPDX-License-Identifier: Apache-2.0
#include "gateway/control_socket.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "base/clock.hpp"
#include "base/files.hpp"
#include "base/log.hpp"
#include "gateway/gateway.hpp"

namespace tributary::gateway {
namespace {

constexpr int64_t kPatience = base::kNsPerSecond;

base::Error socket_error(const std::string& path, const std::string& why) {
    return {"TRB-GATEWAY-002", base::format("control socket {}: {}", path, why)};
}

base::Result<sockaddr_un> address_of(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.empty()) return socket_error("\"\"", "the path is empty");  // would be a name outside of the file system
    if (path.size() >= sizeof address.sun_path)
        return socket_error(path, "the path is longer than 107 bytes; choose a shorter one with --socket");
    memcpy(address.sun_path, path.c_str(), path.size() + 1);
    return address;
}

int connect_to(const sockaddr_un& address) {
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return -1;
    const timeval patience{5, 0};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    if (connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return fd;
    const int number = errno;
    close(fd);
    errno = number;
    return -1;
}

// Waits until the peer is ready, no longer than the rest of its time: one that drips must not hold control up.
bool ready(int fd, short what, int64_t deadline_ns) {
    const int64_t left_ms = (deadline_ns - base::SystemClock().boot_ns()) / base::kNsPerMs;
    pollfd one{fd, what, 0};
    return left_ms > 0 && poll(&one, 1, static_cast<int>(left_ms)) == 1;
}

bool write_all(int fd, std::string_view text, int64_t deadline_ns) {
    while (!text.empty()) {
        if (!ready(fd, POLLOUT, deadline_ns)) return false;
        const ssize_t wrote = send(fd, text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
        if (wrote <= 0) return false;
        text.remove_prefix(static_cast<size_t>(wrote));
    }
    return true;
}

}  // namespace

std::string default_socket() {
    const char* runtime = std::getenv("RUNTIME_DIRECTORY");  // NOLINT(concurrency-mt-unsafe)
    return std::string(runtime != nullptr ? runtime : "/run/tributary") + "/control.sock";
}

base::Result<ControlSocket> ControlSocket::listen(const std::string& path) {
    auto address = address_of(path);
    if (!address) return address.error();
    if (auto made = base::make_folders(std::filesystem::path(path).parent_path()); !made)
        return socket_error(path, made.error().message);
    if (const int other = connect_to(*address); other >= 0) {
        close(other);
        return socket_error(
            path, "another gateway answers there; give this one its own with --socket or gateway.control_socket");
    }
    // Only a socket nobody listens on is stale; anything else there is not ours to delete.
    if (const int number = errno; number != ECONNREFUSED && number != ENOENT)
        return socket_error(path, base::errno_text(number));
    struct stat there {};
    if (lstat(path.c_str(), &there) == 0 && !S_ISSOCK(there.st_mode))
        return socket_error(path, "there is a file that is no socket; choose another path with --socket");
    unlink(path.c_str());
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return socket_error(path, base::errno_text(errno));
    const mode_t before = umask(0117);
    const bool bound =
        bind(fd, reinterpret_cast<const sockaddr*>(&*address), sizeof *address) == 0 && ::listen(fd, 8) == 0;
    const int number = errno;
    umask(before);
    if (bound) return ControlSocket(fd, path);
    close(fd);
    return socket_error(path, base::errno_text(number));
}

ControlSocket::ControlSocket(ControlSocket&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), path_(std::move(other.path_)) {}

ControlSocket::~ControlSocket() {
    if (fd_ < 0) return;
    close(fd_);
    unlink(path_.c_str());
}

void ControlSocket::serve(const std::function<std::string(std::string_view)>& answer) const {
    const int peer = accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC);
    if (peer < 0) return;
    const int64_t deadline_ns = base::SystemClock().boot_ns() + kPatience;
    std::string line;
    std::array<char, 1024> part;
    while (line.find('\n') == std::string::npos && line.size() < 64 * 1024) {
        const ssize_t got = ready(peer, POLLIN, deadline_ns) ? read(peer, part.data(), part.size()) : -1;
        if (got <= 0) break;
        line.append(part.data(), static_cast<size_t>(got));
    }
    if (const size_t end = line.find('\n'); end != std::string::npos) {
        line.resize(end);
        write_all(peer, answer(line), base::SystemClock().boot_ns() + kPatience);
    }
    close(peer);
}

base::Result<std::string> request(const std::string& socket, const std::string& line) {
    auto address = address_of(socket);
    if (!address) return address.error();
    const int fd = connect_to(*address);
    if (fd < 0)
        return socket_error(
            socket,
            base::format(
                "no running gateway answers ({}); is the service running, and is this its socket? (--socket FILE)",
                base::errno_text(errno)));
    std::string answer;
    std::array<char, 65536> part;
    ssize_t got = -1;
    if (write_all(fd, line + "\n", base::SystemClock().boot_ns() + 5 * base::kNsPerSecond))
        while ((got = read(fd, part.data(), part.size())) > 0) answer.append(part.data(), static_cast<size_t>(got));
    const int number = errno;
    close(fd);
    if (got < 0) return socket_error(socket, base::format("the gateway did not answer: {}", base::errno_text(number)));
    return answer;
}

}  // namespace tributary::gateway
