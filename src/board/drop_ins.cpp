// SPDX-License-Identifier: Apache-2.0
#include "board/drop_ins.hpp"

#include <algorithm>
#include <filesystem>

#include "base/files.hpp"
#include "base/log.hpp"
#include "base/units.hpp"

namespace tributary::board {
namespace {

constexpr std::string_view kMark = "# Written by `tributary profile apply`";
constexpr int64_t kSmallestStore = 16 << 20;  // what the configuration takes

std::string head(const Profile& profile, const Budget& budget) {
    return base::format("{}: {}, from {} MiB of RAM on.\n", kMark, profile.name, budget.ram_mib);
}

int64_t bytes_of(const std::string& size) {
    const auto bytes = base::parse_size_bytes(size);
    return bytes ? *bytes : 0;
}

// The profile's size, but never more than half of the file system.
std::string store_size(const Budget& budget, const Machine& machine) {
    const int64_t half = machine.disk_bytes / 2 >> 20 << 20;
    if (machine.disk_bytes == 0 || bytes_of(budget.store_max_size) <= half) return budget.store_max_size;
    return base::format("{}MiB", std::max(half, kSmallestStore) >> 20);
}

std::string toml(const Profile& profile, const Budget& budget, const Machine& machine) {
    std::string out = head(profile, budget);
    out +=
        "# It wins over tributary.toml. To have another value, set it in a later file, such as "
        "conf.d/50-local.toml.\n\n";
    out += base::format("[mqtt]\nmax_queue = \"{}\"\n\n", budget.max_queue);
    out += base::format("[kafka.properties]\n\"queue.buffering.max.kbytes\" = \"{}\"\n\n",
                        bytes_of(budget.kafka_queue) / 1024);
    out += base::format("[store]\nmax_size = \"{}\"\ngather = \"{}\"\n", store_size(budget, machine), budget.gather);
    out += base::format("# At this gather the commits alone write up to {} a day.\n", budget.written_per_day);
    out += budget.endurance.empty()
               ? "# endurance = \"...\" in 50-local.toml, from the data sheet: status says how long it lasts.\n"
               : base::format("endurance = \"{}\"\n", budget.endurance);
    return out;
}

std::string unit(const Profile& profile, const Budget& budget) {
    return head(profile, budget) + base::format("[Service]\nMemoryHigh={}\nMemoryMax={}\nCPUQuota={}\n",
                                                bytes_of(budget.memory_high), bytes_of(budget.memory_max),
                                                budget.cpu_quota);
}

DropIn drop_in(std::string path, std::string content) {
    DropIn file{std::move(path), std::move(content), DropIn::State::fresh};
    std::error_code unknown;
    if (!std::filesystem::exists(std::filesystem::symlink_status(file.path, unknown))) return file;
    const auto old = base::read_file(file.path);
    file.state = !old || !old->starts_with(kMark) ? DropIn::State::foreign
                 : *old == file.content           ? DropIn::State::same
                                                  : DropIn::State::changed;
    return file;
}

}  // namespace

std::vector<DropIn> drop_ins(const Profile& profile, const Machine& machine, const std::string& root) {
    const auto& budget = profile.budget(machine.ram_mib);
    return {drop_in(root + "/etc/tributary/conf.d/10-board.toml", toml(profile, budget, machine)),
            drop_in(root + "/etc/systemd/system/tributary.service.d/10-board.conf", unit(profile, budget))};
}

base::Result<> write(const std::vector<DropIn>& files) {
    for (const auto& file : files)
        if (file.state == DropIn::State::foreign)
            return base::Error{"TRB-BOARD-003",
                               base::format("{} was not written by `profile apply` and stays as it is", file.path)};
    for (const auto& file : files) {
        if (file.state == DropIn::State::same) continue;
        if (auto made = base::make_folders(std::filesystem::path(file.path).parent_path().string()); !made) return made;
        // The gateway's user has to read it; there is no secret in it.
        if (auto written = base::write_file_atomically(file.path, file.content, 0644); !written) return written;
    }
    return {};
}

}  // namespace tributary::board
