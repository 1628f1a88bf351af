// SPDX-License-Identifier: Apache-2.0
#include <sys/stat.h>

#include <doctest/doctest.h>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "base/files.hpp"
#include "board/drop_ins.hpp"

namespace fs = std::filesystem;
using namespace tributary::board;

namespace {

struct Root {
    Root() {
        std::string pattern = (fs::temp_directory_path() / "tributary-board-XXXXXX").string();
        REQUIRE(mkdtemp(pattern.data()) != nullptr);
        path = pattern;
    }
    ~Root() { fs::remove_all(path); }
    void put(const std::string& name, const std::string& text) const {
        fs::create_directories(fs::path(path + name).parent_path());
        std::ofstream(path + name, std::ios::binary) << text;
    }
    std::string get(const std::string& name) const {
        const auto text = tributary::base::read_file(path + name);
        return text ? *text : "(none)";
    }
    std::string path;
};

const std::string kBoards = TRIBUTARY_SOURCE_DIR "/boards";
const std::string kToml = "/etc/tributary/conf.d/10-board.toml";
const std::string kUnit = "/etc/systemd/system/tributary.service.d/10-board.conf";

// A case is "key value" a line; what a machine does not have is not there.
std::map<std::string, std::string> read_case(const fs::path& file) {
    std::map<std::string, std::string> out;
    std::ifstream in(file);
    for (std::string line; std::getline(in, line);)
        out[line.substr(0, line.find(' '))] = line.substr(line.find(' ') + 1);
    return out;
}

void build(const Root& root, std::map<std::string, std::string> facts) {
    if (facts.contains("compatible")) {
        std::string list = facts["compatible"] + '\0';
        for (auto& c : list)
            if (c == ' ') c = '\0';
        root.put("/proc/device-tree/compatible", list);
    }
    if (facts.contains("model")) root.put("/proc/device-tree/model", facts["model"] + '\0');
    if (facts.contains("vendor")) root.put("/sys/class/dmi/id/sys_vendor", facts["vendor"] + "\n");
    if (facts.contains("product")) root.put("/sys/class/dmi/id/product_name", facts["product"] + "\n");
    if (facts.contains("mem_kib"))
        root.put("/proc/meminfo", "MemTotal:         " + facts["mem_kib"] + " kB\nMemFree:            1234 kB\n");
}

Profile board(const std::string& id) {
    auto all = load(kBoards);
    REQUIRE(all.ok());
    for (auto& profile : *all)
        if (profile.id == id) return profile;
    FAIL("no board ", id);
    return {};
}

std::string message(const std::string& text) {
    const auto parsed = parse(text, "x.json");
    return parsed ? "" : parsed.error().text();
}

}  // namespace

TEST_CASE("every case of tests/cases/boards is recognised") {
    const auto profiles = load(kBoards);
    REQUIRE(profiles.ok());
    size_t cases = 0;
    for (const auto& entry : fs::directory_iterator(TRIBUTARY_SOURCE_DIR "/tests/cases/boards")) {
        CAPTURE(entry.path().filename().string());
        const auto facts = read_case(entry.path());
        const Root root;
        build(root, facts);
        const auto machine = Machine::look(root.path);
        const auto match = recognise(*profiles, machine);
        const std::string id = match.profile == nullptr ? "none" : match.profile->id;
        const auto ram = match.profile == nullptr ? 0 : match.profile->budget(machine.ram_mib).ram_mib;
        CHECK(id + " " + std::to_string(ram) == facts.at("want"));
        ++cases;
    }
    CHECK(cases > 10);
}

