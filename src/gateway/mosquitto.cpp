// SPDX-License-Identifier: Apache-2.0
#include "gateway/mosquitto.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <filesystem>
#include <sstream>

#include "base/files.hpp"
#include "base/log.hpp"

namespace tributary::gateway {
namespace {

constexpr int64_t kCompiledIn = 1000;  // mosquitto.conf(5): max_queued_messages
constexpr int64_t kEnough = 10'000;

bool on_this_box(const std::string& url) {
    for (const char* host : {"://127.", "://localhost", "://[::1]"})
        if (url.find(host) != std::string::npos) return true;
    return false;
}

// The file and those of its include_dir, in mosquitto's order; a later word wins. 0 = as many as fit.
void read(const std::string& path, int64_t& messages, int depth) {
    const auto text = base::read_file(path);
    if (!text || depth > 4) return;
    std::istringstream lines(*text);
    for (std::string line; std::getline(lines, line);) {
        std::istringstream words(line);
        std::string key, value;
        words >> key >> value;
        if (key == "max_queued_messages") std::from_chars(value.data(), value.data() + value.size(), messages);
        if (key != "include_dir") continue;
        std::vector<std::string> files;
        std::error_code failed;
        for (std::filesystem::directory_iterator it(value, failed), end; !failed && it != end; it.increment(failed))
            if (it->path().extension() == ".conf") files.push_back(it->path().string());
        std::sort(files.begin(), files.end());
        for (const auto& file : files) read(file, messages, depth + 1);
    }
}

}  // namespace

std::optional<std::string> mosquitto_warning(const std::vector<std::string>& urls, const std::string& folder) {
    const std::string path = folder + "/mosquitto.conf";
    if (!std::any_of(urls.begin(), urls.end(), on_this_box) || !base::read_file(path)) return std::nullopt;
    int64_t messages = kCompiledIn;
    read(path, messages, 0);
    if (messages == 0 || messages >= kEnough) return std::nullopt;
    return base::format(
        "the mosquitto of this box keeps {} messages for a gateway that is away and throws away what comes then; "
        "install -m 644 /usr/share/tributary/examples/mosquitto.conf /etc/mosquitto/conf.d/tributary.conf",
        messages);
}

}  // namespace tributary::gateway
