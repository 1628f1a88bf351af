// SPDX-License-Identifier: Apache-2.0
// What the kernel was asked to write (/proc/self/io write_bytes) for what was stored. Bytes, not time, so they can be
// asserted; on a file system that counts nothing (tmpfs) the figures are 0 and only the sums of the store are checked.
#include <cstdio>

#include "base/log.hpp"
#include "base/text.hpp"
#include "model/intake.hpp"
#include "support.hpp"

using namespace tributary;
using namespace tributary::store;

namespace {

double write_bytes() {
    const std::string io = bytes_of("/proc/self/io");
    const auto at = io.find("\nwrite_bytes: ");
    return at == std::string::npos ? 0 : std::strtod(io.c_str() + at + 14, nullptr);
}

struct Load {
    int commits, messages, payload_bytes;
    bool trim;
    int keep;  // messages
};

struct Cost {
    double payload, device;
    int messages;
};

// A small generator of its own: the same bytes everywhere.
uint32_t next_random(uint32_t& state) {
    state = state * 1'664'525 + 1'013'904'223;
    return state >> 8;
}

// JSON as sensors write it: a stamp that counts up, a value with noise, 200 topics.
Cost measure(const Load& load) {
    const TempFolder folder;
    auto store = open_store(folder.file());
    uint32_t random = 1;
    int64_t now_ms = 1'700'000'000'000;
    model::IntakeBlockWriter writer;
    Cost cost{0, -write_bytes(), load.commits * load.messages};
    for (int i = 0; i < load.commits; i++) {
        for (int m = 0; m < load.messages; m++) {
            const uint32_t sensor = next_random(random) % 200;
            now_ms += 3;
            std::string payload =
                base::format(R"({{"ts":{},"value":{}.{:03})", now_ms, 20 + sensor % 50, next_random(random) % 1000);
            payload += base::format(R"(,"unit":"C","q":{})", next_random(random) % 100);
            if (load.payload_bytes > 80) payload += base::format(R"(,"seq":{},"status":"ok","site":"u")", i);
            payload.resize(static_cast<size_t>(load.payload_bytes - 1), ' ');
            payload += '}';
            const std::string topic = base::format("factory/line{}/machine{}/temperature", sensor % 4, sensor);
            const auto id = static_cast<uint16_t>(1 + m % 1000);
            writer.add(now_ms * 1'000'000 + next_random(random), {topic, payload, id, 1, false, false, 1});
            cost.payload += static_cast<double>(payload.size());
        }
        const std::string body = writer.take();
        Batch batch;
        batch.appends.push_back({model::Log::intake, static_cast<uint32_t>(load.messages), now_ms, now_ms, 0, body});
        const uint64_t next = store->next_seq(model::Log::intake);
        batch.cursors = {{"engine", next}, {"kafka:default:intake", next}};
        batch.ledger.received("temperature", static_cast<uint64_t>(load.messages));
        batch.ledger.settle("temperature", model::Fate::forwarded, static_cast<uint64_t>(load.messages));
        if (load.trim && next > static_cast<uint64_t>(load.keep))
            batch.trim_below[model::Log::intake] = next - static_cast<uint64_t>(load.keep);
        commit(*store, batch);
    }
    const auto usage = store->usage();
    CHECK(usage.stored_bytes < usage.body_bytes);
    store.reset();  // with the last checkpoint
    cost.device += write_bytes();
    std::printf(
        "store: %d messages a commit of %d bytes%s: %.2f device bytes per payload byte, %.0f per message, %.2f "
        "stored\n",
        load.messages, load.payload_bytes, load.trim ? ", trimming" : "", cost.device / cost.payload,
        cost.device / cost.messages, static_cast<double>(usage.stored_bytes) / cost.payload);
    return cost;
}

}  // namespace

TEST_CASE("1,000 messages a block cost at most 0.8 device bytes per payload byte, with deletes riding along") {
    const auto cost = measure({250, 1000, 95, true, 50'000});
    CHECK(cost.device <= 0.8 * cost.payload);
    const auto without = measure({250, 1000, 95, false, 0});
    CHECK(without.device <= 0.8 * without.payload);
}

TEST_CASE("150 messages a block cost less than 300 device bytes a message") {
    const auto cost = measure({500, 150, 60, true, 15'000});
    CHECK(cost.device < 300.0 * cost.messages);
    const auto without = measure({500, 150, 60, false, 0});
    CHECK(without.device < 300.0 * without.messages);
}
