// SPDX-License-Identifier: Apache-2.0
// Two clusters and one store: where a mirror begins, and what is known when it takes over.
#include "gateway/clusters.hpp"

#include "gateway/support.hpp"

namespace tributary::gateway {
namespace {

using model::Log;

config::Settings settings(const std::string& first, const std::string& mirror = {}) {
    config::Settings out;
    out.kafka.name = first;
    if (mirror.empty()) return out;
    out.mirror.emplace();
    out.mirror->name = mirror;
    out.mirror->mirror = true;
    return out;
}

// A store with ten records of intake; the first cluster has 1..6 of them.
struct Place {
    Place() {
        store::Batch batch;
        batch.appends = {{Log::intake, 10, 0, 0, 0, "ten records"}};
        batch.cursors = {{kEngineCursor, 11}, {kafka_cursor(Log::intake), 7}};
        REQUIRE(store->commit(batch).ok());
    }
    uint64_t settle(const config::Settings& with, const std::string& name) {
        const auto done = settle_clusters(*store, *take(store->reader()), with);
        REQUIRE(done.ok());
        return at(name);
    }
    uint64_t at(const std::string& name) const { return take(take(store->reader())->cursors())[name]; }
    void move(const std::string& name, uint64_t seq) {
        store::Batch batch;
        batch.cursors = {{name, seq}};
        REQUIRE(store->commit(batch).ok());
    }
    TempFolder folder;
    std::unique_ptr<store::Store> store = open_store(folder.path + "/store.db");
};
const std::string kMain = "kafka:main:intake", kNew = "mirror:new:intake", kHas = "has:intake",
                  kCounted = "counted:intake";

TEST_CASE("clusters: a mirror begins where the first stands, and then has a place of its own") {
    Place place;
    CHECK(place.settle(settings("main", "new"), kNew) == 7);
    place.move(kNew, 9);
    CHECK(place.settle(settings("main", "new"), kNew) == 9);
    CHECK(place.at(kMain) == 7);
    // Away for a while, it comes back to where it stood.
    CHECK(place.settle(settings("main"), kMain) == 7);
    CHECK(place.settle(settings("main", "new"), kNew) == 9);
}

TEST_CASE("clusters: the mirror takes over, ahead of the first or behind it") {
    Place place;
    place.settle(settings("main", "new"), kNew);
    SUBCASE("ahead: what it has is counted, not sent") {
        place.move(kNew, 9);
        CHECK(place.settle(settings("new"), kMain) == 7);
        CHECK(place.at(kHas) == 9);
        CHECK(place.at(kCounted) == 7);
    }
    SUBCASE("behind: what it lacks is sent, not counted") {
        place.move(kMain, 10);
        CHECK(place.settle(settings("new"), kMain) == 7);
        CHECK(place.at(kHas) == 7);
        CHECK(place.at(kCounted) == 10);
        // Once more before it is through: the counted stay counted.
        CHECK(place.settle(settings("main"), kMain) == 10);
        CHECK(place.at(kHas) == 10);
        CHECK(place.at(kCounted) == 10);
        CHECK(place.at(kNew) == 7);
    }
    SUBCASE("the first stays as mirror, from where it stands") {
        place.move(kNew, 9);
        CHECK(place.settle(settings("new", "main"), "mirror:main:intake") == 7);
        CHECK(place.at(kHas) == 9);
    }
}

TEST_CASE("clusters: another name without a mirror before changes nothing") {
    Place place;
    CHECK(place.settle(settings("cluster-2"), kMain) == 7);
    CHECK(place.at(kHas) == 0);
    CHECK(place.settle(settings("cluster-2", "new"), kNew) == 7);
}

}  // namespace
}  // namespace tributary::gateway
