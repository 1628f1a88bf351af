// SPDX-License-Identifier: Apache-2.0
// Bounds on series: a flood of new topics neither grows memory nor disturbs the series that are known.
#include <doctest/doctest.h>

#include <unistd.h>

#include "base/files.hpp"
#include "engine/helper.hpp"

using namespace tributary;
using engine_test::encoded;

namespace {

constexpr int64_t kStart = 1'700'000'000 * base::kNsPerSecond;
constexpr int kKnown = 50;
#ifdef __SANITIZE_ADDRESS__
constexpr int kFlood = 50'000;
#else
constexpr int kFlood = 1'000'000;
#endif

std::string toml_of(int max_series, const std::string& forget) {
    return base::format(
        "[gateway]\nid = \"g\"\n[[stream]]\nname = \"s\"\ntopics = \"f/#\"\nmax_series = {}\n"
        "forget = \"{}\"\nwindow = {{ size = \"10s\" }}\n[[stream.detect]]\ntype = \"ewma\"\n",
        max_series, forget);
}

struct Counting final : engine::Sink {
    std::string windows;  // of known series, as bytes
    uint64_t dead = 0, others = 0;
    void emit(model::Output&& output) override {
        if (const auto* window = std::get_if<model::Window>(&output)) {
            if (window->origin.series.starts_with("f/known"))
                windows += encoded(output);
            else
                others++;
        }
        if (const auto* letter = std::get_if<model::DeadLetter>(&output)) dead += letter->reason == "series-limit";
    }
};

class Feeder {
  public:
    explicit Feeder(const std::string& text) {
        record_.body = model::ConfigRecord{engine::kEngineVersion, text};
        step(kStart);
    }
    void message(const std::string& topic, int64_t at_ns) {
        model::Message message;
        message.topic = topic, message.payload = "{\"value\":21.5}";
        record_.body = message;
        step(at_ns);
    }
    std::unique_ptr<engine::Engine> engine = engine::make_engine();
    Counting sink;
    model::Ledger ledger;

  private:
    void step(int64_t at_ns) {
        record_.seq++;
        record_.arrival_ns = at_ns;
        engine->process(record_, sink, ledger);
    }
    model::IntakeRecord record_;
};

size_t resident_bytes() {
    const auto text = base::read_file("/proc/self/statm");
    const auto at = text ? text->find(' ') : std::string::npos;
    if (at == std::string::npos) return 0;
    return std::stoul(text->substr(at)) * static_cast<size_t>(sysconf(_SC_PAGESIZE));
}

}  // namespace

TEST_CASE("a flood of new topics neither grows memory nor disturbs known series") {
    Feeder calm(toml_of(kKnown + 10, "1h")), flooded(toml_of(kKnown + 10, "1h"));
    for (int i = 0; i < kKnown; i++)
        for (Feeder* one : {&calm, &flooded}) one->message(base::format("f/known{}", i), kStart);
    size_t before = 0, most = 0;
    for (int i = 0; i < kFlood; i++) {
        const int64_t at = kStart + int64_t{i} * (100 * base::kNsPerSecond / kFlood);
        if (i % 20 == 0) {
            const auto topic = base::format("f/known{}", i / 20 % kKnown);
            calm.message(topic, at);
            flooded.message(topic, at);
        }
        flooded.message(base::format("f/flood/{}", i), at);
        if (i == kFlood / 10) before = resident_bytes();
        if (i > kFlood / 10 && i % 10'000 == 0) most = std::max(most, resident_bytes());
    }
    const auto stats = flooded.engine->stats();
    CHECK(stats.series == kKnown + 10);
    CHECK(flooded.sink.windows == calm.sink.windows);
    CHECK(!calm.sink.windows.empty());
    CHECK(stats.series_refused == flooded.sink.dead);
    const auto& account = flooded.ledger.streams.at("s");
    CHECK(account.received == static_cast<uint64_t>(kKnown + kFlood + kFlood / 20));
    CHECK(account.fates[static_cast<size_t>(model::Fate::rejected)] == stats.series_refused);
    CHECK(account.pending() == 0);
    const double grown = most > before ? static_cast<double>(most - before) / 1048576 : 0;
    MESSAGE(kFlood << " new topics: " << stats.series_refused << " refused, " << stats.series
                   << " series kept, resident memory grew by " << grown << " MiB after the first tenth");
#ifndef __SANITIZE_ADDRESS__
    CHECK(grown < 8);  // the cache of topics is bounded, the allocator keeps a little
#endif
}

TEST_CASE("a silent series gives its place to a new one, and goes out before") {
    Feeder feeder(toml_of(3, "60s"));
    const auto at = [](int64_t seconds) { return kStart + seconds * base::kNsPerSecond; };
    for (const char* topic : {"f/known1", "f/known2", "f/known3"}) feeder.message(topic, at(0));
    feeder.message("f/known1", at(30));
    feeder.message("f/new", at(59));
    CHECK(feeder.engine->stats().series_refused == 1);
    feeder.message("f/new", at(60));  // known2 and known3 have been silent for 60 s
    feeder.message("f/newer", at(61));
    feeder.message("f/newest", at(62));
    const auto stats = feeder.engine->stats();
    CHECK(stats.series_forgotten == 2);
    CHECK(stats.series_refused == 2);
    CHECK(stats.series == 3);
    Feeder again(toml_of(3, "60s"));
    REQUIRE(again.engine->restore(feeder.engine->checkpoint()).ok());
    CHECK(again.engine->checkpoint() == feeder.engine->checkpoint());
    feeder.engine->flush(feeder.sink, feeder.ledger);
    again.engine->flush(again.sink, again.ledger);
    CHECK(feeder.sink.others == 2);
    CHECK(again.sink.others == 2);
}

TEST_CASE("forget = 0s never gives a place away") {
    Feeder feeder(toml_of(1, "0s"));
    feeder.message("f/known1", kStart);
    feeder.message("f/new", kStart + int64_t{1'000'000} * base::kNsPerSecond);
    CHECK(feeder.engine->stats().series_refused == 1);
}
