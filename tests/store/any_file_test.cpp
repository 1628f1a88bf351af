// SPDX-License-Identifier: Apache-2.0
// Whatever lies at the store's path: it starts and delivers what is sound, or says with a code what is wrong and leaves
// everything as it is.
#include <sys/stat.h>
#include <sys/wait.h>

#include <cstdio>

#include "delivery.hpp"
#include "store/salvage.hpp"

using namespace tributary;
using namespace tributary::store;

namespace {

void write(const std::string& path, std::string_view bytes) { std::ofstream(path, std::ios::binary) << bytes; }

const Image& image() {
    static const Image made = make_image(60, 30);
    return made;
}

// All in the file, and its head destroyed.
const Image& headless() {
    static const Image made = [] {
        auto whole = make_image(60, 60);
        whole.file.replace(0, 100, 100, 'x');
        return whole;
    }();
    return made;
}

// Everything of the image is there, whatever was done to get it.
void check_whole(const std::string& path, const Image& whole) {
    FaultVfs fast;
    const auto delivery = Consumer(path).run(whole.reference);
    CAPTURE(delivery.said);
    for (const auto& [log, blocks] : whole.reference.blocks)
        for (const auto& block : blocks)
            if (log != Log::intake || block.seq + block.count > whole.reference.cursors.at(kKafkaIntake))
                REQUIRE(delivery.blocks.count({log, block.seq}) == 1);
}

std::vector<std::string> names_in(const std::string& folder) {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(folder)) names.push_back(entry.path().filename());
    return names;
}

std::string code_of_start(const std::string& path) {
    auto opened = Store::open({path, int64_t{1} << 30, 1});
    return opened ? "" : opened.error().code;
}

}  // namespace

TEST_CASE("a file cut off at any length") {
    const Quiet quiet;
    const uint64_t number = seed_of_run();
    CAPTURE(number);
    std::mt19937_64 random(number);
    std::set<size_t> lengths;
    for (size_t i = 0; i < 110; i += long_run() ? 1 : 7) lengths.insert(i);
    for (size_t page = 1; page <= image().file.size() / kPage; page++)
        lengths.insert({page * kPage - 1, page * kPage, page * kPage - kPage + static_cast<size_t>(random() % kPage)});
    Counts counts;
    for (const size_t length : lengths) {
        CAPTURE(length);
        if (!long_run() && random() % (2 * kSlower) != 0) continue;
        const auto gone = touched(image(), std::string_view(image().file).substr(length / kPage * kPage));
        if (length < image().file.size()) one_case(image(), image().file.substr(0, length), image().wal, gone, counts);
    }
    std::printf("store cut files: %d cases, %d salvaged, %zu blocks lost\n", counts.cases, counts.salvaged,
                counts.lost);
}

TEST_CASE("a WAL cut off at any length is a power cut") {
    const Quiet quiet;
    constexpr size_t kHead = 32, kFrame = 24 + kPage;
    const std::string& wal = image().wal;
    const auto commits = [&](size_t frame) {
        return wal.substr(kHead + frame * kFrame + 4, 4) != std::string(4, '\0');
    };
    Counts counts;
    for (size_t length = 0; length < wal.size(); length += long_run() ? 509 : 27'001 * kSlower) {
        CAPTURE(length);
        // The transaction that is not whole any more, and all behind it.
        size_t frame = length < kHead ? 0 : (length - kHead) / kFrame;
        while (frame > 0 && !commits(frame - 1)) frame--;
        const auto gone = touched(image(), std::string_view(wal).substr(kHead + frame * kFrame));
        one_case(image(), image().file, wal.substr(0, length), gone, counts, gone);
    }
    std::printf("store cut WALs: %d cases, %d salvaged\n", counts.cases, counts.salvaged);
    CHECK(counts.salvaged == 0);
}

