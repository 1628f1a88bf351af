// SPDX-License-Identifier: Apache-2.0
#include "sim/fake_broker_socket.hpp"

#include <openssl/err.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

namespace tributary::sim {

BrokerSocket::BrokerSocket(int fd, SSL_CTX* tls) : fd_(fd) {
    if (tls == nullptr) return;
    ssl_ = SSL_new(tls);
    SSL_set_fd(ssl_, fd);
    SSL_set_accept_state(ssl_);  // the handshake happens inside the first reads
    SSL_set_mode(ssl_, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
}

BrokerSocket::~BrokerSocket() { close(false); }

void BrokerSocket::close(bool hard) {
    if (fd_ < 0) return;
    if (ssl_ != nullptr) {
        if (!hard && SSL_is_init_finished(ssl_)) SSL_shutdown(ssl_);
        SSL_free(ssl_);
        ssl_ = nullptr;
        ERR_clear_error();
    }
    if (hard) {
        const linger reset{1, 0};
        setsockopt(fd_, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    } else {
        ::shutdown(fd_, SHUT_WR);
    }
    ::close(fd_);
    fd_ = -1;
    out_.clear();
}

BrokerSocket::Step BrokerSocket::tls_step(int result) {
    if (result > 0) return Step::done;
    const int why = SSL_get_error(ssl_, result);
    ERR_clear_error();
    if (why == SSL_ERROR_WANT_WRITE) tls_wants_write_ = true;
    return why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE ? Step::later : Step::broken;
}

bool BrokerSocket::read_all(std::string& into) {
    char buffer[16384];
    for (;;) {
        if (ssl_ != nullptr) {
            tls_wants_write_ = false;
            const int count = SSL_read(ssl_, buffer, sizeof buffer);
            const Step step = tls_step(count);
            if (step != Step::done) return step == Step::later;
            into.append(buffer, static_cast<size_t>(count));
            continue;
        }
        const ssize_t count = ::read(fd_, buffer, sizeof buffer);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return errno == EAGAIN;
        if (count == 0) return false;
        into.append(buffer, static_cast<size_t>(count));
    }
}

bool BrokerSocket::write_some() {
    while (!out_.empty()) {
        std::string& piece = out_.front();
        ssize_t count = 0;
        if (ssl_ != nullptr) {
            count = SSL_write(ssl_, piece.data(), static_cast<int>(piece.size()));
            const Step step = tls_step(static_cast<int>(count));
            if (step != Step::done) return step == Step::later;
        } else {
            count = ::write(fd_, piece.data(), piece.size());
            if (count < 0 && errno == EINTR) continue;
            if (count < 0) return errno == EAGAIN;
        }
        piece.erase(0, static_cast<size_t>(count));
        if (piece.empty()) out_.pop_front();
    }
    return true;
}

SSL_CTX* make_server_context(const std::string& cert, const std::string& key, const std::string& client_ca) {
    SSL_CTX* context = SSL_CTX_new(TLS_server_method());
    if (context == nullptr) return nullptr;
    bool good = SSL_CTX_use_certificate_chain_file(context, cert.c_str()) == 1 &&
                SSL_CTX_use_PrivateKey_file(context, key.c_str(), SSL_FILETYPE_PEM) == 1;
    if (good && !client_ca.empty()) {
        good = SSL_CTX_load_verify_locations(context, client_ca.c_str(), nullptr) == 1;
        SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
    }
    if (good) return context;
    ERR_clear_error();
    SSL_CTX_free(context);
    return nullptr;
}

}  // namespace tributary::sim
