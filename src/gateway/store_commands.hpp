// SPDX-License-Identifier: Apache-2.0
// `tributary store ls | verify | repair | export | backup | ship | wipe`: asks store/inspect and prints for people or
// as JSON. One thread, the caller's; needs no running gateway, and most of it goes beside one. For users:
// docs/store.md. What it does not do: read or change the file itself.
#pragma once

#include <string>

#include "config/settings.hpp"
#include "metrics/metrics.hpp"
#include "store/store.hpp"

namespace tributary::gateway {

struct StoreOptions {
    std::string config_path, path;  // path "" = the configuration's store.path
    bool json = false;
    std::string to;                         // of repair and backup
    std::string brokers;                    // of ship; "" = the configuration's
    bool close_all = false;                 // of ship: windows and events that are open end where the store ends
    bool yes = false, damaged_too = false;  // of wipe
    // Of export. from, to: sequence numbers, or times (RFC 3339); "" = from the first, to the last.
    std::string log = "intake", from, until, format = "jsonl", output;
};

// Each gives the exit code: 0, 1 (failed, or damage was found), 2 (configuration text), 3 (store of a newer version).
int store_ls(const StoreOptions& options);
int store_verify(const StoreOptions& options);
int store_repair(const StoreOptions& options);
int store_backup(const StoreOptions& options);
int store_wipe(const StoreOptions& options);
int store_export(const StoreOptions& options);
// Sends what the file at `path` has not delivered, with the ids its gateway would have given, and goes on until all of
// it is there or SIGINT. 1 = interrupted; the next call goes on.
int store_ship(const StoreOptions& options);
// `tributary wipe`, when a box leaves service: the store, what was set aside, and the session that the broker keeps for
// us.
int decommission(const StoreOptions& options);

// What the commands share. The path; "" after it was said on standard error why there is none.
struct StorePlace {
    std::string path, gateway = "gateway", prefix = "tributary";
    int exit_code = 0;
};
StorePlace store_place(const StoreOptions& options);
int store_failed(const std::string& code, const std::string& message);
// The gateway's name stands in every record and in each event's id: an error when the store is another one's.
base::Result<> same_gateway(store::Reader& reader, const config::Settings& settings, const std::string& path);
std::string trouble_of(const metrics::Registry& metrics);  // what is wrong now, in plain words; "" = nothing
std::string plain(std::string text);                       // a sensor's bytes must not drive the terminal

}  // namespace tributary::gateway
