// SPDX-License-Identifier: Apache-2.0
#include <iostream>

#include "base/log.hpp"
#include "config/load.hpp"
#include "gateway/store_commands.hpp"
#include "mqtt/session.hpp"
#include "record/json.hpp"
#include "store/inspect.hpp"

namespace tributary::gateway {
namespace {

std::string json_of(const store::Wiped& wiped, const base::Result<std::string>& session) {
    std::string out;
    record::JsonObject object(out);
    object.texts("removed", wiped.removed).boolean("session_ended", session.ok());
    object.text("error", session ? "" : session.error().text()).end();
    return out;
}

}  // namespace

int decommission(const StoreOptions& options) {
    const auto loaded = config::load(options.config_path);
    if (!loaded.ok()) {
        std::cerr << config::render(loaded.diagnostics);
        return 2;
    }
    const auto& settings = *loaded.settings;
    if (!options.yes) return store_wipe(options);  // says what is at stake
    const auto wiped = store::wipe(settings.store.path, true);
    if (!wiped) return store_failed(wiped.error().code, wiped.error().message);
    // A clean start as ourselves, and no expiry: with the disconnect the broker forgets us and what it keeps for us.
    const auto session = mqtt::probe(settings.mqtt, settings.mqtt.client_id);
    if (options.json) {
        std::cout << json_of(*wiped, session) << '\n';
    } else {
        for (const auto& path : wiped->removed) std::cout << "removed " << path << '\n';
        if (session)
            std::cout << "ended the session of " << settings.mqtt.client_id << " at the MQTT broker\n";
        else
            std::cerr << session.error().text() << "; the broker goes on keeping messages for "
                      << settings.mqtt.client_id << '\n';
        std::cout
            << "Configuration and secrets go with the package (apt purge tributary). Flash may still hold what was "
               "deleted: to be sure, destroy it.\n";
    }
    return session ? 0 : 1;
}

}  // namespace tributary::gateway
