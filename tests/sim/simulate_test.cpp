// SPDX-License-Identifier: Apache-2.0
#include "sim/simulate.hpp"

#include <doctest/doctest.h>
#include <unistd.h>

#include <filesystem>
#include <set>
#include <sstream>
#include <thread>

#include "base/files.hpp"
#include "sim/fake_broker.hpp"

using namespace tributary;
using namespace tributary::sim;
using namespace std::chrono_literals;

namespace {
SimulateOptions quick(int version) {
    SimulateOptions options;
    options.speed = 0;
    options.factory.machines = 2;
    options.factory.duration_ms = 100'000;
    options.publisher.version = version;
    options.publisher.in_flight = 20;
    options.json = true;
    return options;
}
std::set<std::string> payloads(const FakeBroker& broker) {
    std::set<std::string> seen;
    for (const auto& packet : broker.received(PacketType::publish)) seen.insert(packet.topic + packet.payload);
    return seen;
}
}  // namespace

TEST_CASE("simulate: prints lines for replay, the same every time, with the truth beside") {
    auto options = quick(5);
    options.print = true;
    options.factory.faults_per_hour = 3000;
    options.truth = (std::filesystem::temp_directory_path() / ("trb-truth-" + std::to_string(::getpid()))).string();
    const std::atomic<bool> stop{false};
    std::ostringstream first, second, err;
    CHECK(*simulate(options, stop, first, err) == 0);
    CHECK(*simulate(options, stop, second, err) == 0);
    CHECK(first.str() == second.str());
    CHECK(first.str().starts_with(
        R"({"topic":"factory/line1/machine01/temperature","payload":{"ts":1767225600000,"value":)"));
    CHECK(base::read_file(options.truth)->find(R"("fault":")") != std::string::npos);
    std::filesystem::remove(options.truth);
    options.truth = "/no/such/folder/truth";
    CHECK(simulate(options, stop, first, err).error().code == "TRB-SIM-004");
}

TEST_CASE("simulate: everything is acknowledged, also when the connection breaks in the middle") {
    for (const int version : {4, 5}) {
        CAPTURE(version);
        auto broker = FakeBroker::start();
        auto& b = **broker;
        auto options = quick(version);
        options.publisher.url = b.url();
        options.factory.faults_per_hour = 0;
        const std::atomic<bool> stop{false};
        std::ostringstream out, err;
        int code = -1;
        std::thread runner([&] { code = *simulate(options, stop, out, err); });
        const auto have = [&](size_t count) {
            return b.wait_for(
                [&](const std::vector<Received>& packets) {
                    size_t seen = 0;
                    for (const auto& packet : packets) seen += packet.type == PacketType::publish;
                    return seen >= count;
                },
                20s);
        };
        CHECK(have(100));
        b.set_acking_publishes(false);  // the window fills
        std::this_thread::sleep_for(50ms);
        b.set_acking_publishes(true);  // nothing comes any more, so nothing of it is acknowledged
        CHECK(b.drop(FakeBroker::Drop::hard));
        CHECK(b.wait_for_connections(2, 20s));
        runner.join();
        CAPTURE(out.str());
        CAPTURE(err.str());
        CHECK(code == 0);
        CHECK(payloads(b).size() == 1000);  // 2 machines, 5 sensors, 100 readings
        CHECK(
            out.str().starts_with(R"({"published":1000,"acknowledged":1000,"refused":0,"waiting":0,"reconnects":1,)"));
        CHECK(b.malformed() == 0);
        CHECK(b.received(PacketType::connect).at(0).connect.version == version);
        for (const auto& packet : b.received(PacketType::publish)) CHECK(packet.qos == 1);
    }
}

TEST_CASE("simulate: the window is bounded, and stop ends it without acknowledgements") {
    auto broker = FakeBroker::start();
    auto& b = **broker;
    b.set_acking_publishes(false);
    auto options = quick(5);
    options.publisher.url = b.url();
    std::atomic<bool> stop{false};
    std::ostringstream out, err;
    int code = -1;
    std::thread runner([&] { code = *simulate(options, stop, out, err); });
    CHECK(b.wait_for([](const auto& packets) { return packets.size() > 20; }, 20s));
    std::this_thread::sleep_for(50ms);
    CHECK(payloads(b).size() == 20);
    stop = true;
    CHECK(b.drop(FakeBroker::Drop::hard));
    runner.join();
    CHECK(code == 1);
    CHECK(out.str().find(R"("waiting":20)") != std::string::npos);
}

TEST_CASE("simulate: a broker that is not there or does not want us") {
    auto broker = FakeBroker::start();
    (*broker)->refuse_connections(0x87);
    auto options = quick(5);
    options.publisher.url = (*broker)->url();
    options.publisher.user = "joe";
    options.publisher.connect_timeout_ms = 1;
    const std::atomic<bool> stop{false};
    std::ostringstream out, err;
    const auto refused = simulate(options, stop, out, err);
    REQUIRE_FALSE(refused.ok());
    CHECK(refused.error().code == "TRB-SIM-003");
    CHECK((*broker)->received(PacketType::connect).at(0).connect.user == "joe");
    broker->reset();
    CHECK_FALSE(simulate(options, stop, out, err).ok());
}
