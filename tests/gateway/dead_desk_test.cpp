// SPDX-License-Identifier: Apache-2.0
#include "gateway/dead_desk.hpp"

#include "base/hash.hpp"
#include "config/load.hpp"
#include "gateway/support.hpp"

namespace tributary::gateway {
namespace {

// Streams `a` and `b` take the same topics; what `a` reads is at /v, what `b` reads at /w.
config::Settings reading(const std::string& path, const std::string& pointer) {
    auto loaded = config::parse_engine_text(base::format(
        "[gateway]\nid = \"line1\"\n[[stream]]\nname = \"a\"\ntopics = [\"t/#\"]\nformat = \"json\"\nvalue = \"{}\"\n"
        "[[stream]]\nname = \"b\"\ntopics = [\"t/#\"]\nformat = \"json\"\nvalue = \"/w\"\n",
        pointer));
    REQUIRE(loaded.ok());
    loaded.settings->store.path = path;
    return *loaded.settings;
}

struct Desk : Rig {
    Desk() {
        Intake(store).add(message("t/1", long_one)).commit();
        letter("a", "t/1", "missing-field", R"({"x":1})", 5);
        letter("b", "t/1", "missing-field", R"({"x":1})", 5);    // the same message
        letter("a", "t/1", "missing-field", long_one, 1);        // in full in the history
        letter("a", "t/1", "missing-field", long_one + " ", 9);  // not there any more
        letter("", "u/1", "no-stream", R"({"x":1})", 6);
        letter("a", "t/1", "poison", "?", 7);
        letter("gone", "t/1", "missing-field", R"({"w":1})", 8);  // its stream is gone, another one takes it
        start();
    }
    void letter(const char* stream, const char* topic, const char* reason, const std::string& payload, uint64_t seq) {
        model::DeadLetter dead;
        dead.stream = stream, dead.topic = topic, dead.reason = reason, dead.seq = seq;
        dead.payload = payload.substr(0, model::kDeadPayloadBytes), dead.size = payload.size();
        dead.sha256 = base::sha256_hex(payload);
        model::OutputBlockWriter block;
        block.add(dead);
        const std::string body = block.take();
        store::Batch batch;
        batch.appends.push_back({model::Log::dead, 1, 0, 0, 0, body});
        take(store.commit(batch));
    }
    std::string ask(const std::string& request) {
        auto own = reader();
        return DeadDesk{now, *own, *writer, open, arrival}.answer(request + " " + path);
    }

    const std::string long_one = R"({"x":1,"pad":")" + std::string(70'000, 'x') + "\"}";
    const std::string path = folder.path + "/store.db";
    config::Settings now = reading(path, "/v");
};

}  // namespace

TEST_CASE("dead desk: what the present configuration takes is in the intake log again, once, and its letters away") {
    Desk desk;
    CHECK(desk.ask("retry 1-7") ==
          "1 TRB-DEAD-004\n2 TRB-DEAD-004\n3 TRB-DEAD-004\n4 TRB-DEAD-003\n5 TRB-DEAD-004\n6 taken\n7 taken\n");
    CHECK(desk.stored() == std::vector<std::string>{desk.long_one, "?", R"({"w":1})"});

    desk.now = reading(desk.path, "/x");
    CHECK(desk.ask("retry 2") == "2 TRB-DEAD-004\n");  // its own stream cannot read it still
    CHECK(desk.ask("retry 1,3") == "1 taken\n3 taken\n");
    CHECK(desk.ask("retry 1-3,6,99") ==
          "1 TRB-DEAD-001\n2 TRB-DEAD-001\n3 TRB-DEAD-001\n6 TRB-DEAD-001\n99 TRB-DEAD-001\n");
    CHECK(desk.stored() == std::vector<std::string>{desk.long_one, "?", R"({"w":1})", R"({"x":1})", desk.long_one});
    CHECK(PutAway::of(take(desk.reader()->meta())).text() == "dead 1-3 6-7");
}

TEST_CASE("dead desk: putting away, and what it does not take") {
    Desk desk;
    CHECK(desk.ask("put-away dead 4-5") == "ok\n");
    CHECK(desk.ask("put-away refused 1") == "ok\n");
    CHECK(PutAway::of(take(desk.reader()->meta())).text() == "dead 4-5;refused 1");
    for (const char* bad : {"", "retry", "retry x", "retry 3-1", "put-away windows 1", "put-away dead", "sing 1"}) {
        CAPTURE(bad);
        CHECK(desk.ask(bad).starts_with("error: "));
    }
    auto own = desk.reader();
    DeadDesk other{desk.now, *own, *desk.writer, desk.open, desk.arrival};
    CHECK(other.answer("retry 1 /dev/null").find("TRB-DEAD-007") != std::string::npos);
    CHECK(other.answer("retry 1 /no/such/file").find("TRB-DEAD-007") != std::string::npos);
    desk.writer->stop();
    CHECK(desk.ask("put-away dead 1").find("TRB-DEAD-006") != std::string::npos);
}

}  // namespace tributary::gateway
