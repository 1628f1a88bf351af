// SPDX-License-Identifier: Apache-2.0
#include "gateway/bench.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "base/files.hpp"
#include "base/log.hpp"
#include "config/load.hpp"
#include "engine/engine.hpp"
#include "model/intake.hpp"
#include "record/json.hpp"
#include "record/record.hpp"
#include "store/pack.hpp"
#include "store/store.hpp"

namespace tributary::gateway {
namespace {

constexpr uint32_t kSeries = 1000;
constexpr int64_t kStart = 1'767'225'600 * base::kNsPerSecond;
constexpr std::string_view kConfig =
    "[gateway]\nid = \"bench\"\n[[stream]]\nname = \"bench\"\ntopics = \"bench/+/value\"\ntime = \"/ts\"\n"
    "window = { size = \"10s\", lateness = \"1s\" }\n";

struct Row {
    std::string name;
    double value = 0;
    std::string unit;
};

int64_t now_ns() { return std::chrono::steady_clock::now().time_since_epoch() / std::chrono::nanoseconds(1); }

// Messages as sensors send them: every series once a second. The same every time, and made outside of what is measured.
class Traffic {
  public:
    void prepare(uint32_t count) {
        messages_.resize(count);
        for (auto& message : messages_) {
            noise_ = noise_ * 6364136223846793005ULL + 1442695040888963407ULL;
            message.at_ns = kStart + static_cast<int64_t>(index_) * base::kNsPerMs;
            message.topic = base::format("bench/machine-{:03}/value", index_ % kSeries);
            message.payload = base::format("{{\"value\":{}.{:03},\"ts\":{}}}", 20 + index_ % 60, (noise_ >> 33) % 1000,
                                           message.at_ns / base::kNsPerMs);
            payload_bytes_ += message.payload.size();
            index_++;
        }
    }
    void add_to(model::IntakeBlockWriter& block) const {
        model::Message message;
        message.qos = 1;
        for (const auto& one : messages_) {
            message.topic = one.topic, message.payload = one.payload;
            message.message_id++;
            block.add(one.at_ns, message);
        }
    }
    uint64_t payload_bytes() const { return payload_bytes_; }

  private:
    struct Prepared {
        int64_t at_ns = 0;
        std::string topic, payload;
    };
    uint64_t index_ = 0, noise_ = 42, payload_bytes_ = 0;
    std::vector<Prepared> messages_;
};

// Bytes this process has caused to be written to the device, by the kernel's own account; -1 where it keeps none.
int64_t written_bytes() {
    const auto io = base::read_file("/proc/self/io");
    if (!io) return -1;
    const auto at = io->find("\nwrite_bytes: ");
    return at == std::string::npos ? -1 : std::atoll(io->c_str() + at + 14);
}

class Bench {
  public:
    Bench(const BenchOptions& options, std::string folder)
        : folder_(std::move(folder)), slice_ns_(options.seconds * base::kNsPerSecond / 5) {}

    base::Result<> commits(uint32_t messages);
    void packing();
    base::Result<> engine();
    void records();
    const std::vector<Row>& rows() const { return rows_; }

  private:
    void add(std::string name, double value, std::string unit) {
        rows_.push_back({std::move(name), value, std::move(unit)});
    }