TEST_CASE("a description that is not one is refused with file and key") {
    CHECK(message("[]") == "TRB-BOARD-001: x.json: not a JSON object");
    CHECK(message("{") == "TRB-BOARD-001: x.json: not a JSON object");
    CHECK(message(R"({"id": 5, "name": "n"})").find("\"id\" or \"name\"") != std::string::npos);
    CHECK(message(R"({"id": "i", "name": "n", "match": 5, "facts": []})").find("no budgets") != std::string::npos);
    CHECK(message(R"({"id": "i", "name": "n", "budgets": [{}]})").find("budget 1: \"ram_mib\"") != std::string::npos);
    CHECK(message(R"({"id": "i", "name": "n", "budgets": [{"ram_mib": 512, "memory_high": "much"}]})")
              .find("\"memory_high\" is missing or wrong") != std::string::npos);
    const Root root;
    CHECK(load(root.path + "/none").error().code == "TRB-BOARD-001");
    root.put("/a.json", "{}");
    CHECK(load(root.path).error().code == "TRB-BOARD-001");
}

TEST_CASE("the budget is the last one the memory is enough for") {
    const auto pi = board("raspberry-pi-4b");
    CHECK(pi.budget(0).ram_mib == 1024);
    CHECK(pi.budget(512).ram_mib == 1024);
    CHECK(pi.budget(4095).ram_mib == 1024);
    CHECK(pi.budget(4096).ram_mib == 4096);
    CHECK(pi.budget(1 << 20).ram_mib == 4096);
}

TEST_CASE("apply writes both files for everybody to read, and twice is once") {
    const Root root;
    Machine machine;
    machine.ram_mib = 1024;
    const auto before = umask(077);
    auto files = drop_ins(board("raspberry-pi-4b"), machine, root.path);
    REQUIRE(write(files).ok());
    umask(before);
    CHECK(root.get(kToml).find("max_size = \"1GiB\"") != std::string::npos);
    CHECK(root.get(kUnit).find("[Service]\nMemoryHigh=167772160\nMemoryMax=234881024\nCPUQuota=200%\n") !=
          std::string::npos);
    for (const auto& name : {kToml, kUnit}) {
        struct stat facts {};
        REQUIRE(stat((root.path + name).c_str(), &facts) == 0);
        CHECK((facts.st_mode & 0777) == 0644);
    }
    for (const auto& file : drop_ins(board("raspberry-pi-4b"), machine, root.path))
        CHECK(file.state == DropIn::State::same);
    machine.ram_mib = 4096;
    files = drop_ins(board("raspberry-pi-4b"), machine, root.path);
    for (const auto& file : files) CHECK(file.state == DropIn::State::changed);
    REQUIRE(write(files).ok());
    CHECK(root.get(kToml).find("max_size = \"4GiB\"") != std::string::npos);
}

TEST_CASE("a file of somebody else stays, and then nothing is written") {
    const Root root;
    root.put(kUnit, "[Service]\nNice=5\n");
    const auto files = drop_ins(board("beaglebone-black"), Machine{}, root.path);
    const auto written = write(files);
    REQUIRE(!written.ok());
    CHECK(written.error().code == "TRB-BOARD-003");
    CHECK(root.get(kUnit) == "[Service]\nNice=5\n");
    CHECK(root.get(kToml) == "(none)");
    fs::remove(root.path + kUnit);
    fs::create_symlink("/nowhere", root.path + kUnit);  // masked, for example
    CHECK(!write(drop_ins(board("beaglebone-black"), Machine{}, root.path)).ok());
}

TEST_CASE("the store takes at most half of a small file system") {
    Machine machine;
    machine.ram_mib = 1024;
    const auto text = [&](int64_t disk) {
        machine.disk_bytes = disk;
        return drop_ins(board("raspberry-pi-4b"), machine, "/nowhere").front().content;
    };
    CHECK(text(0).find("max_size = \"1GiB\"") != std::string::npos);
    CHECK(text(int64_t{2} << 30).find("max_size = \"1GiB\"") != std::string::npos);
    CHECK(text(int64_t{1} << 30).find("max_size = \"512MiB\"") != std::string::npos);
    CHECK(text(1000).find("max_size = \"16MiB\"") != std::string::npos);
}
