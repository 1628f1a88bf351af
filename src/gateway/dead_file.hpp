// SPDX-License-Identifier: Apache-2.0
// What the `tributary dead` commands share: the store they look into, the letters that are meant, and how letters are
// put away: by the gateway while it runs, else in the file itself. The caller's thread. What it does not do: print.
#pragma once

#include <memory>

#include "config/settings.hpp"
#include "gateway/dead_commands.hpp"
#include "gateway/letters.hpp"

namespace tributary::gateway {

struct DeadFile {
    config::Settings settings;
    std::string socket;
    std::unique_ptr<store::Reader> reader;
    PutAway away;

    const std::string& path() const { return settings.store.path; }
    // An error of the configuration was said already, and has no code.
    static base::Result<DeadFile> open(const DeadOptions& options);

    std::vector<model::Log> logs(const DeadOptions& options) const;
    // Those that are named, or all; without payloads. One that is not there is an error.
    base::Result<std::vector<Letter>> meant(const DeadOptions& options);
    bool running() const;
    // The gateway's answer; an error also when it answers with one.
    base::Result<std::string> ask(const std::string& request) const;
    base::Result<> put_away(model::Log log, std::vector<SeqRange> ranges);
};

// Exit codes of the commands, said on standard error: it failed, or named no letter.
int dead_failed(const base::Error& error);
int no_letter_named(const char* command);
// "3,5-9", as the gateway is asked.
std::string asked(const std::vector<SeqRange>& ranges);
// Numbers that stand side by side, as ranges.
std::vector<SeqRange> joined(std::vector<uint64_t> seqs);

}  // namespace tributary::gateway
