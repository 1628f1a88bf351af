// SPDX-License-Identifier: Apache-2.0
// Every folder under tests/cases/engine is one case: config.toml, in.jsonl (lines as `replay` reads them, and
// {"flush":true}, {"ledger":true}) and want.txt, one line an output, each behind the number of the input line that
// caused it. A new case is data only; TRIBUTARY_WRITE_CASES=1 writes want.txt anew, to be read before it is believed.
#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>

#include "base/files.hpp"
#include "engine/helper.hpp"

using namespace tributary;
namespace fs = std::filesystem;

namespace {

std::string ledger_text(const model::Ledger& ledger) {
    std::string out;
    for (const auto& [stream, account] : ledger.streams) {
        out += base::format("ledger \"{}\" received={}", stream, account.received);
        for (size_t i = 0; i < model::kFates; i++)
            if (account.fates[i] != 0) out += base::format(" {}={}", model::kFateNames[i], account.fates[i]);
        out += base::format(" pending={}\n", account.pending());
    }
    return out;
}

std::string run(const fs::path& folder) {
    const auto engine = engine::make_engine();
    engine_test::Collector sink;
    model::Ledger ledger;
    model::IntakeRecord record;
    const std::string config = *base::read_file(folder / "config.toml");
    record.arrival_ns = INT64_MIN;
    record.body = model::ConfigRecord{engine::kEngineVersion, config};
    engine->process(record, sink, ledger);

    std::ifstream in(folder / "in.jsonl");
    std::string out, text;
    codec::MessageLine parsed;
    for (uint64_t number = 1; std::getline(in, text); number++) {
        if (text == R"({"flush":true})") {
            engine->flush(sink, ledger);
        } else if (text == R"({"ledger":true})") {
            out += ledger_text(ledger);
            const auto stats = engine->stats();
            out += base::format("stats readings={} stamp_replaced={} suppressed_events={}\n", stats.readings,
                                stats.stamp_replaced, stats.suppressed_events);
        } else {
            const auto result = codec::parse_message_line(text, parsed);
            REQUIRE_MESSAGE(result.ok(), folder.string(), " line ", number);
            record.seq = number;
            record.arrival_ns = parsed.arrival_ns.value();
            record.body = parsed.body;
            engine->process(record, sink, ledger);
        }
        for (const auto& output : sink.outputs) out += base::format("{}: {}\n", number, engine_test::line(output));
        sink.outputs.clear();
    }
    return out;
}

}  // namespace

TEST_CASE("cases") {
    size_t count = 0;
    for (const auto& entry : fs::directory_iterator(fs::path(TRIBUTARY_SOURCE_DIR) / "tests/cases/engine")) {
        CAPTURE(entry.path().string());
        const std::string got = run(entry.path());
        if (std::getenv("TRIBUTARY_WRITE_CASES") != nullptr)
            REQUIRE(base::write_file_atomically(entry.path() / "want.txt", got).ok());
        const auto want = base::read_file(entry.path() / "want.txt");
        REQUIRE(want.ok());
        CHECK(got == *want);
        count++;
    }
    CHECK(count >= 11);
}
