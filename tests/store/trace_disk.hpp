// SPDX-License-Identifier: Apache-2.0
// The disk as a power cut would leave it, made from the trace of FaultVfs: what was synced is safe; of the rest
// nothing, everything or any part is there, the last write torn at a sector.
#pragma once

#include <fstream>
#include <random>

#include "fault_vfs.hpp"
#include "support.hpp"

namespace tributary::store {

inline constexpr size_t kSector = 512;

inline void write_at(std::string& file, size_t at, std::string_view data) {
    if (file.size() < at + data.size()) file.resize(at + data.size());
    file.replace(at, data.size(), data);
}

// The disk: what is safe, and what is only in the kernel's memory yet.
class TraceDisk {
  public:
    void take(const FaultVfs::Op& op) {
        auto& file = files_[name_of(op.path)];
        if (op.call == Call::sync) {
            if (!op.durable) return file.pending.clear();  // called clean, never written
            settle(file, file.pending.size());
            if (op.folder) settle_removes();
        } else if (op.call == Call::remove && op.durable) {
            file = {};
        } else {
            file.pending.push_back(op);
        }
    }
    void follow(const std::vector<FaultVfs::Op>& trace) {
        for (const auto& op : trace) take(op);
    }
    // Starts from what lies in a folder, all of it safe.
    void load(const std::string& folder) {
        for (const auto& entry : std::filesystem::directory_iterator(folder)) {
            const auto name = entry.path().filename().string();
            if (!name.ends_with(".lock")) files_[name] = {true, bytes_of(entry.path()), {}};
        }
    }
    enum class Rest { nothing, everything, some };
    // Writes what a start would find into the folder.
    void leave(const std::string& folder, Rest rest, std::mt19937_64& random) const {
        for (const auto& [name, file] : files_) {
            std::string bytes = file.safe;
            bool there = file.there;
            for (size_t i = 0; i < file.pending.size() && rest != Rest::nothing; i++) {
                const auto& op = file.pending[i];
                const bool torn = i + 1 == file.pending.size();
                if (rest == Rest::some && random() % 2 == 0 && !torn) continue;
                apply(op, bytes, there, torn && rest == Rest::some ? &random : nullptr);
            }
            if (there) std::ofstream(folder + "/" + name, std::ios::binary) << bytes;
        }
    }

  private:
    struct File {
        bool there = false;
        std::string safe;
        std::vector<FaultVfs::Op> pending;
    };
    static std::string name_of(const std::string& path) { return path.substr(path.rfind('/') + 1); }
    static void apply(const FaultVfs::Op& op, std::string& bytes, bool& there, std::mt19937_64* tear) {
        if (op.call == Call::remove) return bytes.clear(), void(there = false);
        there = true;
        if (op.call == Call::truncate) return bytes.resize(static_cast<size_t>(op.at));
        const auto at = static_cast<size_t>(op.at);
        if (tear == nullptr) return write_at(bytes, at, op.data);
        // Sectors arrive in any order, each whole.
        for (size_t sector = 0; sector < op.data.size(); sector += kSector)
            if ((*tear)() % 2 == 0) write_at(bytes, at + sector, std::string_view(op.data).substr(sector, kSector));
    }
    static void settle(File& file, size_t count) {
        for (size_t i = 0; i < count; i++) apply(file.pending[i], file.safe, file.there, nullptr);
        file.pending.erase(file.pending.begin(), file.pending.begin() + static_cast<std::ptrdiff_t>(count));
    }
    // The folder was synced: what was removed from it stays removed.
    void settle_removes() {
        for (auto& [name, file] : files_)
            for (size_t i = file.pending.size(); i > 0; i--)
                if (file.pending[i - 1].call == Call::remove) {
                    settle(file, i);
                    break;
                }
    }
    std::map<std::string, File> files_;
};

}  // namespace tributary::store
