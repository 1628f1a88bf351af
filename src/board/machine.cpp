// SPDX-License-Identifier: Apache-2.0
#include "board/machine.hpp"

#include <sys/statvfs.h>

#include <algorithm>
#include <bit>
#include <charconv>

#include "base/files.hpp"
#include "base/log.hpp"

namespace tributary::board {
namespace {

std::string content(const std::string& path) {
    auto text = base::read_file(path);
    if (!text) return {};
    // Texts of the device tree end with a zero byte, those of DMI with a line end.
    while (!text->empty() && (text->back() == '\0' || text->back() == '\n')) text->pop_back();
    return std::move(*text);
}

std::vector<std::string> split(const std::string& text) {
    std::vector<std::string> parts;
    for (size_t from = 0; from < text.size();) {
        const size_t end = std::min(text.find('\0', from), text.size());
        parts.push_back(text.substr(from, end - from));
        from = end + 1;
    }
    return parts;
}

// Firmware and kernel keep some for themselves, so a board of 512 MiB shows about 430.
int64_t installed_mib(const std::string& meminfo) {
    constexpr std::string_view kKey = "MemTotal:";
    const size_t at = meminfo.find(kKey);
    if (at == std::string::npos) return 0;
    const size_t digit = meminfo.find_first_not_of(' ', at + kKey.size());
    uint64_t kib = 0;
    if (digit != std::string::npos) std::from_chars(meminfo.data() + digit, meminfo.data() + meminfo.size(), kib);
    return kib == 0 ? 0 : static_cast<int64_t>(std::bit_ceil(kib / 1024));
}

}  // namespace

Machine Machine::look(const std::string& root) {
    Machine m;
    const std::string tree = root + "/proc/device-tree/", dmi = root + "/sys/class/dmi/id/";
    m.compatible = split(content(tree + "compatible"));
    m.model = content(tree + "model");
    m.vendor = content(dmi + "sys_vendor");
    m.product = content(dmi + "product_name");
    m.ram_mib = installed_mib(content(root + "/proc/meminfo"));
    struct statvfs disk {};
    // Without RAM to be seen this is an image that lies on another machine's disk.
    if (m.ram_mib > 0 && statvfs((root + "/var/lib").c_str(), &disk) == 0)
        m.disk_bytes = static_cast<int64_t>(disk.f_blocks) * static_cast<int64_t>(disk.f_frsize);
    return m;
}

std::string Machine::describe() const {
    std::string name = !model.empty() ? model : vendor.empty() ? product : vendor + " " + product;
    if (name.empty()) name = "a machine without device tree and DMI tables";
    return ram_mib == 0 ? name : base::format("{}, {} MiB of RAM", name, ram_mib);
}

Match recognise(std::span<const Profile> profiles, const Machine& machine) {
    for (const auto& entry : machine.compatible)
        for (const auto& profile : profiles)
            if (std::find(profile.compatible.begin(), profile.compatible.end(), entry) != profile.compatible.end())
                return {&profile, base::format("compatible \"{}\"", entry)};
    Match best;
    size_t length = 0;
    for (const auto& profile : profiles)
        for (const auto& beginning : profile.model)
            if (beginning.size() > length && machine.model.starts_with(beginning))
                best = {&profile, base::format("model \"{}\"", machine.model)}, length = beginning.size();
    if (best.profile != nullptr || !machine.model.empty() || machine.vendor.empty()) return best;
    for (const auto& profile : profiles)
        if (profile.dmi) return {&profile, base::format("DMI \"{} {}\"", machine.vendor, machine.product)};
    return {};
}

}  // namespace tributary::board
