// SPDX-License-Identifier: Apache-2.0
// The control socket: a Unix socket, one line asked, one answer given. Served by control's thread; no other port is
// open.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace tributary::gateway {

class ControlSocket {
  public:
    // Makes the folder and the socket (mode 0660); a stale socket of a dead process is replaced, a live one is an
    // error.
    static base::Result<ControlSocket> listen(const std::string& path);
    ControlSocket(ControlSocket&& other) noexcept;
    ControlSocket(const ControlSocket&) = delete;
    ControlSocket& operator=(const ControlSocket&) = delete;
    ~ControlSocket();

    int fd() const { return fd_; }
    // Takes one connection and answers it; a peer has a second to ask and a second to read. No whole line, no answer.
    void serve(const std::function<std::string(std::string_view)>& answer) const;

  private:
    ControlSocket(int fd, std::string path) : fd_(fd), path_(std::move(path)) {}
    int fd_;
    std::string path_;
};

}  // namespace tributary::gateway
