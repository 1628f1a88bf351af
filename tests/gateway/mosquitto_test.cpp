// SPDX-License-Identifier: Apache-2.0
#include "gateway/mosquitto.hpp"

#include <doctest/doctest.h>

#include "base/files.hpp"
#include "support.hpp"

using tributary::gateway::mosquitto_warning;
using tributary::gateway::TempFolder;

TEST_CASE("a mosquitto here that throws messages away is told of") {
    const TempFolder folder;
    const std::vector<std::string> here{"mqtt://127.0.0.1:1883"};
    const auto put = [&](const std::string& name, const std::string& text) {
        REQUIRE(tributary::base::write_file_atomically(folder.path + "/" + name, text).ok());
    };
    const auto says = [&](const std::vector<std::string>& urls) {
        const auto warning = mosquitto_warning(urls, folder.path);
        return warning ? *warning : "";
    };
    CHECK(says(here).empty());  // no mosquitto
    REQUIRE(tributary::base::make_folders(folder.path + "/conf.d").ok());
    put("mosquitto.conf", "# max_queued_messages 0\npersistence true\ninclude_dir " + folder.path + "/conf.d\n");
    CHECK(says(here).find("keeps 1000 messages") != std::string::npos);
    CHECK(says({"mqtt://broker.plant.example", "mqtts://localhost:8883"}).find("1000") != std::string::npos);
    CHECK(says({"mqtt://broker.plant.example:1883"}).empty());
    put("conf.d/a.conf", "  max_queued_messages 0\n");
    CHECK(says(here).empty());
    put("conf.d/b.conf", "max_queued_messages 5000\n");
    CHECK(says(here).find("keeps 5000 messages") != std::string::npos);
    put("conf.d/c.conf.off", "max_queued_messages 0\n");
    CHECK(says(here).find("keeps 5000 messages") != std::string::npos);
    put("conf.d/d.conf", "max_queued_messages 100000\n");
    CHECK(says(here).empty());
    put("conf.d/e.conf", "include_dir " + folder.path + "/conf.d\n");  // itself
    CHECK(says(here).empty());
}