TEST_CASE("garbage in many places of file and WAL: it starts, and delivers nothing that was not written") {
    const Quiet quiet;
    const uint64_t number = seed_of_run();
    CAPTURE(number);
    std::mt19937_64 random(number);
    const auto scribble = [&](std::string bytes) {
        for (uint64_t places = random() % 40; places > 0; places--) {
            const size_t at = random() % bytes.size(),
                         size = std::min<size_t>(1 + random() % (1 << random() % 13), bytes.size() - at);
            const bool zeros = random() % 3 == 0;
            for (size_t i = 0; i < size; i++) bytes[at + i] = zeros ? '\0' : static_cast<char>(random());
        }
        return bytes;
    };
    size_t blocks = 0, salvaged = 0;
    const size_t rounds = long_run() ? 20'000 : 400 / kSlower;
    for (size_t round = 0; round < rounds; round++) {
        CAPTURE(round);
        const MemoryFolder folder;
        FaultVfs fast;
        auto file = scribble(image().file);
        if (random() % 2 == 0) file.replace(0, 100, image().file, 0, 100);  // else most of them fail at the head
        write(folder.file(), file);
        write(folder.file() + "-wal", random() % 2 == 0 ? scribble(image().wal) : image().wal);
        auto known = Store::open({folder.file(), int64_t{1} << 30, 1});
        if (!known) {
            CAPTURE(known.error().message);
            CHECK((known.error().code == kNewer || known.error().code == kPath));  // its head says that it is not ours
            continue;
        }
        const bool at_start = !(*known)->report().empty();
        known->reset();
        const auto delivery = Consumer(folder.file()).run(image().reference);
        blocks += delivery.blocks.size(), salvaged += at_start || delivery.salvaged > 0 ? 1 : 0;
    }
    std::printf("store garbage: %zu cases, %zu salvaged, %.0f blocks delivered of each on average, seed %llu\n", rounds,
                salvaged, static_cast<double>(blocks) / static_cast<double>(rounds),
                static_cast<unsigned long long>(number));
}

TEST_CASE("the WAL of another store, and a WAL without its file") {
    const Quiet quiet;
    const auto other = make_image(25, 12);
    Counts counts;
    SUBCASE("of another store") {
        // SQLite takes it for its own. What it overwrites is gone; the rest, and the start, must not suffer.
        const MemoryFolder folder;
        FaultVfs fast;
        write(folder.file(), image().file);
        write(folder.file() + "-wal", other.wal);
        auto store = open_store(folder.file());
        const auto next = store->next_seq(Log::intake);
        Batch batch;
        batch.appends = {append(Log::intake, 1, "x")};
        if (!store->commit(batch)) REQUIRE(store->reopen().ok());
        CHECK(store->next_seq(Log::intake) >= next);
    }
    SUBCASE("without its file") {
        std::set<std::pair<Log, uint64_t>> only_in_file;
        for (const auto& [log, blocks] : make_image(30, 30).reference.blocks)
            for (const auto& block : blocks) only_in_file.emplace(log, block.seq);
        one_case(image(), "", image().wal, only_in_file, counts);
        CHECK(counts.salvaged == 1);
        CHECK(counts.lost > 0);
    }
}