    const std::string folder_;
    const int64_t slice_ns_;
    std::vector<Row> rows_;
};

base::Result<> Bench::commits(uint32_t messages) {
    store::Options options;
    options.path = base::format("{}/commit-{}.db", folder_, messages);
    auto opened = store::Store::open(options);
    if (!opened) return opened.error();
    Traffic traffic;
    model::IntakeBlockWriter block;
    std::vector<int64_t> took;
    const int64_t written_before = written_bytes(), end = now_ns() + slice_ns_;
    while (now_ns() < end || took.size() < 3) {
        traffic.prepare(messages);
        traffic.add_to(block);
        store::Batch batch;
        batch.appends.push_back({.log = model::Log::intake,
                                 .count = block.count(),
                                 .first_time_ns = block.first_time_ns(),
                                 .last_time_ns = block.last_time_ns(),
                                 .block_class = 0,
                                 .body = block.data()});
        const int64_t before = now_ns();
        if (const auto done = (*opened)->commit(batch); !done) return done.error();
        took.push_back(now_ns() - before);
        block.clear();
    }
    const int64_t written = written_bytes() - written_before;
    std::sort(took.begin(), took.end());
    const auto name = base::format("commit of {} messages", messages);
    add(name + ", median", static_cast<double>(took[took.size() / 2]) / 1e6, "ms");
    add(name + ", 99 of 100 within", static_cast<double>(took[(took.size() - 1) * 99 / 100]) / 1e6, "ms");
    add(name + ", messages a second", messages * 1e9 / static_cast<double>(took[took.size() / 2]), "1/s");
    // A file system in memory or a container may account for nothing.
    if (written_before >= 0 && written > 0)
        add(name + ", written per payload byte",
            static_cast<double>(written) / static_cast<double>(traffic.payload_bytes()), "bytes");
    return {};
}

void Bench::packing() {
    Traffic traffic;
    model::IntakeBlockWriter block;
    store::Packer packer(1);
    std::string packed;
    uint64_t messages = 0, plain_bytes = 0, packed_bytes = 0;
    int64_t spent = 0;
    while (spent < slice_ns_ / 2) {
        traffic.prepare(1000);
        const int64_t before = now_ns();
        traffic.add_to(block);
        packer.pack(block.data(), packed);
        messages += 1000, plain_bytes += block.bytes(), packed_bytes += packed.size();
        block.clear();
        spent += now_ns() - before;
    }
    add("encode and compress a message", static_cast<double>(spent) / static_cast<double>(messages), "ns");
    add("block, compressed per plain byte", static_cast<double>(packed_bytes) / static_cast<double>(plain_bytes),
        "bytes");
}

class CountingSink final : public engine::Sink {
  public:
    void emit(model::Output&& output) override {
        if (outputs == 0) first = std::move(output);
        outputs++;
    }
    uint64_t outputs = 0;
    model::Output first;
};

base::Result<> Bench::engine() {
    const auto loaded = config::parse_engine_text(kConfig);
    if (!loaded.ok()) return base::Error{loaded.diagnostics.front().code, loaded.diagnostics.front().message};
    const auto text = config::engine_text(*loaded.settings);
    auto machine = engine::make_engine();
    Traffic traffic;
    CountingSink sink;
    model::Ledger ledger;
    model::IntakeBlockWriter block;
    block.add(kStart, model::ConfigRecord{engine::kEngineVersion, text});
    block.add(kStart, model::ClockRecord{model::ClockState::synced, 0, 0});
    uint64_t seq = 1, messages = 0;
    int64_t spent = 0;
    while (spent < slice_ns_) {
        traffic.prepare(1000);
        traffic.add_to(block);
        const int64_t before = now_ns();
        model::IntakeBlockReader reader(block.data(), seq);
        model::IntakeRecord record;
        while (reader.next(record)) machine->process(record, sink, ledger);
        spent += now_ns() - before;
        seq += block.count(), messages += 1000;
        block.clear();
    }
    add("engine, a message into 10s windows over 1,000 series",
        static_cast<double>(spent) / static_cast<double>(messages), "ns");
    add("engine, readings a window",
        static_cast<double>(messages) / static_cast<double>(std::max<uint64_t>(sink.outputs, 1)), "");
    return {};
}

void Bench::records() {
    const record::Source source{
        .gateway = "bench", .prefix = "tributary", .incarnation = "0123456789abcdef", .replayed = false};
    record::KafkaRecord out;
    model::Reading reading;
    uint64_t count = 0;
    const int64_t start = now_ns();
    while (count % 1000 != 0 || now_ns() - start < slice_ns_ / 2) {
        reading.event_ns = kStart + static_cast<int64_t>(count) * base::kNsPerMs;
        reading.value.number = 20.0 + static_cast<double>(count % 997) / 8;
        record::project(source, "bench/machine-001/value", reading, "C", {}, count + 1, 0, false, out);
        count++;
    }
    add("JSON record of a reading", static_cast<double>(now_ns() - start) / static_cast<double>(count), "ns");
}

void print(const std::vector<Row>& rows, bool json) {
    std::string out;
    if (json) {
        record::JsonObject object(out);
        for (const auto& row : rows) object.number(row.unit.empty() ? row.name : row.name + ", " + row.unit, row.value);
        object.end();
        out += '\n';
    } else {
        for (const auto& row : rows)
            out += base::format("{:<52} {:>12.{}f} {}\n", row.name, row.value, row.value < 100 ? 2 : 0, row.unit);
    }
    std::fputs(out.c_str(), stdout);
}

}  // namespace

int bench(const BenchOptions& options) {
    std::string folder = options.dir + "/tributary-bench-XXXXXX";
    if (mkdtemp(folder.data()) == nullptr) {
        base::log::error("TRB-GATEWAY-010: no temporary folder can be made in {}: {}", options.dir,
                         base::errno_text(errno));
        return 1;
    }
    Bench bench(options, folder);
    auto result = bench.commits(150);
    if (result) result = bench.commits(1000);
    bench.packing();
    if (result) result = bench.engine();
    bench.records();
    std::error_code ignored;
    std::filesystem::remove_all(folder, ignored);
    print(bench.rows(), options.json);
    if (!result) base::log::error("{}", result.error().text());
    return result ? 0 : 1;
}

}  // namespace tributary::gateway
