// SPDX-License-Identifier: Apache-2.0
#include "base/files.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <filesystem>
#include <system_error>

namespace tributary::base {
namespace {

Error file_error(const char* doing, const std::string& path, int number) {
    return {"TRB-BASE-002", fmt::format("cannot {} {}: {}", doing, path, errno_text(number))};
}

}  // namespace

std::string errno_text(int number) { return std::generic_category().message(number); }

Result<std::string> read_file(const std::string& path) {
    const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) return file_error("read", path, errno);
    std::string content;
    std::array<char, 65536> part;
    ssize_t got = 0;
    while ((got = read(fd, part.data(), part.size())) > 0) content.append(part.data(), static_cast<size_t>(got));
    const int number = errno;
    close(fd);
    if (got < 0) return file_error("read", path, number);
    return content;
}

Result<std::string> read_secret(const std::string& path) {
    auto content = read_file(path);
    if (!content) return content.error();
    return content->substr(0, content->find_first_of("\r\n"));
}

Result<> write_file_atomically(const std::string& path, std::string_view content, unsigned mode) {
    const std::string temporary = path + ".new";
    const int fd = open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) return file_error("write", temporary, errno);
    if (fchmod(fd, mode) != 0) {
        const int number = errno;
        close(fd);
        return file_error("set the mode of", temporary, number);
    }
    size_t done = 0;
    while (done < content.size()) {
        const ssize_t wrote = write(fd, content.data() + done, content.size() - done);
        if (wrote < 0 && errno == EINTR) continue;
        if (wrote < 0) {
            const int number = errno;
            close(fd);
            return file_error("write", temporary, number);
        }
        done += static_cast<size_t>(wrote);
    }
    const int synced = fsync(fd);
    const int number = errno;
    close(fd);
    if (synced != 0) return file_error("write", temporary, number);
    if (rename(temporary.c_str(), path.c_str()) != 0) return file_error("replace", path, errno);
    const auto folder = std::filesystem::path(path).parent_path();
    if (const int dir = open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); dir >= 0) {
        fsync(dir);
        close(dir);
    }
    return {};
}

Result<> make_folders(const std::string& path) {
    std::error_code failed;
    if (!path.empty()) std::filesystem::create_directories(path, failed);
    if (failed) return file_error("create the folder", path, failed.value());
    return {};
}

}  // namespace tributary::base