TEST_CASE("a salvage that was interrupted anywhere is finished by the next start") {
    const Quiet quiet;
    const MemoryFolder folder;
    const auto path = folder.file(), aside = path + ".damaged-2026-01-01T000000.000Z";
    const auto& damaged = headless().file;
    const auto salvaged = [&] {
        const MemoryFolder other;
        FaultVfs fast;
        write(other.file(), damaged);
        write(other.file() + "-wal", headless().wal);
        open_store(other.file());
        return bytes_of(other.file());
    }();
    SUBCASE("while it was written") {
        write(path, damaged);
        write(path + "-wal", headless().wal);
        write(path + ".salvage", salvaged.substr(0, 100'000));
    }
    SUBCASE("after the damaged file was renamed") {
        write(aside, damaged);
        write(path + "-wal", headless().wal);
        write(path + ".salvage", salvaged);
    }
    SUBCASE("after its WAL was renamed, too") {
        write(aside, damaged);
        write(aside + "-wal", headless().wal);
        write(path + ".salvage", salvaged);
    }
    check_whole(path, headless());
    bool kept = false;
    for (const auto& name : names_in(folder.path)) {
        CHECK(name.find(".salvage") == std::string::npos);
        if (name.find(".damaged-") != std::string::npos && !name.ends_with("-wal"))
            kept |= bytes_of(folder.path + "/" + name) == damaged;
    }
    CHECK(kept);
}

TEST_CASE("what was trimmed stays away, though its pages are still there") {
    const Quiet quiet;
    const MemoryFolder folder;
    FaultVfs fast;
    uint64_t first = 0, next = 0;
    {
        auto store = open_store(folder.file());
        Reference reference;
        for (uint64_t i = 1; i <= 60; i++) {
            const auto step = intake_step(reference, i, 10, 6'000);
            commit(*store, step.batch);
            reference.apply(step.batch);
        }
        Batch trim;
        trim.trim_below[Log::intake] = 401;
        trim.cursors[kKafkaIntake] = 401;
        commit(*store, trim);
        first = store->first_seq(Log::intake), next = store->next_seq(Log::intake);
        REQUIRE(first == 401);
    }
    auto file = bytes_of(folder.file());
    const std::string trimmed = body_of(Log::intake, 1, 6'000).substr(1'000, 64);
    REQUIRE(file.find(trimmed) != file.npos);
    bool known = true;
    SUBCASE("the list of free pages is sound") { file.replace(100, 8, 8, 'x'); }
    SUBCASE("it is not, and that is said") {
        file.replace(32, 4, 4, '\x7f');
        file.replace(100, 8, 8, 'x');
        known = false;
    }
    write(folder.file(), file);
    auto store = open_store(folder.file());
    CAPTURE(store->report());
    CHECK(store->report().find("lost: nothing") != std::string::npos);
    CHECK((store->report().find("trimmed before may be back") == std::string::npos) == known);
    CHECK(store->next_seq(Log::intake) == next);
    if (known)
        CHECK(store->first_seq(Log::intake) == first);
    else
        CHECK(store->first_seq(Log::intake) <
              first);  // below every cursor: never sent again, and trimmed with the next trim
    CHECK(open_reader(*store)->cursors()->at(kKafkaIntake) == 401);
}

TEST_CASE("no room to salvage: intake goes on above all numbers, the blocks stay in the file set aside") {
    const Quiet quiet;
    const MemoryFolder folder;
    FaultVfs vfs;
    const auto& damaged = headless().file;
    write(folder.file(), damaged);
    write(folder.file() + "-wal", headless().wal);
    vfs.limit(".salvage", 200'000);
    auto store = open_store(folder.file());
    CHECK(store->report().find("no room") != std::string::npos);
    CHECK(store->next_seq(Log::intake) == headless().reference.next_of(Log::intake));
    CHECK(*open_reader(*store)->cursors() == headless().reference.cursors);
    CHECK(open_reader(*store)->ledger()->streams == headless().reference.ledger.streams);
    CHECK(names(store->report(), Log::intake, headless().reference.cursors.at(kKafkaIntake),
                store->next_seq(Log::intake) - 1));
    Batch batch;
    batch.appends = {append(Log::intake, 5, "x")};
    CHECK(commit(*store, batch)[0].first_seq == headless().reference.next_of(Log::intake));
    vfs.heal();
    const auto report = store->report();
    const auto from = report.find("kept as ") + 8;
    auto later =
        salvage(report.substr(from, report.find(';', from) - from), folder.path + "/later.db", Take::everything, {});
    REQUIRE(later.ok());
    CHECK(later->blocks > 50);
}

TEST_CASE("what is no store, or cannot be one, is an error with a code and stays as it is") {
    const Quiet quiet;
    const MemoryFolder folder;
    SUBCASE("a folder in place of the file") {
        std::filesystem::create_directory(folder.file());
        write(folder.file() + "/guest", "x");
        CHECK(code_of_start(folder.file()) == kPath);
        CHECK(std::filesystem::exists(folder.file() + "/guest"));
    }
    SUBCASE("a pipe") {
        REQUIRE(mkfifo(folder.file().c_str(), 0600) == 0);
        CHECK(code_of_start(folder.file()) != "");
    }
    SUBCASE("no such folder") { CHECK(code_of_start(folder.path + "/none/store.db") == kPath); }
    SUBCASE("a disk that is full from the start") {
        FaultVfs vfs;
        vfs.fill_disk();
        CHECK(code_of_start(folder.file()) == kFull);
        vfs.heal();
        CHECK(code_of_start(folder.file()) == "");
    }
    SUBCASE("a full disk under a damaged store") {
        FaultVfs vfs;
        const auto& damaged = headless().file;
        write(folder.file(), damaged);
        write(folder.file() + "-wal", headless().wal);
        vfs.fill_disk();
        CHECK(code_of_start(folder.file()) == kFull);
        CHECK(bytes_of(folder.file()) == damaged);
        vfs.heal();
        check_whole(folder.file(), headless());
    }
}

TEST_CASE("a text file is set aside as it is; version 0 is brought to the present one") {
    const Quiet quiet;
    const MemoryFolder folder;
    SUBCASE("text") {
        const std::string text = "dear diary, " + std::string(5'000, '.');
        write(folder.file(), text);
        auto store = open_store(folder.file());
        CHECK(store->report().find("0 blocks") != std::string::npos);
        bool kept = false;
        for (const auto& name : names_in(folder.path))
            if (name.find(".damaged-") != std::string::npos) kept |= bytes_of(folder.path + "/" + name) == text;
        CHECK(kept);
    }
    SUBCASE("an old version") {
        FaultVfs fast;
        write(folder.file(), image().file);
        write(folder.file() + "-wal", image().wal);
        meddle(folder.file(), "PRAGMA user_version = 0");
        CHECK(image().reference.differs(*open_store(folder.file())) == "");
        sqlite3* database = nullptr;
        REQUIRE(sqlite3_open(folder.file().c_str(), &database) == SQLITE_OK);
        sqlite3_stmt* version = nullptr;
        REQUIRE(sqlite3_prepare_v2(database, "PRAGMA user_version", -1, &version, nullptr) == SQLITE_OK);
        REQUIRE(sqlite3_step(version) == SQLITE_ROW);
        CHECK(sqlite3_column_int(version, 0) == 1);
        sqlite3_finalize(version);
        sqlite3_close(database);
    }
}

TEST_CASE("a file or a folder that must not be written") {
    // Root may write everything, so this is done as nobody, in a process of its own.
    const TempFolder folder;
    write(folder.file(), image().file);
    const char* where = folder.path.c_str();
    SUBCASE("the file") {
        REQUIRE(chmod(folder.file().c_str(), 0444) == 0);
        REQUIRE(chmod(where, 0777) == 0);
    }
    SUBCASE("the folder") {
        REQUIRE(chmod(folder.file().c_str(), 0666) == 0);
        REQUIRE(chmod(where, 0555) == 0);
    }
    const pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        const Quiet quiet;
        if (geteuid() == 0 && setuid(65534) != 0) _exit(2);
        _exit(code_of_start(folder.file()) == kPath ? 0 : 1);
    }
    int status = 0;
    REQUIRE(waitpid(child, &status, 0) == child);
    CHECK(WEXITSTATUS(status) == 0);
    CHECK(bytes_of(folder.file()) == image().file);
    REQUIRE(chmod(where, 0755) == 0);
}
