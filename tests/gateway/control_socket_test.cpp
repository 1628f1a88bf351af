// SPDX-License-Identifier: Apache-2.0
#include "gateway/control_socket.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <fstream>

#include "base/files.hpp"
#include "gateway/gateway.hpp"
#include "gateway/support.hpp"

namespace tributary::gateway {
namespace {

// Serves until it goes away.
struct Server {
    Server(const ControlSocket& socket, std::function<std::string(std::string_view)> answer)
        : thread([this, &socket, answer = std::move(answer)] {
              while (!stop) {
                  pollfd one{socket.fd(), POLLIN, 0};
                  if (poll(&one, 1, 10) == 1) socket.serve(answer);
              }
          }) {}
    ~Server() {
        stop = true;
        thread.join();
    }
    std::atomic<bool> stop{false};
    std::thread thread;
};

int connected(const std::string& path) {
    const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    REQUIRE(connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    return fd;
}

}  // namespace

TEST_CASE("control socket: one line asked, one answer given; only owner and group may ask") {
    TempFolder folder;
    const std::string path = folder.path + "/new/folder/control.sock";
    auto socket = take(ControlSocket::listen(path));
    struct stat info {};
    REQUIRE(stat(path.c_str(), &info) == 0);
    CHECK((info.st_mode & 0777) == 0660);
    const std::string large(3 << 20, 'x');
    Server server(socket, [&](std::string_view line) { return line == "large" ? large : base::format("<{}>", line); });
    CHECK(take(request(path, "status json")) == "<status json>");
    CHECK(take(request(path, "")) == "<>");
    CHECK(take(request(path, std::string("\x00\xff garbage", 10))) == std::string("<\x00\xff garbage>", 12));
    CHECK(take(request(path, "two\nlines")) == "<two>");
    CHECK(take(request(path, "large")) == large);
}

TEST_CASE("control socket: a peer that says nothing, never ends or goes away does not stop the next one") {
    TempFolder folder;
    const std::string path = folder.path + "/control.sock";
    auto socket = take(ControlSocket::listen(path));
    std::atomic<int> asked{0};
    Server server(socket, [&](std::string_view line) {
        asked++;
        return line == "large" ? std::string(3 << 20, 'x') : "fine";
    });
    close(connected(path));               // gone at once
    const int silent = connected(path);   // says nothing
    const int endless = connected(path);  // no line
    const std::string flood(200'000, 'x');
    (void)!send(endless, flood.data(), flood.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    const int unread = connected(path);  // asks and does not read
    (void)!write(unread, "large\n", 6);
    std::atomic<bool> stop{false};
    std::thread dripper([&] {
        const int drip = connected(path);
        while (!stop && send(drip, "x", 1, MSG_NOSIGNAL) == 1)
            std::this_thread::sleep_for(std::chrono::milliseconds(100));
        close(drip);
    });
    CHECK(take(request(path, "status")) == "fine");
    CHECK(asked == 2);  // `large` and `status`: half a line is not a question
    stop = true;
    dripper.join();
    for (const int fd : {silent, endless, unread}) close(fd);
}

TEST_CASE("control socket: a stale one is replaced, a live one and a file that is none are left alone") {
    TempFolder folder;
    const std::string path = folder.path + "/control.sock";
    {
        // As a process that was killed leaves it.
        const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        path.copy(address.sun_path, sizeof address.sun_path - 1);
        REQUIRE(bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
        close(fd);
    }
    {
        auto socket = take(ControlSocket::listen(path));
        auto other = ControlSocket::listen(path);
        REQUIRE(!other);
        CHECK(other.error().code == "TRB-GATEWAY-002");
        CHECK(other.error().message.find("another gateway") != std::string::npos);
        auto moved = std::move(socket);
        CHECK(std::filesystem::exists(path));
    }
    CHECK(!std::filesystem::exists(path));
    std::ofstream(path) << "precious";
    CHECK(!ControlSocket::listen(path));
    CHECK(take(base::read_file(path)) == "precious");
}

TEST_CASE("control socket: paths that cannot be, and nobody there") {
    TempFolder folder;
    const std::string too_long = folder.path + "/" + std::string(120, 'x');
    auto socket = ControlSocket::listen(too_long);
    REQUIRE(!socket);
    CHECK(socket.error().message.find("107 bytes") != std::string::npos);
    CHECK(!request(too_long, "status"));
    CHECK(!ControlSocket::listen(""));
    auto answer = request(folder.path + "/nobody.sock", "status");
    REQUIRE(!answer);
    CHECK(answer.error().message.find("no running gateway") != std::string::npos);
    std::ofstream(folder.path + "/file") << "x";
    CHECK(!ControlSocket::listen(folder.path + "/file/control.sock"));
}

}  // namespace tributary::gateway
